r"""Trains a small anytime network for each kind of task, on real data.

    python recipes/train_tasks.py --workdir=runs/tasks

A regression on a table, a segmentation, and a binary answer from an image and a
number, with data that ships inside scikit-learn. Each network is trained with
Orthogonalized SGD, measured, exported in int8, and run under deadlines by a
process that has NumPy and LiteRT only. It takes about five minutes on two CPU
cores. A classification of series needs a data set of the UCR archive:

    python recipes/train_tasks.py --workdir=runs/tasks --examples=series \
        --series=UCRArchive/GunPoint

The networks are in `keras_anytime/experiments/task_examples.py`, as a start for
your own. Results are in recipes/results/tasks.json.
"""

import sys

from keras_anytime.commands.process import errors_in_one_line
from keras_anytime.commands.process import started
from keras_anytime.experiments.own_tasks_settings import OwnTasksSettings


def train_tasks(settings):
    with errors_in_one_line(ValueError, OSError):
        if not settings.workdir:
            sys.exit("train_tasks.py: --workdir must name a folder.")
        # Keras is imported after the flags are read, because it takes seconds.
        from keras_anytime.experiments.own_tasks import train_all

        train_all(settings)


if __name__ == "__main__":
    with started():
        from keras_anytime.experiments import command_line

        command_line.run(OwnTasksSettings, train_tasks, __doc__)
