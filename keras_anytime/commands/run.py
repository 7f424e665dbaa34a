r"""Classifies images on a device, each by its deadline.

Needs NumPy, LiteRT and `keras_anytime`, neither Keras nor TensorFlow:

    keras-anytime-run anytime.tflite --images=photos --deadline_ms=8
    keras-anytime-run anytime.tflite --fps=30 --frames=300

Images are files in a folder and its subfolders: .ppm, .pgm and .npy (uint8
pixels), and .jpg, .png and others where Pillow is installed. Files that are not
images, or that cannot be read, are named and left out. Without a folder, frames
are noise, or blank where the file does not say how pixels are prepared or takes
other inputs than one image. With `--fps`, frames come as from a camera, over
and over: the default deadline is the next frame, and frames that come before an
answer is ready are dropped. Slack is the time between the answer and the
deadline.
"""

import argparse
import math
import sys

from keras_anytime.commands.process import errors_in_one_line
from keras_anytime.commands.process import script_name
from keras_anytime.commands.process import started


def main() -> None:
    """Runs the command."""
    with started():
        flags = parse()
        try:
            with errors_in_one_line(ValueError, OSError, ImportError):
                run(flags)
        except KeyboardInterrupt:
            sys.exit(130)


def run(flags: argparse.Namespace) -> None:
    """Opens the file and answers frames."""
    from keras_anytime.experiments.device_demo import answer_frames
    from keras_anytime.experiments.device_demo import load_frames
    from keras_anytime.runtime import AnytimePredictor

    with AnytimePredictor(flags.file, flags.threads) as predictor:
        answer_frames(
            predictor,
            load_frames(predictor, flags.images, warn),
            flags.frames,
            flags.fps,
            flags.deadline_ms,
            flags.confidence,
        )


def parse() -> argparse.Namespace:
    """Returns the flags, or ends the process if they are wrong."""
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


def warn(text: str) -> None:
    """Prints a warning, after the name of the command."""
    print(f"{script_name()}: {text}", file=sys.stderr)
