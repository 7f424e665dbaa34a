r"""Converts a network of `keras.applications`, and trains it in three ways.

    python recipes/compare_conversions.py --workdir=runs/conversion

MobileNet is trained alone on CIFAR-10 and converted: two heads are put at a
quarter and half of its cost. The heads are trained on the frozen network, and
then all stages: by plain SGD, by Orthogonalized SGD, and with distillation from
the last stage. The network alone trains for the same epochs again, to compare
the last stage with. The recipe prints the mean top-1 errors over the seeds and
the latencies of the steps in LiteRT, and writes all results to
`conversion.json`. The same command goes on where it was stopped.

Three seeds take about 90 minutes on two CPU cores. Results are in
recipes/results/cifar10_conversion.json.
"""

import sys

from keras_anytime.commands.process import errors_in_one_line
from keras_anytime.commands.process import started
from keras_anytime.experiments.converted_training_settings import (
    ConvertedTrainingSettings,
)


def compare_conversions(settings):
    with errors_in_one_line(ValueError, OSError, FloatingPointError):
        if not settings.workdir:
            sys.exit("compare_conversions.py: --workdir must name a folder.")
        # Keras is imported after the flags are read, because it takes seconds.
        from keras_anytime.experiments.converted_training import compare

        compare(settings)


if __name__ == "__main__":
    with started():
        from keras_anytime.experiments import command_line

        command_line.run(
            ConvertedTrainingSettings, compare_conversions, __doc__
        )
