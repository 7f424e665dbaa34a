r"""Measures time and memory of exported networks on this device, by stage.

On any device with NumPy and LiteRT, it compares exported files:

    keras-anytime-benchmark --files=nested=anytime.tflite,w4=w4.tflite

Where Keras is installed, it compares an untrained network of the papers with
its subnetworks in dense form, and with separate networks of the sizes of its
stages:

    keras-anytime-benchmark --net=width_resnet42 --threads=1 \
        --csv=runs/latency.csv

All programs run in one process, in turn, so that other work of the machine
slows all of them down alike. `step k` is the step of stage k, `steps 1-k` are
all steps up to it, `subnet k` is the subnetwork alone, and `answer k` is a call
of `AnytimePredictor`. Milliseconds are medians and 99th percentiles. Ratios are
to the whole network alone, which is the last `subnet` of the first file with
subnetworks: the median, lowest and highest over the rounds. Errors are those of
the manifest, which `keras-anytime-export --verify` measures. `--plot` draws
them against the times of the answers.
"""

import argparse
import json
import pathlib
from typing import Any

from keras_anytime.commands.process import errors_in_one_line
from keras_anytime.commands.process import started


def main() -> None:
    """Runs the command."""
    with started():
        flags = parse()
        if flags.net:
            # Absl is where Keras is.
            from keras_anytime.experiments import command_line

            command_line.quiet_libraries()
        with errors_in_one_line(ValueError, OSError, ImportError):
            from keras_anytime.experiments.tflite_benchmark import (
                benchmark_tflite,
            )

            benchmark_tflite(**vars(flags))


def parse() -> argparse.Namespace:
    """Returns the flags, or ends the process if they are wrong."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument(
        "--files",
        type=named_files,
        help="Exported files to measure, as NAME=FILE,NAME=FILE.",
    )
    source.add_argument(
        "--net",
        help="The network to export and measure: a name that list_networks.py "
        "lists, or a builder of ka.nets.",
    )
    parser.add_argument(
        "--net_arguments",
        default={},
        type=json_object,
        help="Further arguments of the builder of --net, as a JSON object.",
    )
    parser.add_argument(
        "--threads", type=int, help="Threads of LiteRT; else as it chooses."
    )
    parser.add_argument(
        "--repetitions",
        type=int,
        default=100,
        help="Rounds that all files are measured in.",
    )
    parser.add_argument("--csv", help="CSV file to write all numbers to.")
    parser.add_argument(
        "--plot",
        help="Picture of errors against time, .png or .svg; it needs Keras and "
        "Matplotlib.",
    )
    flags = parser.parse_args()
    for name in ("threads", "repetitions"):
        if (value := getattr(flags, name)) is not None and value < 1:
            parser.error(f"--{name} must be 1 or more. Received: {value}")
    if flags.net_arguments and not flags.net:
        parser.error("--net_arguments goes with --net.")
    return flags


def json_object(text: str) -> dict[str, Any]:
    """Reads a JSON object."""
    value = json.loads(text)
    if not isinstance(value, dict):
        raise argparse.ArgumentTypeError(f"{text!r} is no JSON object")
    return value


def named_files(text: str) -> dict[str, str]:
    """Reads `NAME=FILE,...`; a file without a name has its own."""
    pairs = [pair.rpartition("=")[::2] for pair in text.split(",")]
    files = {name or pathlib.Path(path).stem: path for name, path in pairs}
    if len(files) < len(pairs):
        raise argparse.ArgumentTypeError(f"two files of one name in {text!r}")
    return files
