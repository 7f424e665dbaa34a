r"""Trains the rows of a paper's table or figure until time is up.

    KERAS_BACKEND=jax python recipes/run_queue.py --minutes=480 \
        --experiment=wan2020_table1 --workdir=runs/wan2020

`recipes/show_experiment.py` lists the experiments and their rows. train.py
trains each row with each seed, in a folder of its own. After each run, its
results are added to a JSON file: command, seed, hardware, commit, versions,
minutes, and the errors beside those of the paper. When time is up, runs that
still train are stopped. The same command goes on from there, and repeats no
finished run. `recipes/collect.py` makes the paper's table of the runs.

A small network leaves most of a GPU idle, so that several runs are trained at a
time. How many get the most done is measured, unless --at_a_time gives it. On
CPUs, they share the cores.

With --smoke, every row is tried in seconds, with a small network and a few
images; where a data set is not there, they are random:

    python recipes/run_queue.py --minutes=30 --smoke \
        --experiment=hu2019_table2 --workdir=runs/smoke

Flags after `--` are passed to train.py for all rows:

    python recipes/run_queue.py --minutes=30 --seeds=1,2 \
        --experiment=wan2020_table1 --workdir=runs/try \
        --rows=wan2020_width_resnet42_sgd,wan2020_width_resnet42_osgd -- \
        --train_split=train[:2000] --units=1,1,1 --filters=8,16,32 --epochs=4
"""

import pathlib
import signal
import sys

from absl import app

from keras_anytime.commands import process
from keras_anytime.experiments import command_line
from keras_anytime.experiments.queue_settings import QueueSettings

command_line.define_flags(QueueSettings)


def main(argv):
    settings = command_line.read_settings(QueueSettings)
    # Keras is imported after the flags are read, because it takes seconds.
    from keras_anytime.experiments.queue import Queue

    train_script = pathlib.Path(__file__).with_name("train.py")
    with process.errors_in_one_line(ValueError, OSError):
        queue = Queue(settings, train_script, argv[1:])
    # Who ends this process with SIGTERM ends its trainings, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    failed = queue.run()
    if failed:
        sys.exit(f"run_queue.py: these failed: {', '.join(failed)}")


if __name__ == "__main__":
    app.run(main)
