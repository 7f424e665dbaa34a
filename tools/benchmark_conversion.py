"""Converts networks of keras.applications and writes where they are cut.

    python tools/benchmark_conversion.py \
        --csv=recipes/results/benchmarks/conversion.csv

For each network and each cut near 25% and 50% of the multiply-adds: the layer,
the share, the bytes handed over, the head's share of its step, and the seconds
of `add_heads`.
"""

from absl import app
from absl import flags

from keras_anytime.commands import process
from keras_anytime.experiments import command_line

FLAGS = flags.FLAGS
flags.DEFINE_string("csv", None, "CSV file to write.", required=True)
flags.DEFINE_integer("size", 96, "Height and width of images.", lower_bound=32)


def main(argv):
    command_line.refuse(argv[1:])
    # Keras is imported after the flags are read, because it takes seconds.
    from keras_anytime.experiments.conversion_table import write_table

    with process.errors_in_one_line(OSError):
        write_table(FLAGS.csv, FLAGS.size)


if __name__ == "__main__":
    app.run(main)
