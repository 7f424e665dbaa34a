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
flags.DEFINE_string(
    "model", None, "The trained network, a .keras file.", required=True
)
flags.DEFINE_string("output", None, "The .keras file to write.", required=True)
flags.DEFINE_enum(
    "method",
    None,
    ["quantization_aware", "prune", "cluster"],
    "How to compress: train for 8 bits, set weights to zero, or let kernels "
    "have few values.",
    required=True,
)
flags.DEFINE_string(
    "data",
    None,
    "The data set: 'digits', the path of an .npz file, or the name of a TFDS "
    "data set, such as cifar10; else that of the model's training.",
)
flags.DEFINE_string(
    "data_dir",
    None,
    "Folder of prepared TFDS data sets; else the environment's TFDS_DATA_DIR.",
)
flags.DEFINE_bool(
    "download",
    False,
    "Fetch and prepare the TFDS data set if it is not in --data_dir.",
)
flags.DEFINE_string(
    "train_split",
    None,
    "Split to fine-tune on, such as train[:45000]; else the data set's own.",
)
flags.DEFINE_integer(
    "epochs", 1, "Passes over the training data.", lower_bound=1
)
flags.DEFINE_integer(
    "batch_size", 128, "Images per training step.", lower_bound=1
)
flags.DEFINE_float(
    "sparsity", 0.5, "Share of zeros in each kernel, for --method=prune."
)
flags.DEFINE_integer(
    "clusters",
    16,
    "Different values in each kernel, for --method=cluster.",
    lower_bound=3,
)
flags.DEFINE_float(
    "learning_rate",
    None,
    "Learning rate of Adam; else that of --method.",
    lower_bound=0,
)


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
    from keras_anytime.files import atomic_write
    from keras_anytime.files import check_writable
    from keras_anytime.training.data_info import remember

    if not FLAGS.output.endswith(".keras"):
        raise ValueError(
            f"--output must end in .keras. Received: {FLAGS.output}"
        )
    if not 0 < FLAGS.sparsity < 1:
        raise ValueError(
            f"--sparsity must be between 0 and 1. Received: {FLAGS.sparsity}"
        )
    check_writable(FLAGS.output)
    options = {"epochs": FLAGS.epochs}
    if FLAGS.learning_rate is not None:
        options["learning_rate"] = FLAGS.learning_rate
    if FLAGS.method == "prune":
        options["sparsity"] = FLAGS.sparsity
    if FLAGS.method == "cluster":
        options["clusters"] = FLAGS.clusters
    model = ka.load_model(FLAGS.model)
    if FLAGS.data:
        info = ka.data.info(FLAGS.data, FLAGS.data_dir, download=FLAGS.download)
        remember(model, info)
    elif model.data_info is None:
        raise ValueError("Images to train on are needed: give --data.")
    train, *_ = ka.data.load(
        model.data_info["name"],
        batch_size=FLAGS.batch_size,
        splits=FLAGS.train_split and (FLAGS.train_split,),
        data_dir=FLAGS.data_dir,
        download=FLAGS.download,
    )
    compressed = getattr(ka.export, FLAGS.method)(model, train, **options)
    atomic_write(FLAGS.output, compressed.save)
    with tempfile.TemporaryDirectory() as folder:
        sizes = []
        for name, network in (("before", model), ("after", compressed)):
            path = pathlib.Path(folder) / f"{name}.tflite"
            ka.export.tflite(network, path)
            sizes.append(ka.export.file_sizes(path))
    return sizes


if __name__ == "__main__":
    app.run(main)
