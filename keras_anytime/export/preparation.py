"""Bringing a network into the form that is exported."""

from collections.abc import Mapping

import keras
import numpy as np

from keras_anytime.export.remaking import compute_dtype
from keras_anytime.export.remaking import exportable_name
from keras_anytime.export.remaking import exportable_names
from keras_anytime.export.remaking import is_other_float
from keras_anytime.export.remaking import remade

# Layers that are put between a device's pixels and the network.
RESIZED = "pixels_resized"
NORMALIZED = "pixels_normalized"


def check_size(model):
    """Raises a `ValueError` if a network leaves the size of images open."""
    if None in model.input_shape[1:]:
        raise ValueError(
            "An export takes images of one size: build the network with it. "
            f"Received: a model with input_shape={model.input_shape}"
        )


def exportable(model, zero_filled, pixels=None):
    """Returns a model with the same weights, in the form that is exported.

    It computes in float32: a network trained in mixed precision would hand
    16-bit features from step to step, which LiteRT does not take. LiteRT has
    grouped convolutions of its own; TensorFlow would compile an XLA program
    for each. Layers have names that neither TensorFlow rewrites nor Python
    forbids, see `remaking.exportable_names`.

    Args:
        model: An `AnytimeModel`.
        zero_filled: Boolean. Whether grouped convolutions are exported as
            dense ones, with zeros in the kernel.
        pixels: A record as of `pixel_input`, or `None` for a network that is
            fed prepared images.

    Returns:
        The model itself, where it has that form already.
    """
    names = exportable_names(model)
    if (
        pixels is None
        and exportable_name(model.name) == model.name
        and all(
            names[operation.name] == operation.name
            for operation in model.operations
        )
        and not any(is_other_float(compute_dtype(o)) for o in model.operations)
        and all(
            layer.zero_filled == zero_filled
            for layer in model.layers
            if hasattr(layer, "zero_filled")
        )
    ):
        return model
    image = model.image_layer.output
    shape, dtype, before = image.shape, image.dtype, ()
    if pixels is not None:
        shape, dtype = (None, *pixels["size"], shape[-1]), "uint8"
        before = _pixel_layers(pixels, image.shape)
    elif is_other_float(dtype):
        dtype = "float32"
    image = keras.Input(batch_shape=shape, dtype=dtype, name="image")
    return remade(model, names, zero_filled, image, before)


def described(model, class_names=None, preprocessing=None):
    """Returns what an export says of classes and pixels.

    What is given wins over what the model remembers of its training set.

    Args:
        model: An `AnytimeModel`.
        class_names: As in `export.tflite`, or `None`.
        preprocessing: Dict, or `None`.

    Returns:
        Pair of the class names, or `None`, and a dict with `scale`, and lists
        `mean` and `std` of one number for each channel, or `None`.

    Raises:
        ValueError: If `preprocessing` is no such dict.
    """
    known = model.data_info or {}
    if class_names is None:
        class_names = known.get("class_names")
    if preprocessing is None:
        preprocessing = known.get("preprocessing")
    if preprocessing is not None:
        preprocessing = _checked_preprocessing(model, preprocessing)
    return class_names, preprocessing


def _checked_preprocessing(model, given):
    """Returns a preprocessing as plain numbers, one for each channel."""
    names = {"scale", "mean", "std"}
    received = f"Received: preprocessing={given}"
    if not isinstance(given, Mapping) or set(given) != names:
        raise ValueError(
            "`preprocessing` must be a dict with scale, mean and std, and "
            "nothing else: the input is (pixel / scale - mean) / std. "
            f"{received}"
        )
    channels = model.input_shape[-1]
    record = {}
    for name in ("scale", "mean", "std"):
        try:
            values = np.ravel(given[name]).astype(float).tolist()
        except (TypeError, ValueError):
            values = []
        if len(values) not in ((1,) if name == "scale" else (1, channels)):
            raise ValueError(
                f"`preprocessing` must have one number, or of mean and std one "
                f"for each channel. The network has {channels} channels. "
                f"{received}"
            )
        if not np.isfinite(values).all() or (name != "mean" and 0 in values):
            raise ValueError(
                "`preprocessing` must have finite numbers; pixels are divided "
                f"by scale and std, which cannot be 0. {received}"
            )
        record[name] = values * (channels // len(values))
    return {**record, "scale": record["scale"][0]}


def pixel_input(model, pixels, preprocessing):
    """Returns how a file makes the network's input of pixels.

    Args:
        model: An `AnytimeModel`.
        pixels: Boolean, or a tuple `(height, width)` of the device's images.
        preprocessing: Dict as of `described`, or `None`.

    Returns:
        Dict with these and `size`, `[height, width]` of the pixels; or `None`
        where the device prepares its images.

    Raises:
        ValueError: If the two do not fit one another or the model.
    """
    if pixels is None or pixels is False:
        return None
    height, width, _ = model.input_shape[1:]
    size = [height, width] if pixels is True else list(pixels)
    if len(size) != 2 or not all(
        isinstance(one, int) and one > 0 for one in size
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


def as_pixels(images, record):
    """Returns the pixels of which prepared images were made.

    Args:
        images: Float array `(count, height, width, channels)`.
        record: Dict as of `pixel_input`.

    Returns:
        Uint8 array `(count, *record["size"], channels)`. Where the device's
        images have another size, it is the nearest that resizing gives.
    """
    values = images * np.array(record["std"]) + np.array(record["mean"])
    values *= record["scale"]
    if list(images.shape[1:3]) != record["size"]:
        values = keras.ops.convert_to_numpy(
            keras.ops.image.resize(values, record["size"])
        )
    return np.clip(np.round(values), 0, 255).astype("uint8")


def _pixel_layers(record, shape):
    """Returns the layers that make the network's image of pixels."""
    _, height, width, _ = shape
    scale = 1 / (record["scale"] * np.array(record["std"]))
    offset = -np.array(record["mean"]) / np.array(record["std"])
    layers = [
        keras.layers.Rescaling(
            scale.tolist(), offset.tolist(), dtype="float32", name=NORMALIZED
        )
    ]
    if record["size"] != [height, width]:
        layers.insert(
            0,
            keras.layers.Resizing(height, width, dtype="float32", name=RESIZED),
        )
    return layers
