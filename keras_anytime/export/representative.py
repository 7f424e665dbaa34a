"""Reads and checks the images on which an export is calibrated."""

from collections.abc import Iterator
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from keras_anytime.export.preprocessing import to_pixels

# More images hardly change the ranges of tensors, and each takes a run of all
# steps.
CALIBRATION_IMAGES = 200
# Tolerance for rounding at both ends of the range of prepared pixels, as a
# share of the range.
_TOLERANCE = 0.01


def calibration_images(
    representative: Any,
    model: keras.Model,
    preprocessing: Mapping[str, Any] | None = None,
    pixels: Mapping[str, Any] | None = None,
) -> np.ndarray:
    """Returns the images for calibration, as the exported file takes them.

    Args:
        representative: Images as `export.tflite` takes them.
        model: The `AnytimeModel`.
        preprocessing: Dict with `scale`, `mean` and `std`, or `None` if it is
            not known how images were prepared.
        pixels: Dict as from `preprocessing.pixel_input` for a file that takes
            pixels, or `None`.

    Returns:
        Array `(count, height, width, channels)` with at most
        `CALIBRATION_IMAGES` images.

    Raises:
        ValueError: If there are no images, or they were not prepared as for
            training.
    """
    chosen = []
    count = 0
    shape = tuple(model.input_shape[1:])
    for images in _batches(representative, len(shape)):
        expected_shape, are_pixels = shape, False
        if pixels is not None and images.dtype == np.uint8:
            expected_shape = (*pixels["size"], shape[-1])
            are_pixels = True
        _check_shape(images, expected_shape)
        images = images[: CALIBRATION_IMAGES - count]
        if not are_pixels:
            check_prepared(images, model, preprocessing, "representative")
            if pixels is not None:
                images = to_pixels(images, pixels)
            elif _is_float(images.dtype):
                images = images.astype("float32")
        chosen.append(images)
        count += len(images)
        if count >= CALIBRATION_IMAGES:
            break
    if not count:
        raise ValueError(
            "`representative` has no images. A generator gives its images "
            "once; a function that returns a generator gives them each time. "
            "Received: 0 images"
        )
    return np.concatenate(chosen)


def check_prepared(
    images: np.ndarray,
    model: keras.Model,
    preprocessing: Mapping[str, Any] | None,
    argument: str,
) -> None:
    """Raises an error for images that were not prepared as for training.

    Without this check, measurements on pixels that nobody normalized would be
    wrong without notice.

    Args:
        images: Array `(count, height, width, channels)`.
        model: The `AnytimeModel` that takes the images.
        preprocessing: Dict with `scale`, `mean` and `std`, or `None` if it is
            not known; then the range of the images is not checked.
        argument: String, the images' name in errors.

    Raises:
        ValueError: If type or range of the images do not match.
    """
    input_dtype = keras.backend.standardize_dtype(model.input_layers[0].dtype)
    if not _is_float(input_dtype):
        if images.dtype != input_dtype:
            raise ValueError(
                f"The network takes images of type {input_dtype}. "
                f"Received: {argument} of type {images.dtype}"
            )
        return
    if not _is_float(images.dtype):
        raise ValueError(
            "The network takes prepared images, which are floats. Prepare "
            "pixels as for training, such as by `prepare()` of a predictor; a "
            "file that is exported with `pixels=True` takes uint8 pixels as "
            "they are, and a network that normalizes pixels itself takes them "
            f"as floats. Received: {argument} of type {images.dtype}"
        )
    if not np.isfinite(images).all():
        raise ValueError(
            "Images must be finite numbers. "
            f"Received: {argument} with {np.sum(~np.isfinite(images))} others"
        )
    if preprocessing is None or not images.size:
        return
    mean = np.array(preprocessing["mean"])
    std = np.array(preprocessing["std"])
    ends = [(pixel / preprocessing["scale"] - mean) / std for pixel in (0, 255)]
    low, high = np.minimum(*ends), np.maximum(*ends)
    tolerance = _TOLERANCE * (high - low)
    axes = tuple(range(images.ndim - 1))
    if np.any(images.min(axes) < low - tolerance) or np.any(
        images.max(axes) > high + tolerance
    ):
        raise ValueError(
            "The network takes prepared images, and `preprocessing` makes "
            f"pixels numbers from {np.min(low):.3g} to {np.max(high):.3g}. "
            "Prepare images as for training. Received: "
            f"{argument} from {images.min():.3g} to {images.max():.3g}, "
            f"preprocessing={preprocessing}"
        )


def _batches(representative: Any, rank: int) -> Iterator[np.ndarray]:
    """Yields batches of images.

    Args:
        representative: Images as `export.tflite` takes them.
        rank: Integer, the number of axes of a single image.
    """
    if callable(representative):
        representative = representative()
    if isinstance(representative, keras.utils.PyDataset):
        data = representative
        representative = (data[index] for index in range(len(data)))
    elif hasattr(representative, "shape") or _is_pair(representative, rank):
        representative = [representative]
    for batch in representative:
        images = batch[0] if isinstance(batch, (tuple, list)) else batch
        images = np.asarray(images)
        yield images[None] if images.ndim == rank else images


def _is_pair(values: Any, rank: int) -> bool:
    """Returns whether it is a batch with its labels, not several batches."""
    return (
        isinstance(values, (tuple, list))
        and len(values) > 1
        and np.ndim(values[0]) == rank + 1
        and (isinstance(values[1], dict) or np.ndim(values[1]) != rank + 1)
    )


def _check_shape(images: np.ndarray, expected: tuple[int | None, ...]) -> None:
    if images.ndim != len(expected) + 1 or any(
        size not in (None, received)
        for size, received in zip(expected, images.shape[1:], strict=True)
    ):
        raise ValueError(
            f"`representative` must have images of shape {expected}. "
            f"Received: shape {images.shape}, type {images.dtype}"
        )


def _is_float(dtype: Any) -> bool:
    return str(dtype).startswith(("float", "bfloat"))
