r"""Exports a trained network as a SavedModel with one signature per step.

Run it on what `keras-anytime-train` left:

    python tools/export_saved_model.py --model=runs/x/model.keras \
        --output=runs/x/saved_model
"""

import sys

from absl import app
from absl import flags
from absl import logging

FLAGS = flags.FLAGS
flags.DEFINE_string(
    "model", None, "The trained network, a .keras file.", required=True
)
flags.DEFINE_string(
    "output", None, "The SavedModel folder to write.", required=True
)
flags.DEFINE_string(
    "data",
    None,
    "Data set whose classes and pixels go in the manifest; that of the model's "
    "training, if not given.",
)
flags.DEFINE_string(
    "data_dir",
    None,
    "Folder of prepared TFDS data sets; else the environment's TFDS_DATA_DIR.",
)
flags.DEFINE_list(
    "thresholds",
    None,
    "Confidences above which the answers of stages before the last are final, "
    "as in budget.csv of keras-anytime-evaluate.",
)
flags.DEFINE_integer(
    "batch_size",
    None,
    "Images per call; any number, if not given.",
    lower_bound=1,
)


def main(argv):
    if len(argv) > 1:
        raise app.UsageError(f"Unexpected arguments: {argv[1:]}")
    logging.set_verbosity(logging.WARNING)
    import keras_anytime as ka
    from keras_anytime.training.data_info import remember

    try:
        model = ka.load_model(FLAGS.model)
        if FLAGS.data:
            remember(model, ka.data.info(FLAGS.data, FLAGS.data_dir))
        ka.export.saved_model(
            model,
            FLAGS.output,
            batch_size=FLAGS.batch_size,
            thresholds=FLAGS.thresholds and list(map(float, FLAGS.thresholds)),
        )
    except (ValueError, OSError, FloatingPointError) as error:
        sys.exit(f"export_saved_model.py: {error}")
    print(f"Written: {FLAGS.output}")


if __name__ == "__main__":
    app.run(main)
