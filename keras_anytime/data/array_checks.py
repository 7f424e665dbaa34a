"""Checks of inputs and labels in a user's arrays.

Arrays that could mean two things are refused with advice, never guessed.
"""

import os
from collections.abc import Iterable
from collections.abc import Mapping

import numpy as np

from keras_anytime.data.array_labels import Declared
from keras_anytime.data.array_labels import advice_on_labels
from keras_anytime.data.array_labels import as_labels
from keras_anytime.data.array_labels import task_name

_FORMATS = (
    "Images must be uint8 of shape (examples, height, width[, channels]), "
    "tables floats (examples, features), series floats (examples, steps, "
    "channels), tokens integers (examples, steps); class labels are integers, "
    "one for each example or pixel, counted from 0."
)


def check_arrays(
    inputs: Mapping[str | None, np.ndarray],
    labels: np.ndarray,
    split: str,
    path: str | os.PathLike,
    declared: Declared,
) -> tuple[dict[str | None, np.ndarray], np.ndarray, str]:
    """Returns the arrays of a split in their usual shapes, and their task.

    Args:
        inputs: Dict from the names of inputs to arrays; the name of a single
            input is `None`. Uint8 arrays with three axes `(examples, height,
            width)` are gray images.
        labels: Array `(examples, ...)`.
        split: String. The arrays are called `x_<split>` and `y_<split>` in
            errors.
        path: String or path. The file that contains the arrays, for errors.
        declared: What the file says about its labels.

    Returns:
        Tuple of a dict of inputs (images are uint8 of shape `(examples,
        height, width, channels)`), of labels, and of the name of their task.

    Raises:
        ValueError: If the arrays have another shape or type. The message says
            how to convert them.
    """
    y = f"y_{split}"
    names = {
        name: f"x_{split}" if name is None else f"x_{split}_{name}"
        for name in inputs
    }
    given = [f"{names[name]} of {_kind(x)}" for name, x in inputs.items()]
    received = (
        f"Received: {', '.join(given)}, {y} of {_kind(labels)} in {str(path)!r}"
    )
    advice = ""
    for name, x in inputs.items():
        advice = (
            advice
            or _advice_on_axes(x, labels, names[name])
            or _advice_on_values(x, names[name])
        )
    positions = positions_of(inputs.values())
    task = task_name(labels, positions, declared)
    advice = advice or advice_on_labels(labels, y, task, declared)
    if advice:
        raise ValueError(f"{_FORMATS} {advice} {received}")
    usual = {
        name: x[..., None] if x.ndim == 3 and is_image(x) else x
        for name, x in inputs.items()
    }
    return usual, as_labels(labels, task), task


def is_image(x: np.ndarray) -> bool:
    """Returns whether an array holds images: bytes of three axes or more."""
    return x.dtype == "uint8" and x.ndim >= 3


def positions_of(inputs: Iterable[np.ndarray]) -> list[tuple[int, ...]]:
    """Returns the sizes of the positions of inputs; tables have none.

    Args:
        inputs: Arrays `(examples, ...)`.

    Returns:
        List such as `[(height, width)]`.
    """
    positions = [
        x.shape[1:-1] if x.dtype.kind == "f" else x.shape[1:3] for x in inputs
    ]
    return [sizes for sizes in positions if sizes]


def _kind(array: np.ndarray) -> str:
    return f"{array.dtype} and shape {array.shape}"


def _advice_on_axes(x: np.ndarray, labels: np.ndarray, name: str) -> str:
    """Returns how to correct the shapes, or an empty string."""
    flat = x.ndim == 2 and x.dtype.kind in "fiu" and x.dtype != "uint8"
    if x.ndim not in (3, 4) and not flat:
        return (
            f"Give {name} its axes: `{name}.reshape(-1, height, width, "
            "channels)`."
        )
    if not x.size:
        return f"{name} is empty."
    if labels.ndim and len(labels) != len(x):
        if len(labels) == x.shape[-1]:
            return f"Move the examples first: `numpy.moveaxis({name}, -1, 0)`."
        what = "images" if is_image(x) else "examples"
        return f"There are {len(x)} {what} and {len(labels)} labels."
    if x.ndim == 4 and _channels_first(*x.shape[1:]):
        return (
            "The channels seem to come before height and width; move them to "
            f"the end: `numpy.moveaxis({name}, 1, -1)`."
        )
    return ""


def _channels_first(first: int, second: int, last: int) -> bool:
    """Tells if axes are (channels, height, width).

    The last axis is then longer than any color image has channels, and the
    first one is shorter than it. Small square images with many channels are
    not mistaken for these.
    """
    return last > 4 and first < last and first != second


def _advice_on_values(x: np.ndarray, name: str) -> str:
    """Returns how to correct the numbers of an input, or an empty string."""
    if x.dtype.kind == "f" and x.ndim < 4:
        if np.isfinite(x).all():
            return ""
        return f"Some of {name} are not finite: fill them, or leave them out."
    if x.ndim == 2:
        if x.min() < 0:
            return (
                f"The smallest token is {x.min()}. Store measurements as "
                f"floats: `{name}.astype('float32')`."
            )
        return ""
    return _advice_on_pixels(x, name)


def _advice_on_pixels(images: np.ndarray, x: str) -> str:
    """Returns how to correct the pixels, or an empty string."""
    if images.dtype == "uint8":
        return ""
    if images.dtype.kind not in "bfiu":
        return "Pixels are whole numbers from 0 to 255."
    low, high = images.min(), images.max()
    if low >= 0 and high <= 1:
        return f"Pixels are 0 to 1: `(255 * {x}).round().astype('uint8')`."
    if low >= 0 and high <= 255:
        return f"Store pixels as bytes: `{x}.round().astype('uint8')`."
    return (
        f"Pixels are {low} to {high}; save them as they were before they were "
        "normalized, because they are normalized on loading."
    )
