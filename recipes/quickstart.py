r"""From real images to answers under deadlines, in about a minute on a CPU.

    make quickstart

trains a three-stage width-nested ResNet on the handwritten digits that ship
inside scikit-learn, with Orthogonalized SGD and AdaLoss; measures it; exports
it; and answers a test image under several deadlines.

Expected: an error of at most 0.08 at every stage and 0.03 at stage 3, on the
fifth of the digits that is held out. Two CPU cores, about a minute.
"""

import collections
import sys

from absl import app
from absl import flags
from absl import logging

FLAGS = flags.FLAGS
flags.DEFINE_string(
    "output", "runs/quickstart", "Folder to write model, curve and exports to."
)
flags.DEFINE_integer(
    "epochs", 20, "Passes over the training data.", lower_bound=1
)
flags.DEFINE_integer(
    "seed", 0, "Seed of the weights and of the order of images.", lower_bound=0
)

FILES = (
    "model.keras",
    "curve.csv",
    "curve.png",
    "anytime.tflite",
    "anytime.tflite.json",
    "anytime.tflite.latency.json",
)


def main(argv):
    if len(argv) > 1:
        raise app.UsageError(f"Unexpected arguments: {argv[1:]}")
    logging.set_verbosity(logging.WARNING)
    from keras_anytime.files import check_writable
    from keras_anytime.files import disk_full_errno
    from keras_anytime.files import user_path

    output = user_path(FLAGS.output)
    try:
        for name in FILES:
            check_writable(output / name)
    except OSError as error:
        sys.exit(f"quickstart.py: cannot write to --output: {error}")
    try:
        run(output)
    except KeyboardInterrupt:
        print(
            "\nquickstart.py: stopped. The same command starts again.",
            file=sys.stderr,
        )
        sys.exit(130)
    except Exception as error:
        if disk_full_errno(error) is None:
            raise
        sys.exit(
            f"quickstart.py: {error}. What is in {output} is whole: the same "
            "command replaces it once there is room."
        )


def run(output):
    """Does what the docstring above says, in a folder."""
    import keras
    import numpy as np

    import keras_anytime as ka

    keras.utils.set_random_seed(FLAGS.seed)

    print("1. Data: 1,797 handwritten digits, a fifth of them held out.")
    digits = ka.data.info("digits")
    train, test = ka.data.load("digits", batch_size=32, seed=FLAGS.seed)

    print("2. Training three nested stages with OSGD and AdaLoss.")
    model = ka.nets.width_nested_resnet(
        digits.image_shape,
        digits.classes,
        nesting="w1-w2-w4",
        units=(1, 1, 1),
        filters=(16, 32, 64),
        name="digits",
    )
    steps = FLAGS.epochs * len(train)
    model.compile(
        optimizer=keras.optimizers.SGD(
            keras.optimizers.schedules.CosineDecay(0.05, steps),
            momentum=0.9,
            nesterov=True,
        ),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
        weighting=ka.weighting.AdaLoss(),
        gradients=ka.gradients.Orthogonal(),
    )
    model.fit(
        train,
        validation_data=test,
        epochs=FLAGS.epochs,
        callbacks=[ka.callbacks.StageProgress()],
    )
    model.save(output / "model.keras")

    print("\n3. The anytime curve on the held-out digits.")
    curve = ka.evaluation.anytime_curve(model, test)
    print(curve)
    curve.to_csv(output / "curve.csv")
    try:
        curve.plot(output / "curve.png")
    except ImportError as error:
        print(f"curve.png is left out: {error}")

    print("\n4. Exporting all stages, each weight once.")
    about = {
        "curve": curve,
        "class_names": digits.class_names,
        "preprocessing": digits.preprocessing,
    }
    ka.export.saved_model(model, output / "saved_model", **about)
    ka.export.tflite(model, output / "anytime.tflite", **about)

    print("\n5. Answering a test image under deadlines, with LiteRT.")
    images, labels = next(iter(test.take(1)))
    image, label = np.asarray(images[0]), int(labels[0])
    with ka.runtime.AnytimePredictor(output / "anytime.tflite") as predictor:
        ready_ms = predictor.calibrate(repetitions=200)
        print(
            "median time to the answer of each stage: "
            + ", ".join(f"{milliseconds:.3f} ms" for milliseconds in ready_ms)
        )
        middles = [
            (a + b) / 2 for a, b in zip(ready_ms, ready_ms[1:], strict=False)
        ]
        print(f"{'deadline':>12}  which stage answered, in 100 calls")
        for deadline in (0.0, *middles, 10 * ready_ms[-1], None):
            results = [
                predictor.predict(image, deadline_ms=deadline)
                for _ in range(100)
            ]
            counts = collections.Counter(result.stage for result in results)
            shown = "none" if deadline is None else f"{deadline:.3f} ms"
            answers = ", ".join(
                f"{f'stage {stage}' if stage else 'no stage yet'}: {count}"
                for stage, count in sorted(counts.items())
            )
            print(f"{shown:>12}  {answers}")
        print(
            f"stage {results[-1].stage} says {results[-1].logits.argmax()}; ",
            end="",
        )
        print(f"the digit is a {label}.")

    print("\nWritten:")
    for name in (*FILES, "saved_model"):
        path = output / name
        files = path.rglob("*") if path.is_dir() else [path]
        for file in sorted(path for path in files if path.is_file()):
            print(f"  {file}")


if __name__ == "__main__":
    app.run(main)
