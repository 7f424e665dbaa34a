r"""Compares the five strategies of Wan 2020 on one network.

    python recipes/compare_strategies.py --workdir=runs/strategies \
        --seeds=1,2,3 -- --data=cifar10 --train_split=train[:20000] \
        --eval_split=train[45000:] --units=1,1,1 --filters=16,32,64 \
        --epochs=6 --schedule=steps

Flags after `--` are passed to train.py for all runs. The runs are trained one
after another, each in a folder of its own; the same command goes on where it
was stopped. The recipe prints the top-1 errors, mean and standard deviation
over the seeds, and writes the results of all runs, with their commands and
minutes, to `strategies.json`.

Results on CIFAR-10 with a network that trains in minutes on two CPU cores are
in recipes/results/cifar10_strategies.json.
"""

import pathlib
import sys

from absl import app

from keras_anytime.commands import process
from keras_anytime.experiments import command_line
from keras_anytime.experiments.queue_settings import StrategySettings
from keras_anytime.experiments.settings import check_seeds

command_line.define_flags(StrategySettings)


def main(argv):
    settings = command_line.read_settings(StrategySettings)
    with process.errors_in_one_line(ValueError, OSError, RuntimeError):
        if not settings.workdir:
            sys.exit("compare_strategies.py: --workdir must name a folder.")
        check_seeds(settings.seeds)
        # Keras is imported after the flags are checked: it takes seconds.
        from keras_anytime.experiments.strategies import compare_strategies

        train_script = pathlib.Path(__file__).with_name("train.py")
        compare_strategies(settings, train_script, argv[1:])


if __name__ == "__main__":
    app.run(main)
