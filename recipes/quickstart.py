r"""From real images to answers under deadlines, in about a minute on a CPU.

    make quickstart

trains a three-stage width-nested ResNet on the handwritten digits that ship
inside scikit-learn, with Orthogonalized SGD and AdaLoss; measures it; exports
it; and answers a test image under several deadlines.

Expected: an error of at most 0.08 at every stage and 0.03 at stage 3, on the
fifth of the digits that is held out. Two CPU cores, about a minute.
"""

import collections
import os
import pathlib
import shlex
import sys

import numpy as np
from absl import app
from absl import flags

from keras_anytime.commands import process
from keras_anytime.experiments import command_line

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

WRITTEN = {
    "model.keras": "the trained network, for ka.load_model",
    "curve.csv": "the table of point 3",
    "curve.png": "its picture",
    "anytime.tflite": "all stages, for devices",
    "anytime.tflite.json": "what the file is fed with and answers",
    "anytime.tflite.latency.json": "the times of point 5",
    "saved_model/": "all stages, for TensorFlow",
    "digits/": "a validation digit of each class",
}


def main(argv):
    command_line.refuse(argv[1:])
    from keras_anytime.files import check_writable
    from keras_anytime.files import disk_full_errno
    from keras_anytime.files import user_path

    output = user_path(FLAGS.output)
    files = [name for name in WRITTEN if not name.endswith("/")]
    try:
        for name in (*files, "digits/0.pgm"):
            check_writable(output / name)
    except OSError as error:
        sys.exit(f"quickstart.py: cannot write to --output: {error}")
    try:
        with process.stopped_by_user("The same command starts again."):
            run(output)
    except Exception as error:
        if disk_full_errno(error) is None:
            raise
        sys.exit(
            f"quickstart.py: {error}. What is in {output} is whole: the same "
            "command replaces it once there is room."
        )


def run(output):
    """Does what the docstring above says, in a folder."""
    # It takes seconds, so something is said before.
    print("Loading TensorFlow. Its lines on oneDNN and CUDA are no errors.")
    import keras

    import keras_anytime as ka

    keras.utils.set_random_seed(FLAGS.seed)

    print("\n1. Data: pictures of 1,797 handwritten digits. A fifth of them is")
    print("not trained on: the validation digits, which measure the network.")
    digits = ka.data.info("digits")
    train, test = ka.data.load("digits", batch_size=32, seed=FLAGS.seed)

    print("\n2. Training one network of three stages, with OSGD and AdaLoss.")
    print("A stage is a part of the network that gives an answer. Stage 1 is")
    print("the smallest and answers first; stages 2 and 3 add to it. The error")
    print("of a stage is the share of digits that it takes for another digit.")
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

    print(
        "\n3. The error of each stage on the validation digits, and its cost."
    )
    curve = ka.evaluation.anytime_curve(model, test)
    print(curve)
    first, last = curve.points[0], curve.points[-1]
    work = f"{first.macs / last.macs:.0%} of the work"
    print(
        f"Stage 1 is wrong on {first.top1_error:.1%} of the digits with {work}"
    )
    print(f"of stage 3, which is wrong on {last.top1_error:.1%} of them.")
    curve.to_csv(output / "curve.csv")
    try:
        curve.plot(output / "curve.png")
    except ImportError as error:
        print(f"curve.png is left out: {error}")

    print("\n4. Exporting: one file runs the stages one after another.")
    ka.export.saved_model(model, output / "saved_model", curve=curve)
    ka.export.tflite(model, output / "anytime.tflite", curve=curve)

    print("\n5. Answering under deadlines with LiteRT: at its deadline, a call")
    print("returns the answer of the last stage that is ready.")
    images, labels = next(iter(test))
    image, label = np.asarray(images[0]), int(labels[0])
    with ka.runtime.AnytimePredictor(output / "anytime.tflite") as predictor:
        ready_ms = predictor.calibrate(repetitions=200)
        shown = ", ".join(f"{milliseconds:.3f}" for milliseconds in ready_ms)
        print(f"Stages 1, 2 and 3 are ready after {shown} ms (medians).")
        print("The deadlines are 0, between these times, and long after them.")
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
                f"{f'stage {stage}' if stage else 'none ready'}: {count}"
                for stage, count in sorted(counts.items())
            )
            print(f"{shown:>12}  {answers}")
    answer = results[-1].logits.argmax()
    print(f"The digit is {label}; without a deadline the answer is {answer}.")
    write_digits(images, labels, digits.preprocessing, output / "digits")
    print_next(output)


def write_digits(images, labels, preprocessing, folder):
    """Writes a picture of each class that is among prepared images."""
    folder.mkdir(exist_ok=True)
    pixels = images * preprocessing["std"] + preprocessing["mean"]
    pixels = np.rint(pixels * preprocessing["scale"]).astype("uint8")
    height, width = pixels.shape[1:3]
    for image, label in zip(pixels, np.asarray(labels), strict=True):
        header = f"P5 {width} {height} 255\n"
        (folder / f"{label}.pgm").write_bytes(header.encode() + image.tobytes())


def print_next(output):
    """Says what was written, and what to do with it."""
    print(f"\nWritten to {FLAGS.output}:")
    for name, content in WRITTEN.items():
        if (output / name).exists():
            print(f"  {name:<28} {content}")
    command = pathlib.Path(sys.executable).with_name("keras-anytime-run")
    command = os.path.relpath(command)
    folder = shlex.quote(FLAGS.output)
    print("\nNext: answer the pictures of a folder, then 100 of them a second.")
    for options in ("", " --fps=100 --frames=30"):
        file = f"{folder}/anytime.tflite"
        print(f"  {command} {file} --images={folder}/digits{options}")


if __name__ == "__main__":
    app.run(main)
