"""The preparation of pixels: on the device, or inside the exported file."""

import warnings
from collections.abc import Mapping
from typing import Any
from typing import NoReturn

import keras
import numpy as np

from keras_anytime.stages.image_input import RAW_PIXELS
from keras_anytime.stages.image_input import image_input
from keras_anytime.stages.image_input import takes_pixels

# Names of the layers between a device's pixels and the network.
RESIZED = "pixels_resized"
NORMALIZED = "pixels_normalized"


def resolve_preprocessing(
    model: keras.Model, preprocessing: Mapping[str, Any] | None = None
) -> dict[str, Any] | None:
    """Returns the normalization of the network's images as plain numbers.

    Args:
        model: An `AnytimeModel`.
        preprocessing: Dict with `scale`, `mean` and `std`, or `None` for that
            of the data set that the model was trained on; or without one, for
            a network whose own layers normalize pixels.

    Returns:
        Dict with `scale`, a number, and `mean` and `std`, lists of one number
        for each channel; `None` if nothing is known. For a network that takes
        raw pixels they change nothing. Of a single input that takes no images,
        only that of the data set is known.

    Raises:
        ValueError: If `preprocessing` is not such a dict, or no input takes
            images.
    """
    image = image_input(model)
    if preprocessing is None and image is not None:
        preprocessing = (model.data_info or {}).get("preprocessing")
        if preprocessing is None and takes_pixels(model):
            preprocessing = RAW_PIXELS
    elif image is not None and preprocessing is not None:
        _warn_of_second_normalization(model, preprocessing)
    elif image is None and preprocessing is not None:
        _refuse_images(model, f"preprocessing={preprocessing}")
    elif image is None and len(model.inputs) == 1:
        # Features of a table or channels of a series.
        preprocessing = (model.data_info or {}).get("preprocessing")
    if preprocessing is None:
        return None
    names = {"scale", "mean", "std"}
    received = f"Received: preprocessing={preprocessing}"
    if not isinstance(preprocessing, Mapping) or set(preprocessing) != names:
        raise ValueError(
            "`preprocessing` must be a dict with scale, mean and std, and "
            "nothing else: the input is (pixel / scale - mean) / std. "
            f"{received}"
        )
    channels = (model.inputs[0] if image is None else image).shape[-1]
    numbers = {}
    for name in ("scale", "mean", "std"):
        try:
            values = np.ravel(preprocessing[name]).astype(float).tolist()
        except (TypeError, ValueError):
            values = []
        if len(values) not in ((1,) if name == "scale" else (1, channels)):
            raise ValueError(
                "`preprocessing` must have one number for scale, and for mean "
                "and std one number or one for each channel. The network has "
                f"{channels} channels. {received}"
            )
        if not np.isfinite(values).all() or (name != "mean" and 0 in values):
            raise ValueError(
                "`preprocessing` must have finite numbers; pixels are divided "
                f"by scale and std, which cannot be 0. {received}"
            )
        numbers[name] = values * (channels // len(values))
    return {**numbers, "scale": numbers["scale"][0]}


def _warn_of_second_normalization(
    model: keras.Model, preprocessing: Mapping[str, Any]
) -> None:
    """Warns of a given preprocessing where the network has its own.

    A network that was trained on images of the same preprocessing takes them
    normalized twice. Only its data set tells.
    """
    trained = (model.data_info or {}).get("preprocessing")
    if trained is None and preprocessing != RAW_PIXELS and takes_pixels(model):
        warnings.warn(
            "The network's first layers normalize pixels from 0 to 255 "
            "already, so that `preprocessing` would normalize them twice: "
            "leave it out, unless the network was trained on images that were "
            f"normalized so. Received: preprocessing={preprocessing}",
            stacklevel=2,
        )


def pixel_input(
    model: keras.Model,
    pixels: bool | tuple[int, int] | None,
    preprocessing: Mapping[str, Any] | None,
) -> dict[str, Any] | None:
    """Returns the size and the normalization of the pixels that a file takes.

    Args:
        model: An `AnytimeModel`.
        pixels: Boolean, or a tuple `(height, width)` of the device's images.
        preprocessing: Dict as from `resolve_preprocessing`, or `None`.

    Returns:
        Dict with `size`, a list `[height, width]`, and `scale`, `mean` and
        `std`; `None` if the device prepares its images.

    Raises:
        ValueError: If `pixels` is malformed, no preprocessing is known, or no
            input takes images.
    """
    if pixels is None or pixels is False:
        return None
    image = image_input(model)
    if image is None:
        _refuse_images(model, f"pixels={pixels}")
    height, width, _ = image.shape[1:]
    size = [height, width] if pixels is True else list(pixels)
    if len(size) != 2 or not all(
        isinstance(side, int) and side > 0 for side in size
    ):
        raise ValueError(
            "`pixels` must be True or the (height, width) of a device's "
            f"images. Received: pixels={pixels}"
        )
    if preprocessing is None:
        raise ValueError(
            "A file that takes pixels normalizes them: give `preprocessing` "
            "with scale, mean and std, such as ka.data.info(name)."
            "preprocessing. Received: preprocessing=None"
        )
    return {"size": size, **preprocessing}


def _refuse_images(model: keras.Model, received: str) -> NoReturn:
    """Raises the `ValueError` for a network without one input of images."""
    shapes = {
        name: tensor.shape for name, tensor in model.feature_inputs.items()
    }
    raise ValueError(
        "Pixels are prepared for the only input of images (height, width, "
        "channels), and this network has no such one. "
        f"Received: {received} for inputs of shapes {shapes}"
    )


def pixel_layers(
    pixels: Mapping[str, Any], shape: tuple[int | None, ...]
) -> list[keras.Layer]:
    """Returns the layers that turn pixels into the network's image.

    Args:
        pixels: Dict as from `pixel_input`.
        shape: Tuple `(batch, height, width, channels)`, the network's input.
    """
    _, height, width, _ = shape
    scale = 1 / (pixels["scale"] * np.array(pixels["std"]))
    offset = -np.array(pixels["mean"]) / np.array(pixels["std"])
    layers = [
        keras.layers.Rescaling(
            scale.tolist(), offset.tolist(), dtype="float32", name=NORMALIZED
        )
    ]
    if pixels["size"] != [height, width]:
        layers.insert(
            0,
            keras.layers.Resizing(height, width, dtype="float32", name=RESIZED),
        )
    return layers


def to_pixels(images: np.ndarray, pixels: Mapping[str, Any]) -> np.ndarray:
    """Returns the pixels from which prepared images were computed.

    Args:
        images: Float array `(count, height, width, channels)`.
        pixels: Dict as from `pixel_input`.

    Returns:
        Uint8 array `(count, *pixels["size"], channels)`. If the device's
        images have another size, resizing approximates them.
    """
    values = images * np.array(pixels["std"]) + np.array(pixels["mean"])
    values *= pixels["scale"]
    if list(images.shape[1:3]) != pixels["size"]:
        values = keras.ops.convert_to_numpy(
            keras.ops.image.resize(values, pixels["size"])
        )
    return np.clip(np.round(values), 0, 255).astype("uint8")
