"""Bringing a network into the form that is exported."""

import keras
import numpy as np

from keras_anytime.model import AnytimeModel

# Layers that are put between a device's pixels and the network.
RESIZED = "pixels_resized"
NORMALISED = "pixels_normalised"


def check_size(model):
    """Raises a `ValueError` if a network leaves the size of images open."""
    if None in model.input_shape[1:]:
        raise ValueError(
            "An export takes images of one size: build the network with it. "
            f"Received: a model with input_shape={model.input_shape}"
        )


def chosen_stages(model, stages):
    """Returns the part of a network that gives the answers of some stages.

    Args:
        model: An `AnytimeModel` of K stages.
        stages: Sequence of integers from 1 to K in rising order, or `None` for
            all.

    Returns:
        Pair of an `AnytimeModel`, which shares the model's variables, and the
        list of its stages' numbers in the model.

    Raises:
        ValueError: If the stages are not such.
    """
    every = list(range(1, model.num_stages + 1))
    numbers = every if stages is None else list(stages)
    if not numbers or numbers != sorted(set(numbers) & set(every)):
        raise ValueError(
            f"`stages` must be some of {every} in rising order. "
            f"Received: stages={stages}"
        )
    if numbers == every:
        return model, numbers
    answers = model.by_stage(model.outputs)
    kept = keras.tree.flatten(
        [
            list(answer.values()) if isinstance(answer, dict) else answer
            for answer in (answers[k - 1] for k in numbers)
        ]
    )
    return AnytimeModel(model.input, kept, name=model.name), numbers


def exportable(model, zero_filled, pixels=None):
    """Returns a model with the same weights, in the form that is exported.

    It computes in float32: a network trained in mixed precision would hand
    16-bit features from step to step, which LiteRT does not take. LiteRT has
    grouped convolutions of its own; TensorFlow would compile an XLA program
    for each.

    Args:
        model: An `AnytimeModel`.
        zero_filled: Boolean. Whether grouped convolutions are exported as
            dense ones, with zeros in the kernel.
        pixels: A record as of `pixel_input`, or `None` for a network that is
            fed prepared images.

    Returns:
        The model itself, where it has that form already.
    """
    config = model.get_config()
    wanted = {"dtype": "float32", "zero_filled": zero_filled}
    for layer in config["layers"]:
        if layer["class_name"] == "InputLayer":
            continue  # The image keeps its type, which may be of pixels.
        layer["config"] |= {
            key: value
            for key, value in wanted.items()
            if key in layer["config"]
        }
    if (
        pixels is None
        and all(layer.compute_dtype == "float32" for layer in model.layers)
        and all(
            layer.zero_filled == zero_filled
            for layer in model.layers
            if hasattr(layer, "zero_filled")
        )
    ):
        return model
    if pixels is not None:
        config = _fed_pixels(config, model.image_layer, pixels)
    copy = type(model).from_config(config)
    copy.set_weights(model.get_weights())
    return copy


def pixel_input(model, pixels, preprocessing):
    """Returns how a file makes the network's input of pixels.

    Args:
        model: An `AnytimeModel`.
        pixels: Boolean, or a tuple `(height, width)` of the device's images.
        preprocessing: Dict with `scale`, `mean` and `std`, as from
            `ka.data.info`.

    Returns:
        Dict with these and `size`, `[height, width]` of the pixels; or `None`
        where the device prepares its images.

    Raises:
        ValueError: If the two do not fit one another or the model.
    """
    if pixels is None or pixels is False:
        return None
    height, width, channels = model.input_shape[1:]
    size = [height, width] if pixels is True else list(pixels)
    if len(size) != 2 or not all(
        isinstance(one, int) and one > 0 for one in size
    ):
        raise ValueError(
            "`pixels` must be True or the (height, width) of a device's "
            f"images. Received: pixels={pixels}"
        )
    if preprocessing is None or {"scale", "mean", "std"} - set(preprocessing):
        raise ValueError(
            "A file that takes pixels normalises them: give `preprocessing` "
            "with scale, mean and std, such as ka.data.info(name)."
            f"preprocessing. Received: preprocessing={preprocessing}"
        )
    record = {"scale": float(preprocessing["scale"]), "size": size}
    for name in ("mean", "std"):
        values = np.ravel(preprocessing[name]).astype(float).tolist()
        if len(values) not in (1, channels):
            raise ValueError(
                f"The network has {channels} channels. Received: "
                f"preprocessing with {len(values)} values of {name}"
            )
        record[name] = values * (channels // len(values))
    if record["scale"] == 0 or 0 in record["std"]:
        raise ValueError(
            "Pixels are divided by scale and std, which cannot be 0. "
            f"Received: preprocessing={preprocessing}"
        )
    return record


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


def _fed_pixels(config, image_layer, record):
    """Returns a configuration whose image is one of pixels."""
    name = image_layer.name
    _, height, width, channels = image_layer.output.shape
    scale = 1 / (record["scale"] * np.array(record["std"]))
    offset = -np.array(record["mean"]) / np.array(record["std"])
    added = [
        keras.layers.Rescaling(
            scale.tolist(), offset.tolist(), dtype="float32", name=NORMALISED
        )
    ]
    shape = (None, *record["size"], channels)
    if record["size"] != [height, width]:
        added.insert(
            0,
            keras.layers.Resizing(height, width, dtype="float32", name=RESIZED),
        )
    layers = []
    for layer in config["layers"]:
        if layer["name"] == name:
            layer["config"] |= {"dtype": "uint8", "batch_shape": shape}
            layers.append(layer)
            source, dtype = name, "uint8"
            for one in added:
                layers.append(
                    {
                        **keras.saving.serialize_keras_object(one),
                        "name": one.name,
                        "inbound_nodes": [_call(source, shape, dtype)],
                    }
                )
                shape = one.compute_output_shape(shape)
                source, dtype = one.name, "float32"
        else:
            nodes = _redirected(layer["inbound_nodes"], name, source)
            layers.append({**layer, "inbound_nodes": nodes})
    return {**config, "layers": layers}


def _call(source, shape, dtype):
    """A layer's call on one tensor, as Keras' configurations have it."""
    tensor = {
        "class_name": "__keras_tensor__",
        "config": {
            "shape": list(shape),
            "dtype": dtype,
            "keras_history": [source, 0, 0],
        },
    }
    return {"args": [tensor], "kwargs": {}}


def _redirected(value, name, source):
    """Replaces the operation that tensors come from."""
    if isinstance(value, dict):
        changed = {
            key: _redirected(one, name, source) for key, one in value.items()
        }
        if changed.get("keras_history", [None])[0] == name:
            changed["keras_history"] = [source, 0, 0]
            changed["dtype"] = "float32"
        return changed
    if isinstance(value, (list, tuple)):
        return type(value)(_redirected(one, name, source) for one in value)
    return value
