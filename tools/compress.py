r"""Fine-tunes a trained network to a smaller file, and tells the sizes.

Run it on what `recipes/train.py` left:

    python tools/compress.py --model=runs/x/model.keras \
        --output=runs/x/pruned.keras --method=prune \
        --train_split=train[:45000] --sparsity=0.5
"""

import pathlib
import sys
import tempfile

from absl import app
from absl import flags
from absl import logging

FLAGS = flags.FLAGS
flags.DEFINE_string("model", None, "A trained .keras file.", required=True)
flags.DEFINE_string("output", None, ".keras file to write.", required=True)
flags.DEFINE_enum(
    "method",
    None,
    ["quantization_aware", "prune", "cluster"],
    "Train for 8 bits, set weights to zero, or let kernels have few values.",
    required=True,
)
flags.DEFINE_string(
    "data", None, "Data set; that of the model's training, if not given."
)
flags.DEFINE_string(
    "data_dir", None, "Folder of prepared TFDS data; else TFDS_DATA_DIR."
)
flags.DEFINE_string("train_split", None, "For example train[:45000].")
flags.DEFINE_integer("epochs", 1, "Passes over the data.", lower_bound=1)
flags.DEFINE_integer("batch_size", 128, "Images per step.", lower_bound=1)
flags.DEFINE_float("sparsity", 0.5, "Share of zeros in a kernel, to prune.")
flags.DEFINE_integer("clusters", 16, "Values in a kernel, to cluster.")
flags.DEFINE_float("learning_rate", None, "Of Adam, if not the method's own.")


def main(argv):
    if len(argv) > 1:
        raise app.UsageError(f"Unexpected arguments: {argv[1:]}")
    logging.set_verbosity(logging.WARNING)
    try:
        before, after = compress()
    except (ValueError, ImportError, OSError, FloatingPointError) as error:
        sys.exit(f"compress.py: {error}")
    for name, sizes in (("before", before), ("after", after)):
        print(
            f"Float .tflite {name}: {sizes.raw} bytes, "
            f"{sizes.compressed} compressed"
        )
    print(f"Written: {FLAGS.output}")


def compress():
    """Writes the compressed network, and returns the sizes of both."""
    import keras_anytime as ka
    from keras_anytime.data_info import remember
    from keras_anytime.export import compression

    if not FLAGS.output.endswith(".keras"):
        raise ValueError(
            f"--output must end in .keras. Received: {FLAGS.output}"
        )
    options = {"epochs": FLAGS.epochs}
    if FLAGS.learning_rate is not None:
        options["learning_rate"] = FLAGS.learning_rate
    if FLAGS.method == "prune":
        options["sparsity"] = FLAGS.sparsity
    if FLAGS.method == "cluster":
        options["clusters"] = FLAGS.clusters
    model = ka.load_model(FLAGS.model)
    if FLAGS.data:
        remember(model, ka.data.info(FLAGS.data, FLAGS.data_dir))
    elif model.data_info is None:
        raise ValueError("Images to train on are needed: give --data.")
    train, *_ = ka.data.load(
        model.data_info["name"],
        batch_size=FLAGS.batch_size,
        splits=FLAGS.train_split and (FLAGS.train_split,),
        data_dir=FLAGS.data_dir,
    )
    compressed = getattr(compression, FLAGS.method)(model, train, **options)
    compressed.save(FLAGS.output)
    with tempfile.TemporaryDirectory() as folder:
        sizes = []
        for name, network in (("before", model), ("after", compressed)):
            path = pathlib.Path(folder) / f"{name}.tflite"
            ka.export.tflite(network, path)
            sizes.append(compression.file_sizes(path))
    return sizes


if __name__ == "__main__":
    app.run(main)
