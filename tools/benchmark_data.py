r"""Measures how many images a second each kind of data set gives.

    python tools/benchmark_data.py --data_dir=/data/tfds --csv=run/data.csv
    KERAS_BACKEND=jax python tools/benchmark_data.py

Rows are training sets that are shuffled and augmented: held in memory, streamed
from TFRecord files, and streamed from a folder of image files. Rates are
medians over the passes, with the lowest and highest. Memory is the peak above
that before the data set was opened, after a fifth of the first pass and at its
end: a stream's does not grow with the number of images.
"""

from absl import app
from absl import flags

from keras_anytime.commands import process
from keras_anytime.experiments import command_line

FLAGS = flags.FLAGS
flags.DEFINE_string(
    "data_dir", None, "Folder of prepared TFDS data sets; else TFDS_DATA_DIR."
)
flags.DEFINE_integer("batch_size", 64, "Images per batch.", lower_bound=1)
flags.DEFINE_integer(
    "repetitions", 5, "Passes that are measured.", lower_bound=1
)
flags.DEFINE_string("split", "train", "Split to read, such as train[:100].")
flags.DEFINE_string("csv", None, "CSV file to write the table to.")


def main(argv):
    command_line.refuse(argv[1:])
    # Keras is imported after the flags are read, because it takes seconds.
    from keras_anytime.experiments.data_benchmark import benchmark_data

    with process.errors_in_one_line(ValueError, OSError):
        benchmark_data(
            FLAGS.data_dir,
            FLAGS.batch_size,
            FLAGS.repetitions,
            FLAGS.split,
            FLAGS.csv,
        )


if __name__ == "__main__":
    app.run(main)
