r"""Exports a trained network as a SavedModel with one signature per step.

Run it on what `keras-anytime-train` left:

    python tools/export_saved_model.py --model=runs/x/model.keras \
        --output=runs/x/saved_model
"""

import sys

from absl import app
from absl import flags

from keras_anytime.experiments import command_line

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
flags.DEFINE_list(
    "temperatures",
    None,
    "Numbers that divide the logits of each stage before its confidence, as "
    "from ka.evaluation.fit_temperatures.",
)
flags.DEFINE_boolean(
    "product_answers",
    False,
    "Let probabilities and confidences be those of product answers.",
)
flags.DEFINE_list(
    "risk",
    None,
    "What --thresholds were chosen for: risk, level and number of examples, as "
    "in risk_control.csv of keras-anytime-evaluate, with the same "
    "--temperatures or --product_answers.",
)
flags.DEFINE_integer(
    "batch_size",
    None,
    "Images per call; any number, if not given.",
    lower_bound=1,
)


def main(argv):
    command_line.refuse(argv[1:])
    import keras_anytime as ka
    from keras_anytime.experiments.exported_risk import read_risk
    from keras_anytime.training.data_info import remember

    try:
        model = ka.load_model(FLAGS.model)
        if FLAGS.data:
            remember(model, ka.data.info(FLAGS.data, FLAGS.data_dir))
        answers = {
            "thresholds": _numbers(FLAGS.thresholds),
            "temperatures": _numbers(FLAGS.temperatures),
            "product_answers": FLAGS.product_answers,
        }
        ka.export.saved_model(
            model,
            FLAGS.output,
            batch_size=FLAGS.batch_size,
            risk=read_risk(FLAGS.risk, **answers),
            **answers,
        )
    except (ValueError, OSError, FloatingPointError) as error:
        sys.exit(f"export_saved_model.py: {error}")
    print(f"Written: {FLAGS.output}")


def _numbers(entries):
    return list(map(float, entries)) if entries else None


if __name__ == "__main__":
    app.run(main)
