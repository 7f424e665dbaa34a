r"""Measures the time to evaluate all stages, and the largest stage alone.

    python tools/benchmark_evaluation.py --net=width_resnet42 --images=1000

Both run in one process, in turn, so that other work of the machine slows both
down alike. `evaluate` is that of Keras, on the largest stage as a model of its
own, with loss and accuracy; `anytime_curve` has every stage's errors, loss,
calibration and intervals. Times are medians over the rounds; so are ratios,
given with the lowest and highest.
"""

from absl import app
from absl import flags

from keras_anytime.commands import process
from keras_anytime.experiments import command_line

FLAGS = flags.FLAGS
flags.DEFINE_string(
    "net",
    "width_resnet42",
    "The network: a name that list_networks.py lists, or a builder of ka.nets.",
)
flags.DEFINE_integer("images", 1000, "Images to measure on.", lower_bound=1)
flags.DEFINE_integer("batch_size", 128, "Images per batch.", lower_bound=1)
flags.DEFINE_integer(
    "repetitions", 7, "Rounds that both ways are measured in.", lower_bound=1
)
flags.DEFINE_string("csv", None, "CSV file to write the table to.")


def main(argv):
    command_line.refuse(argv[1:])
    # Keras is imported after the flags are read, because it takes seconds.
    from keras_anytime.experiments.evaluation_benchmark import (
        benchmark_evaluation,
    )

    with process.errors_in_one_line(ValueError, OSError):
        benchmark_evaluation(
            FLAGS.net,
            FLAGS.images,
            FLAGS.batch_size,
            FLAGS.repetitions,
            FLAGS.csv,
        )


if __name__ == "__main__":
    app.run(main)
