"""Conversion of pixels to the image that an exported network takes."""

from collections.abc import Callable
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from keras_anytime.manifest.manifest import TensorSpec


def value_limits(
    spec: TensorSpec, preprocessing: Mapping[str, Any] | None
) -> tuple[float, float] | None:
    """Returns the range of the values of an input, with a margin.

    Pixels that were not prepared lie far outside of it in most cases. If the
    manifest does not say how images are prepared, and of other inputs, it is
    the range of a quantized input, beyond which values are cut off. The margin
    on either side is as wide as the range.

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
