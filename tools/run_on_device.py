r"""Classifies images on a device, each by its deadline.

Needs NumPy, LiteRT and `keras_anytime`, neither Keras nor TensorFlow:

    python tools/run_on_device.py anytime.tflite --images=photos --deadline_ms=8
    python tools/run_on_device.py anytime.tflite --fps=30 --frames=300

Images are files in a folder: .ppm, .pgm and .npy (uint8 pixels), and whatever
Pillow reads where it is installed. Without a folder, frames are noise. With
`--fps` frames come as from a camera, over and over: the deadline is then the
next frame, if none is given, and frames that come while an answer is given are
dropped. Slack is the time left when the answer was there.
"""

import argparse
import collections
import re
import sys
import time

import numpy as np

from keras_anytime.confidence import confidence
from keras_anytime.files import user_path
from keras_anytime.runtime import AnytimePredictor


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
        if (value := getattr(flags, name)) is not None and not value > 0:
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
    """Returns pairs of a name and an image as the network is fed."""
    if folder is None:
        blank = predictor.blank()[0]
        rng = np.random.default_rng(0)
        noise = [
            rng.integers(0, 256, blank.shape, "uint8")
            if blank.dtype == np.uint8
            else rng.standard_normal(blank.shape, "float32")
            for _ in range(8)
        ]
        return [(f"noise {n}", one) for n, one in enumerate(noise)]
    files = sorted(one for one in user_path(folder).iterdir() if one.is_file())
    if not files:
        raise ValueError(f"There is no image in {folder!r}.")
    return [(one.name, predictor.prepare(read(one))) for one in files]


def read(path):
    """Returns the uint8 pixels of an image file."""
    if path.suffix == ".npy":
        return np.load(path, allow_pickle=False)
    if path.suffix in (".ppm", ".pgm"):
        return read_netpbm(path)
    try:
        from PIL import Image
    except ImportError as error:
        raise ImportError(
            f"Reading {path.name!r} needs Pillow; .ppm, .pgm and .npy do not."
        ) from error
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def read_netpbm(path):
    """Returns the pixels of a binary .ppm or .pgm file of 8 bits."""
    content = path.read_bytes()
    # Numbers are apart by white space, and by comments to the end of a line.
    number = rb"(?:\s|#[^\n]*\n)+(\d+)"
    header = re.match(rb"P([56])" + 3 * number + rb"\s", content)
    try:
        if header is None or int(header[4]) != 255:
            raise ValueError("not P5 or P6 with values to 255")
        channels = 1 if header[1] == b"5" else 3
        pixels = np.frombuffer(content, "uint8", offset=header.end())
        return pixels.reshape(int(header[3]), int(header[2]), channels)
    except ValueError as error:
        raise ValueError(
            f"{str(path)!r} is no binary .ppm or .pgm file of 8 bits: {error}"
        ) from error


if __name__ == "__main__":
    main()
