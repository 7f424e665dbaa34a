"""The model card of a network that ships, made from the facts alone."""

import shlex
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from keras_anytime.experiments.collecting.tables import markdown_line
from keras_anytime.nets import catalogue

# What a data set is, and under which terms it may be used.
TERMS = {
    "cifar10": (
        "[CIFAR-10](https://www.cs.toronto.edu/~kriz/cifar.html) has 60,000 "
        "color photos of 32x32 pixels in 10 classes. It comes without a grant "
        "of a license: its authors ask to be cited, and the photos are from "
        "the web, collected for the Tiny Images, which their authors withdrew "
        "in 2020 because of offensive content. The package does not contain "
        "the photos. If you use the weights, cite Krizhevsky, A. (2009), "
        "[Learning multiple layers of features from tiny images](https://"
        "www.cs.toronto.edu/~kriz/learning-features-2009-TR.pdf), and decide "
        "yourself whether a network that was trained on such data may serve "
        "your purpose."
    ),
}
# The images of a whole test split.
TEST_IMAGES = {"cifar10": 10_000}
_LIMITS = (
    "It is for examples, tests, benchmarks and teaching: a network that is "
    "there at once, small enough for a slow device. It knows the {classes} "
    "classes above and nothing else: whatever the image shows, it answers one "
    "of them, often with confidence. Images must be of {height}x{width} "
    "pixels and look as those of the data set do; expect more errors on other "
    "photos. It was neither made nor tested for decisions about "
    "people, or for anything that may do harm when it errs."
)


def model_card(facts: Mapping[str, Any]) -> str:
    """Returns the card of a network that ships, as Markdown.

    Args:
        facts: Dict, as `ka.nets.facts` returns it.
    """
    network, weights = facts["network"], facts["weights"]
    shape = tuple(facts["input_shape"])
    data = facts["data"]
    sections = [
        f"# `{network}`, weights `{weights}`",
        f"{catalogue.find(network).description}, trained on {data['name']}. "
        f"Classes: {', '.join(data['class_names'])}.",
        "```python\n"
        "import keras_anytime as ka\n\n"
        # The last comma keeps the lines as they are, whoever formats them.
        "model = ka.nets.get(\n"
        f'    "{network}",\n'
        f"    {shape},\n"
        f"    {facts['classes']},\n"
        f'    weights="{weights}",\n'
        ")\n"
        "```",
        "## Use and limits",
        _LIMITS.format(
            classes=facts["classes"], height=shape[0], width=shape[1]
        ),
        "## Errors",
        *_errors(facts),
        "## Calibration",
        *_calibration(facts),
        "## Files for devices",
        *_files(facts),
        "## Training",
        *_training(facts),
        "## Data",
        TERMS[data["name"]],
    ]
    return "\n\n".join(sections) + "\n"


def _errors(facts: Mapping[str, Any]) -> Iterable[str]:
    """Yields the table of errors, costs and sizes."""
    curve = facts["evaluation"]["curve"]
    test = facts["test"]
    columns = ["stage", "multiply-adds", "parameters"]
    columns += [f"error on `{facts['evaluation']['split']}`"]
    columns += [f"error on `{test['split']}`"] if test else []
    rows = []
    for index, point in enumerate(curve["points"]):
        measured = [point]
        measured += [test["curve"]["points"][index]] if test else []
        rows.append(
            [
                point["stage"],
                f"{point['macs']:,}",
                f"{point['parameters']:,}",
                *map(_error, measured),
            ]
        )
    yield _table(columns, rows)
    counts = [curve["examples"], *([test["curve"]["examples"]] if test else [])]
    yield (
        f"Top-1 error in % of {' and '.join(f'{n:,}' for n in counts)} images "
        "that were not trained on. In parentheses are intervals of "
        f"{curve['confidence_level']:.0%} over the choice of images "
        "(bootstrap); another seed of the training gives other errors. "
        "Multiply-adds and parameters are those of the stage's network alone."
    )
    whole = TEST_IMAGES.get(facts["data"]["name"])
    if test and whole and counts[-1] < whole:
        yield (
            f"The data set that was at hand had {counts[-1]:,} of the "
            f"{whole:,} test images."
        )


def _calibration(facts: Mapping[str, Any]) -> Iterable[str]:
    """Yields the table of temperatures, and what early stopping does."""
    calibration, stopping = facts["calibration"], facts["early_stopping"]
    yield _table(
        ["stage", "temperature", "calibration error before", "after"],
        (
            [stage, f"{temperature:.3f}", _percent(before), _percent(after)]
            for stage, (temperature, before, after) in enumerate(
                zip(
                    facts["temperatures"],
                    calibration["before"],
                    calibration["after"],
                    strict=True,
                ),
                start=1,
            )
        ),
    )
    first, second = calibration["examples"]
    thresholds = ", ".join(f"{value:.3f}" for value in facts["thresholds"])
    yield (
        "A temperature divides a stage's logits before the softmax. "
        "Temperatures and thresholds were chosen on the first "
        f"{first:,} images of `{facts['evaluation']['split']}`, and all "
        f"numbers here measured on the other {second:,}. The calibration error "
        "is the expected one, in %, with 15 bins."
    )
    yield (
        "An answer of the stages before the last is final if its confidence is "
        f"above {thresholds}. So an image takes on average "
        f"{stopping['share_of_macs']:.0%} of the multiply-adds of all stages, "
        f"with an error of {_percent(stopping['top1_error'])}%; the last stage "
        f"errs in {_percent(stopping['last_stage_error'])}% of the same images."
    )


def _files(facts: Mapping[str, Any]) -> Iterable[str]:
    """Yields the table of exported files, and the command that makes them."""
    name = f"{facts['network']}_{facts['weights']}"
    yield _table(
        ["file", "kB", "errors by stage in %", "answers after ms", "runs"],
        (
            [
                variant,
                f"{file['bytes'] / 1e3:.0f}",
                ", ".join(map(_percent, file["top1_errors"])),
                ", ".join(f"{ms:.2f}" for ms in file["answer_ms"]),
                file["runs"],
            ]
            for variant, file in facts["files"].items()
        ),
    )
    yield (
        f"Errors are those of the files on `{facts['evaluation']['split']}`. "
        "Times are medians from the call to the answer, stage by stage, of one "
        f"image on one thread of LiteRT on {facts['measured']['hardware']}. "
        "This makes both files, with class names, temperatures and thresholds "
        f"in their manifests; it needs {facts['data']['name']}, for images to "
        "quantize with and to measure on:"
    )
    yield _command(
        "keras-anytime-export",
        [
            f"--net={facts['network']}",
            f"--weights={facts['weights']}",
            f"--output=build/{name}.tflite",
            "--pixels=true",
            f"--quantization={','.join(facts['files'])}",
            "--verify",
        ],
    )


def _training(facts: Mapping[str, Any]) -> Iterable[str]:
    """Yields the command of the training, and where it ran."""
    training = facts["training"]
    versions = ", ".join(
        f"{name} {version}"
        for name, version in sorted((training["versions"] or {}).items())
    )
    yield _command(
        "keras-anytime-train",
        [
            *training["flags"],
            f"--workdir=runs/{facts['network']}_{facts['weights']}",
        ],
    )
    yield (
        f"Seed {training['seed']}; {training['minutes']:.0f} minutes on "
        f"{training['hardware']}; commit {training['commit'] or 'unknown'}; "
        f"{versions}."
    )
    yield f"SHA-256 of the weights: `{facts['sha256']}`."


def _error(point: Mapping[str, Any]) -> str:
    """Returns the error of a point with its interval, in %."""
    low, high = _percent(point["top1_low"]), _percent(point["top1_high"])
    return f"{_percent(point['top1_error'])} ({low} to {high})"


def _percent(share: float) -> str:
    return f"{100 * share:.2f}"


def _table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(markdown_line(map(str, line)) for line in lines)


def _command(program: str, flags: Sequence[str]) -> str:
    """Returns a shell command, one flag a line."""
    words = [program, *map(shlex.quote, flags)]
    return "```shell\n" + " \\\n    ".join(words) + "\n```"
