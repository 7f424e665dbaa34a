r"""Classifies images on a device, each by its deadline.

Needs NumPy, LiteRT and `keras_anytime`, neither Keras nor TensorFlow:

    python tools/run_on_device.py anytime.tflite --images=photos --deadline_ms=8
    python tools/run_on_device.py anytime.tflite --fps=30 --frames=300

Images are files in a folder and the folders within: .ppm, .pgm and .npy (uint8
pixels), and .jpg, .png and others where Pillow is installed. Files that are no
images, or that cannot be read, are named and left out. Without a folder, frames
are noise, or blank where the file does not say how pixels are prepared. With
`--fps` frames come as from a camera, over and over: the deadline is then the
next frame, if none is given, and frames that come while an answer is given are
dropped. Slack is the time left when the answer was there.
"""

import argparse
import collections
import math
import sys
import time

import numpy as np

from keras_anytime.confidence import confidence
from keras_anytime.files import user_path
from keras_anytime.runtime import AnytimePredictor
from keras_anytime.runtime.image_files import find_images
from keras_anytime.runtime.image_files import read_pixels


def main():
    flags = parse()
    try:
        with AnytimePredictor(flags.file, flags.threads) as predictor:
            run(flags, predictor)
    except (ValueError, OSError, ImportError) as error:
        sys.exit(f"run_on_device.py: {error}")
    except KeyboardInterrupt:
        sys.exit(130)


def parse():
    """Returns the flags."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("file", help="An exported .tflite file.")
    parser.add_argument("--images", help="Folder of images; noise, if none.")
    parser.add_argument("--deadline_ms", type=float, help="For each frame.")
    parser.add_argument("--fps", type=float, help="Frames a second.")
    parser.add_argument(
        "--frames", type=int, help="Frames to answer; each image once, if none."
    )
    parser.add_argument(
        "--confidence", type=float, help="In [0, 1]: stop early above it."
    )
    parser.add_argument("--threads", type=int, help="Threads of LiteRT.")
    flags = parser.parse_args()
    for name in ("deadline_ms", "fps", "frames"):
        value = getattr(flags, name)
        if value is not None and not 0 < value < math.inf:
            parser.error(f"--{name} must be above 0. Received: {value}")
    if flags.deadline_ms is None and flags.fps:
        flags.deadline_ms = 1e3 / flags.fps
    return flags


def run(flags, predictor):
    """Answers frame after frame, and tells how it went."""
    images = load(flags.images, predictor)
    count = flags.frames or len(images)
    print(
        f"{predictor.manifest.name}: answers after "
        + ", ".join(f"{one:.2f}" for one in predictor.calibrate())
        + " ms; deadline "
        + (f"{flags.deadline_ms:.2f} ms" if flags.deadline_ms else "none")
    )
    counts = collections.Counter()
    dropped = 0
    start = time.perf_counter()
    frame = 0
    for _ in range(count):
        if flags.fps:
            late = (time.perf_counter() - start) * flags.fps - frame
            # Those that came in the meantime are gone.
            dropped += max(0, int(late))
            frame += max(0, int(late))
            time.sleep(max(0.0, -late / flags.fps))
        name, image = images[frame % len(images)]
        called = time.perf_counter()
        result = predictor.predict(image, flags.deadline_ms, flags.confidence)
        slack = ""
        if flags.deadline_ms:
            spent = 1e3 * (time.perf_counter() - called)
            slack = f"  slack {flags.deadline_ms - spent:+.2f} ms"
        counts[result.stage] += 1
        print(f"{frame:>6} {name}  {answer(result, predictor.manifest)}{slack}")
        frame += 1
    print(
        ", ".join(
            f"{f'stage {stage}' if stage else 'no stage'}: {number}"
            for stage, number in sorted(counts.items())
        )
        + (f"; dropped frames: {dropped}" if flags.fps else "")
    )


def answer(result, manifest):
    """Returns a text that tells an answer."""
    if not result.ready:
        return "no stage was ready"
    logits, names = result.logits, manifest.class_names
    if isinstance(logits, dict):  # The first label set is the finest.
        label_set, logits = next(iter(logits.items()))
        names = names and names[label_set]
    index = int(logits.argmax())
    shown = names[index] if names else f"class {index}"
    return (
        f"stage {result.stage}  {shown} ({float(confidence(logits)):.0%})  "
        f"{result.elapsed_ms:.2f} ms"
    )


def load(folder, predictor):
    """Returns pairs of a name and an image as `predict` takes it."""
    if folder is None:
        blank = predictor.blank()[0]
        rng = np.random.default_rng(0)
        try:
            return [
                (
                    f"noise {n}",
                    predictor.prepare(rng.integers(0, 256, blank.shape, "u1")),
                )
                for n in range(8)
            ]
        except ValueError:
            return [("blank", blank)]
    # A file that pixels cannot be prepared for is no fault of the images.
    predictor.prepare(np.zeros((1, 1), "uint8"))
    folder = user_path(folder)
    files, others = find_images(folder)
    for path in others:
        tell(f"left out, no image: {path}")
    images = []
    for path in files:
        try:
            image = predictor.prepare(read_pixels(path))
        except (ValueError, ImportError) as error:
            tell(f"left out {path}: {error}")
            continue
        name = path.name if path == folder else str(path.relative_to(folder))
        images.append((name, image))
    if not images:
        raise ValueError(
            f"In {str(folder)!r} and the folders within there is no image that "
            f"can be read. Received: --images={folder}"
        )
    return images


def tell(text):
    print(f"run_on_device.py: {text}", file=sys.stderr)


if __name__ == "__main__":
    main()
