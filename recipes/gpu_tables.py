r"""Trains rows of Wan 2020's Tables 1 and 2 until time is up.

    KERAS_BACKEND=jax python recipes/gpu_tables.py --workdir=runs/tables \
        --minutes=480

Each row is a file in recipes/flags. train.py trains it with each seed, in a
folder of its own: first the width-nested ResNet-42 with SGD and OSGD, then the
other strategies and networks. After each run, its results are added to the file
of --results: command, seed, hardware, commit, versions, minutes, and the errors
of each stage beside those of the paper. When time is up, runs that still train
are stopped. The same command goes on from there, and repeats no finished run.

A small network leaves most of a GPU idle, so that several runs are trained at a
time. How many get the most done is measured, unless --at_a_time gives it.

Flags after `--` are passed to train.py for all rows. With them, the queue can
be tried on two CPU cores in minutes:

    python recipes/gpu_tables.py --workdir=runs/try --minutes=30 \
        --rows=width_resnet42_sgd,width_resnet42_osgd --seeds=1,2 \
        --results=runs/try/tables.json -- --train_split=train[:2000] \
        --units=1,1,1 --filters=8,16,32 --epochs=4
"""

import pathlib
import signal
import sys

from absl import app

from keras_anytime.commands import process
from keras_anytime.experiments import command_line
from keras_anytime.experiments.queue_settings import QueueSettings

HERE = pathlib.Path(__file__).parent

command_line.define_flags(
    QueueSettings, results=str(HERE / "results/wan2020_tables.json")
)


def main(argv):
    settings = command_line.read_settings(QueueSettings)
    # Keras is imported after the flags are read, because it takes seconds.
    from keras_anytime.experiments.queue import Queue

    with process.errors_in_one_line(ValueError, OSError):
        queue = Queue(settings, HERE, argv[1:])
    # Who ends this process with SIGTERM ends its trainings, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    failed = queue.run()
    if failed:
        sys.exit(f"gpu_tables.py: these failed: {', '.join(failed)}")


if __name__ == "__main__":
    app.run(main)
