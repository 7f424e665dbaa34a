r"""Compares strategies for several tasks on one small network.

    python recipes/multitask.py --workdir=runs/multitask

Images of two overlapping digits have three tasks: the left digit, the right
digit, and the ink of both. The recipe trains separate networks, plain and
weighted sums of the losses, and every combiner and balancer of the library,
each at its own best rate and with three seeds. The same command goes on where
it was stopped.
"""

from keras_anytime.commands.process import errors_in_one_line
from keras_anytime.commands.process import started
from keras_anytime.experiments.multitask_settings import MultitaskSettings


def compare_strategies(settings):
    with errors_in_one_line(ValueError, OSError):
        settings.check()
        # Keras is imported after the flags are read, because it takes seconds.
        from keras_anytime.experiments.multitask import compare

        compare(settings)


if __name__ == "__main__":
    with started():
        from keras_anytime.experiments import command_line

        command_line.run(MultitaskSettings, compare_strategies, __doc__)
