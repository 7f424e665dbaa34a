"""Checks of images and labels in a user's arrays.

Arrays that could mean two things are refused with advice, never guessed.
"""

import os

import numpy as np

from keras_anytime.data.label_sets import MAX_CLASSES


def check_arrays(
    images: np.ndarray, labels: np.ndarray, split: str, path: str | os.PathLike
) -> tuple[np.ndarray, np.ndarray]:
    """Returns the arrays of a split in their usual shapes.

    Args:
        images: Array. Images with three axes `(examples, height, width)` are
            gray.
        labels: Array `(examples,)` or `(examples, 1)`.
        split: String. The arrays are called `x_<split>` and `y_<split>` in
            errors.
        path: String or path. The file that contains the arrays, for errors.

    Returns:
        Uint8 array `(examples, height, width, channels)`, and int64 array
        `(examples,)`.

    Raises:
        ValueError: If the arrays have another shape or type. The message says
            how to convert them.
    """
    x, y = f"x_{split}", f"y_{split}"
    received = (
        f"Received: {x} of {images.dtype} and shape {images.shape}, {y} of "
        f"{labels.dtype} and shape {labels.shape} in {str(path)!r}"
    )
    advice = (
        _advice_on_axes(images, labels, x)
        or _advice_on_pixels(images, x)
        or _advice_on_labels(labels, y)
    )
    if advice:
        raise ValueError(
            "Images must be uint8 of shape (examples, height, width"
            "[, channels]), with one integer label each, counted from 0. "
            f"{advice} {received}"
        )
    if images.ndim == 3:
        images = images[..., None]
    return images, labels.reshape(-1).astype("int64")


def _advice_on_axes(images: np.ndarray, labels: np.ndarray, x: str) -> str:
    """Returns how to correct the shapes, or an empty string."""
    if images.ndim not in (3, 4):
        return f"Give {x} its axes: `{x}.reshape(-1, height, width, channels)`."
    if not images.size:
        return f"{x} is empty."
    if labels.ndim and len(labels) != len(images):
        if len(labels) == images.shape[-1]:
            return f"Move the examples first: `numpy.moveaxis({x}, -1, 0)`."
        return f"There are {len(images)} images and {len(labels)} labels."
    if images.ndim == 4 and _channels_first(*images.shape[1:]):
        return (
            "The channels seem to come before height and width; move them to "
            f"the end: `numpy.moveaxis({x}, 1, -1)`."
        )
    return ""


def _channels_first(first: int, second: int, last: int) -> bool:
    """Tells if axes are (channels, height, width).

    The last axis is then longer than any color image has channels, and the
    first one is shorter than it. Small square images with many channels are
    not mistaken for these.
    """
    return last > 4 and first < last and first != second


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


def _advice_on_labels(labels: np.ndarray, y: str) -> str:
    """Returns how to correct the labels, or an empty string."""
    if labels.ndim == 2 and labels.shape[1] > 1:
        return f"Convert one-hot labels: `{y}.argmax(axis=-1)`."
    if labels.ndim != 1 and labels.shape[1:] != (1,):
        return f"Give {y} one axis."
    number = f"Number the classes: `numpy.unique({y}, return_inverse=True)[1]`."
    if labels.dtype.kind in "iu":
        low, high = labels.min(), labels.max()
        if low < 0:
            return f"The smallest label is {low}."
        if high >= MAX_CLASSES:
            return f"The largest label is {high}. {number}"
        return ""
    if labels.dtype.kind == "f":
        if not np.isfinite(labels).all():
            return f"Some of {y} are not finite: leave these examples out."
        if (labels == np.round(labels)).all():
            return f"Store labels as integers: `{y}.astype('int64')`."
    return number
