"""Conversion of images to the input of an exported network."""

from collections.abc import Callable
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from keras_anytime.manifest.manifest import TensorSpec


def as_batch(
    x: ArrayLike, spec: TensorSpec, limits: tuple[float, float] | None = None
) -> tuple[np.ndarray, bool]:
    """Converts an image or batch to a batch that a network takes.

    Floats are prepared images, and integers are pixels. One is never accepted
    for the other, because the network would run and its answers be wrong.

    Args:
        x: Image `(height, width, channels)`, or a batch of them. Uint8 pixels
            if the file was exported for these. Otherwise prepared images in
            floats, even if the input of the file is quantized.
        spec: The `TensorSpec` of the network's input.
        limits: Pair of floats. The range of valid values, as `value_limits`
            returns it, or `None`.

    Returns:
        Pair of an array `(batch, height, width, channels)` of the input's
        dtype, quantized if the input is, and whether `x` is a single image.
        The array shares no memory with `x`.

    Raises:
        ValueError: If the network takes another shape or type, or a value is
            outside of the limits.
    """
    try:
        array = np.asarray(x)
    except ValueError as error:
        raise ValueError(
            f"Images must be arrays of numbers, of one shape: {error}. "
            f"Received: x of type {type(x).__name__}"
        ) from error
    wanted = spec.shape[1:]
    single = array.ndim == len(wanted)
    if array.shape[0 if single else 1 :] != wanted:
        raise ValueError(
            f"The network takes images of shape {wanted}, one or a batch. "
            f"Received: x of shape {array.shape}"
        )
    if not array.size:
        raise ValueError(
            f"The batch is empty. Received: x of shape {array.shape}"
        )
    _check_type(array, spec)
    original = batch = array[None] if single else array
    if array.dtype.kind != "f":
        return np.array(batch, spec.dtype, order="C"), single
    # Half precision would round values that are quantized to 16 bits.
    batch = batch.astype(np.result_type(batch, "float32"), copy=False)
    _check_values(batch, spec, limits)
    if spec.quantization is not None:
        integers = np.iinfo(spec.dtype)
        batch = np.clip(
            np.round(batch / spec.quantization["scale"])
            + spec.quantization["zero_point"],
            integers.min,
            integers.max,
        )
    # A batch that was converted is a copy already.
    copy = batch is original
    return batch.astype(spec.dtype, order="C", copy=copy), single


def value_limits(
    spec: TensorSpec, preprocessing: Mapping[str, Any] | None
) -> tuple[float, float] | None:
    """Returns the range of the values of prepared images, with a margin.

    Pixels that were not prepared lie far outside of it in most cases. If the
    manifest does not say how images are prepared, the range of a quantized
    input takes its place. The margin on either side is as wide as the range.

    Args:
        spec: The `TensorSpec` of the network's input.
        preprocessing: Dict with `scale`, `mean` and `std`, or `None`.

    Returns:
        Pair of floats, or `None` if the range is unknown or the network takes
        pixels.
    """
    if spec.quantization is None and np.dtype(spec.dtype).kind != "f":
        return None
    normalize = _normalization(preprocessing)
    if normalize is not None:
        ends = normalize(np.array([[0.0], [255.0]]))
    elif spec.quantization is not None:
        integers = np.iinfo(spec.dtype)
        ends = spec.quantization["scale"] * (
            np.array([integers.min, integers.max], "float64")
            - spec.quantization["zero_point"]
        )
    else:
        return None
    lowest, highest = float(np.min(ends)), float(np.max(ends))
    margin = highest - lowest
    return lowest - margin, highest + margin


def _check_type(x: np.ndarray, spec: TensorSpec) -> None:
    """Raises a `ValueError` if the network does not take this type."""
    received = f"Received: x of type {x.dtype}"
    if x.dtype.kind not in "fiu":
        raise ValueError(f"Images must be real numbers. {received}")
    if spec.quantization is not None or np.dtype(spec.dtype).kind == "f":
        if x.dtype.kind == "f":
            return
        raise ValueError(
            "The network takes prepared images in floats. Convert uint8 pixels "
            "with `prepare()`, or export the network with `pixels=True`. If it "
            "was trained on raw pixels, convert them with "
            f"`x.astype('float32')`. {received}"
        )
    if spec.dtype == "uint8":
        if x.dtype == np.uint8:
            return
        raise ValueError(
            "The network takes pixels from 0 to 255 in uint8, not prepared "
            "images; `prepare()` resizes them to its size. "
            f"{received}, not uint8"
        )
    integers = np.iinfo(spec.dtype)
    if x.dtype.kind == "f" or not (
        integers.min <= x.min() and x.max() <= integers.max
    ):
        raise ValueError(
            f"The network takes integers that fit {spec.dtype}. {received}"
        )


def _check_values(
    batch: np.ndarray, spec: TensorSpec, limits: tuple[float, float] | None
) -> None:
    """Raises a `ValueError` if no prepared image has these values."""
    # If there is a NaN, it is both the minimum and the maximum.
    lowest, highest = float(batch.min()), float(batch.max())
    kept = np.dtype(spec.dtype).kind == "f"
    largest = float(np.finfo(spec.dtype if kept else batch.dtype).max)
    if not -largest <= lowest <= highest <= largest:
        raise ValueError(
            "Images must be finite. "
            f"Received: x with values from {lowest:.4g} to {highest:.4g}"
        )
    if limits is not None and not (limits[0] <= lowest <= highest <= limits[1]):
        raise ValueError(
            "The network was not trained on such images: the values of images "
            "that are prepared as its manifest says lie well within "
            f"{limits[0]:.4g} to {limits[1]:.4g}. Convert uint8 pixels with "
            "`prepare()`, or export the network with `pixels=True`. "
            f"Received: x with values from {lowest:.4g} to {highest:.4g}"
        )


def prepare_pixels(
    pixels: ArrayLike,
    spec: TensorSpec,
    preprocessing: Mapping[str, Any] | None = None,
) -> np.ndarray:
    """Converts the pixels of a device to an image that a network takes.

    Images of another size are resized by nearest neighbor, which is fast but
    coarse. A file that was exported with `pixels=(height, width)` takes images
    of that size and resizes them bilinearly itself.

    Args:
        pixels: Uint8 array `(height, width)`, `(height, width, 1)` or
            `(height, width, 3)`. Gray and color images are converted to the
            kind that the network takes.
        spec: The `TensorSpec` of the network's input.
        preprocessing: Dict with `scale`, `mean` and `std`, as in the manifest
            of a network that takes prepared images.

    Returns:
        Array `(height, width, channels)` of uint8 pixels or prepared floats.

    Raises:
        ValueError: If the array does not hold pixels, or the network takes
            prepared images and `preprocessing` is incomplete.
    """
    image = np.asarray(pixels)
    if image.ndim == 2:
        image = image[..., None]
    if (
        image.dtype != np.uint8
        or image.ndim != 3
        or not image.size
        or image.shape[2] not in (1, 3)
    ):
        raise ValueError(
            "Pixels must be uint8, of shape (height, width) or (height, width, "
            f"1 or 3). Received: {image.dtype} of shape {image.shape}"
        )
    # Only the batch size may be open.
    height, width, channels = (size or 1 for size in spec.shape[1:])
    if image.shape[2] < channels:
        image = np.repeat(image, channels, axis=2)
    elif image.shape[2] > channels:
        image = np.round(image.mean(axis=2, keepdims=True)).astype("uint8")
    rows, columns = (
        np.arange(size) * current // size
        for size, current in zip((height, width), image.shape, strict=False)
    )
    image = image[rows][:, columns]
    if spec.dtype == "uint8":
        return image
    normalize = _normalization(preprocessing)
    if normalize is None:
        raise ValueError(
            "The network takes prepared images, and its manifest does not say "
            "how pixels are prepared: export it with `preprocessing` "
            "(scale, mean and std), or `pixels=True`. "
            f"Received: preprocessing={preprocessing!r}"
        )
    return normalize(image).astype("float32")


def _normalization(
    preprocessing: Mapping[str, Any] | None,
) -> Callable[[np.ndarray], np.ndarray] | None:
    """Returns the function that normalizes pixels, or `None` if unknown."""
    if preprocessing is None:
        return None
    try:
        scale, mean, std = (
            np.array(preprocessing[name], "float64")
            for name in ("scale", "mean", "std")
        )
    except (TypeError, KeyError, ValueError):
        return None
    if not (np.all(scale) and np.all(std)):
        return None
    return lambda pixels: (pixels / scale - mean) / std
