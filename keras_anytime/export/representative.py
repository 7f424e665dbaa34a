"""The images that an export is calibrated on, in any form, checked."""

import keras
import numpy as np

from keras_anytime.export.preprocessing import as_pixels

# More add little to the ranges of tensors, and each takes a run of all steps.
CALIBRATION_IMAGES = 200
# What rounding may add to the range of prepared pixels, as a share of it.
_TOLERANCE = 0.01


def calibration_images(representative, model, preprocessing=None, pixels=None):
    """Returns the images to calibrate on, as the exported file is fed.

    Args:
        representative: Images as `export.tflite` takes them.
        model: The `AnytimeModel`.
        preprocessing: Dict with `scale`, `mean` and `std`, or `None` where it
            is not known how images were prepared.
        pixels: Dict as of `preparation.pixel_input` for a file that is fed
            pixels, or `None`.

    Returns:
        Array `(count, height, width, channels)`, of at most
        `CALIBRATION_IMAGES`.

    Raises:
        ValueError: If there are none, or they are not such as the model was
            trained on.
    """
    found = []
    count = 0
    shape = tuple(model.input_shape[1:])
    for images in _batches(representative, len(shape)):
        are_pixels = pixels is not None and images.dtype == np.uint8
        _check_shape(
            images, (*pixels["size"], shape[-1]) if are_pixels else shape
        )
        images = images[: CALIBRATION_IMAGES - count]
        if not are_pixels:
            check_prepared(images, model, preprocessing, "representative")
            if pixels is not None:
                images = as_pixels(images, pixels)
            elif _is_float(images.dtype):
                images = images.astype("float32")
        found.append(images)
        count += len(images)
        if count >= CALIBRATION_IMAGES:
            break
    if not count:
        raise ValueError(
            "`representative` has no images; a generator gives them once, a "
            "function that returns one each time. Received: 0 images"
        )
    return np.concatenate(found)


def check_prepared(images, model, preprocessing, argument):
    """Raises a `ValueError` for images that were not prepared as for training.

    Pixels that nobody normalized are numbers like any other: what is measured
    on them would be silently wrong.

    Args:
        images: Array `(count, height, width, channels)`.
        model: The `AnytimeModel` that is fed with them.
        preprocessing: Dict with `scale`, `mean` and `std`, or `None` where it
            is not known; then their range is not checked.
        argument: String that names the images in errors.
    """
    wanted = keras.backend.standardize_dtype(model.image_layer.dtype)
    if not _is_float(wanted):
        if images.dtype != wanted:
            raise ValueError(
                f"The network takes images of type {wanted}. "
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
    mean, std = (np.array(preprocessing[one]) for one in ("mean", "std"))
    ends = [(one / preprocessing["scale"] - mean) / std for one in (0, 255)]
    low, high = np.minimum(*ends), np.maximum(*ends)
    slack = _TOLERANCE * (high - low)
    axes = tuple(range(images.ndim - 1))
    if np.any(images.min(axes) < low - slack) or np.any(
        images.max(axes) > high + slack
    ):
        raise ValueError(
            "The network takes prepared images, and `preprocessing` makes "
            f"pixels numbers from {np.min(low):.3g} to {np.max(high):.3g}. "
            "Prepare images as for training. Received: "
            f"{argument} from {images.min():.3g} to {images.max():.3g}, "
            f"preprocessing={preprocessing}"
        )


def _batches(representative, rank):
    """Yields arrays of images, whose single images have so many axes."""
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


def _is_pair(values, rank):
    """Whether it is a batch of images and their labels, not several batches."""
    return (
        isinstance(values, (tuple, list))
        and len(values) > 1
        and np.ndim(values[0]) == rank + 1
        and (isinstance(values[1], dict) or np.ndim(values[1]) != rank + 1)
    )


def _check_shape(images, wanted):
    if images.ndim != len(wanted) + 1 or any(
        size not in (None, found)
        for size, found in zip(wanted, images.shape[1:], strict=True)
    ):
        raise ValueError(
            f"`representative` must have images of shape {wanted}. "
            f"Received: shape {images.shape}, type {images.dtype}"
        )


def _is_float(dtype):
    return str(dtype).startswith(("float", "bfloat"))
