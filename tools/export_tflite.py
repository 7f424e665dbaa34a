r"""Exports a trained network as LiteRT files with a signature per step.

Run it on what `recipes/train.py` left. For a device that is fed pixels, in
float32 and full 8-bit integers, each stage measured on images that were not
trained on:

    python tools/export_tflite.py --model=runs/x/model.keras \
        --output=runs/x/anytime.tflite --data=cifar10 --pixels=true \
        --quantization=float32,int8 --verify \
        --verify_split='train[45000:46000]'
"""

import pathlib
import sys

from absl import app
from absl import flags

from keras_anytime.experiments import command_line

FLAGS = flags.FLAGS
flags.DEFINE_string("model", None, "A trained .keras file.", required=True)
flags.DEFINE_string("output", None, ".tflite file to write.", required=True)
flags.DEFINE_string(
    "data",
    None,
    "Data set whose classes and pixels go in the manifest, and that --verify "
    "and integers are measured on; that of the model's training, if not given.",
)
flags.DEFINE_string("data_dir", None, "Folder of prepared TFDS data.")
flags.DEFINE_list(
    "quantization",
    ["float32"],
    "Variants: float32, float16, dynamic, int4, int8, int16x8, int8_qat. Of "
    "several, each other than float32 has its name added to the file's.",
)
flags.DEFINE_list("stages", None, "Stages to export; all, if not given.")
flags.DEFINE_string(
    "pixels",
    "false",
    "true, or a size such as 240x320: the file takes uint8 pixels, and "
    "resizes and normalizes them itself.",
)
flags.DEFINE_bool(
    "subnets",
    True,
    "Have each stage alone beside the steps, which takes a device's memory.",
)
flags.DEFINE_bool(
    "dense_subnets", False, "Make one dense convolution of a layer's slices."
)
flags.DEFINE_bool(
    "verify", False, "Measure each stage of each file on --verify_split."
)
flags.DEFINE_float(
    "max_accuracy_drop",
    None,
    "With --verify: percentage points that a stage may lose. If one loses "
    "more, nothing is written.",
)
flags.DEFINE_string(
    "verify_split", None, "Split to measure on; that of evaluation, if empty."
)
flags.DEFINE_string(
    "representative_split",
    None,
    "Split to calibrate integers on, the first 200 images, and to train "
    "int8_qat on, all of it; that of training, if empty.",
)
flags.DEFINE_list(
    "thresholds",
    None,
    "Confidences above which the answers of stages before the last are final, "
    "as in budget.csv of recipes/evaluate.py.",
)
flags.DEFINE_integer("batch_size", 1, "Images per call.", lower_bound=1)
flags.DEFINE_bool("keep_names", False, "Keep the names of tensors inside.")


def main(argv):
    command_line.refuse(argv[1:])
    import keras_anytime as ka
    from keras_anytime.training.data_info import remember

    try:
        model = ka.load_model(FLAGS.model)
        if FLAGS.data:
            remember(model, ka.data.info(FLAGS.data, FLAGS.data_dir))
        arguments = {
            "stages": FLAGS.stages and [int(stage) for stage in FLAGS.stages],
            "pixels": _pixels(),
            "subnets": FLAGS.subnets,
            "dense_subnets": FLAGS.dense_subnets,
            "batch_size": FLAGS.batch_size,
            "thresholds": FLAGS.thresholds
            and list(map(float, FLAGS.thresholds)),
            "keep_names": FLAGS.keep_names,
        }
        paths = _paths()
        images = None
        if set(paths) & set(ka.export.CALIBRATED):
            images = _images(ka, model, FLAGS.representative_split, 0)
        if FLAGS.verify:
            results = ka.export.export_verified(
                model,
                paths,
                _images(ka, model, FLAGS.verify_split, 1),
                representative=images,
                max_accuracy_drop=FLAGS.max_accuracy_drop,
                **arguments,
            )
            print(ka.export.verification_table(results))
        else:
            for variant, path in paths.items():
                variant = None if variant == "float32" else variant
                ka.export.tflite(model, path, variant, images, **arguments)
    except (ValueError, OSError, FloatingPointError) as error:
        if results := getattr(error, "results", None):
            print(ka.export.verification_table(results))
        sys.exit(f"export_tflite.py: {error}")
    if model.data_info is None:
        print(
            "The manifest does not say how images are prepared, so that "
            "run_on_device.py cannot run the file: give --data.",
            file=sys.stderr,
        )
    for path in paths.values():
        print(f"Written: {path} and {path}.json")


def _paths():
    """The files to write, by variants."""
    if len(FLAGS.quantization) == 1:
        return {FLAGS.quantization[0]: FLAGS.output}
    whole = pathlib.Path(FLAGS.output)
    return {
        entry: str(
            whole
            if entry == "float32"
            else whole.with_name(f"{whole.stem}_{entry}{whole.suffix}")
        )
        for entry in FLAGS.quantization
    }


def _pixels():
    if FLAGS.pixels in ("true", "false"):
        return FLAGS.pixels == "true"
    height, _, width = FLAGS.pixels.partition("x")
    return int(height), int(width)


def _images(ka, model, split, default):
    """A split as it is, or the default one of the two."""
    if model.data_info is None:
        raise ValueError("Images to run it on are needed: give --data.")
    loaded = ka.data.load(
        model.data_info["name"],
        splits=split and (split, split),
        augment=False,
        data_dir=FLAGS.data_dir,
    )
    return loaded[1 if split else default]


if __name__ == "__main__":
    app.run(main)
