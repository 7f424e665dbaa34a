"""Counterparts in tf_keras of the layers of a network."""

import inspect
from typing import Any

import keras
import numpy as np
import tf_keras

from keras_anytime import layers as anytime
from keras_anytime.layers.grouped import grouped_kernel

# Layers of this package that differ from a stock layer only in that they
# concatenate their inputs.
_STOCK_NAMES = {
    anytime.BatchNormalization: "BatchNormalization",
    anytime.GroupedConv2D: "Conv2D",
    anytime.SlicedConv2D: "Conv2D",
    anytime.SlicedDense: "Dense",
}
# Settings that do not change what a layer computes, and parts of the names of
# settings that matter in training only.
_DROPPED = ("dtype", "quantization_config", "synchronized", "zero_filled")
_TRAINING_PARTS = ("initializer", "regularizer", "constraint", "renorm")


@tf_keras.saving.register_keras_serializable(package="keras_anytime")
class ZeroOutsideGroups(tf_keras.constraints.Constraint):
    """Keeps a dense kernel zero outside the groups of a convolution.

    Grouped convolutions are XLA programs of their own in tf_keras too, and as
    slow on CPUs as those of Keras.

    Args:
        groups: Integer.
    """

    def __init__(self, groups: int):
        self.groups = groups

    def __call__(self, weights: Any) -> Any:
        *_, inputs, filters = weights.shape
        input_groups = np.arange(inputs) // (inputs // self.groups)
        filter_groups = np.arange(filters) // (filters // self.groups)
        mask = input_groups[:, None] == filter_groups[None, :]
        return weights * mask.astype(weights.dtype.as_numpy_dtype)

    def get_config(self) -> dict[str, Any]:
        return {"groups": self.groups}


def counterpart(layer: keras.Layer, name: str) -> Any:
    """Returns a new tf_keras layer that computes the same.

    Args:
        layer: A layer of an anytime model.
        name: String, the name of the new layer.

    Returns:
        A `tf_keras.layers.Layer` without weights.

    Raises:
        ValueError: If tf_keras has no such layer or does not take its
            settings.
    """
    if type(layer) is anytime.ChannelPadding:
        # tfmot does not know `ChannelPadding`. With the axes read as
        # "channels_first", a stock layer pads the channels as columns.
        return tf_keras.layers.ZeroPadding2D(
            ((0, 0), (0, layer.channels)),
            data_format="channels_first",
            name=name,
        )
    class_name = _STOCK_NAMES.get(type(layer), type(layer).__name__)
    layer_class = getattr(tf_keras.layers, class_name, None)
    # Operations of `keras.ops` and users' layers may have the same class name.
    is_stock = type(layer) in _STOCK_NAMES or getattr(
        keras.layers, class_name, None
    ) is type(layer)
    if layer_class is None or not is_stock:
        raise ValueError(
            "A tf_keras copy is made of stock layers, and this layer has no "
            f"counterpart in tf_keras. Received: layer {layer.name!r} of class "
            f"{type(layer).__name__}"
        )
    config = {
        key: value
        for key, value in layer.get_config().items()
        if key not in _DROPPED
        and not any(part in key for part in _TRAINING_PARTS)
    }
    config["name"] = name
    if groups_of(layer) > 1:
        config["kernel_constraint"] = ZeroOutsideGroups(config.pop("groups"))
    unknown = sorted(set(config) - _constructor_arguments(layer_class))
    if unknown:
        raise ValueError(
            f"tf_keras' {class_name} does not take {unknown}. "
            f"Received: layer {layer.name!r}"
        )
    try:
        return layer_class(**config)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"tf_keras cannot make this layer: {error} "
            f"Received: layer {layer.name!r} of class {type(layer).__name__}"
        ) from error


def concatenates_inputs(layer: keras.Layer) -> bool:
    """Returns whether a layer concatenates the tensors that it reads."""
    return type(layer) in _STOCK_NAMES


def groups_of(layer: keras.Layer) -> int:
    """Returns the groups of a 2D convolution; 1 for any other layer."""
    return layer.groups if isinstance(layer, keras.layers.Conv2D) else 1


def to_tf_keras_weights(layer: keras.Layer) -> list[np.ndarray]:
    """Returns a layer's weights as its counterpart takes them.

    The kernel of a grouped convolution becomes a dense one that is zero
    outside the groups.

    Args:
        layer: A layer of an anytime model.
    """
    weights = layer.get_weights()
    if groups_of(layer) > 1:
        kernel = grouped_kernel(
            keras.ops.convert_to_tensor(weights[0]),
            groups_of(layer),
            zero_filled=True,
        )
        weights[0] = keras.ops.convert_to_numpy(kernel)
    return weights


def from_tf_keras_weights(
    layer: keras.Layer, weights: list[np.ndarray]
) -> list[np.ndarray]:
    """Returns the weights of a counterpart as the layer takes them.

    Args:
        layer: A layer of an anytime model.
        weights: List of arrays, the weights of its counterpart.
    """
    groups = groups_of(layer)
    if groups == 1:
        return weights
    rows, columns, inputs, filters = weights[0].shape
    blocks = weights[0].reshape(
        rows, columns, groups, inputs // groups, groups, filters // groups
    )
    kernel = np.einsum("rcgigf->rcigf", blocks).reshape(
        rows, columns, inputs // groups, filters
    )
    return [kernel, *weights[1:]]


def _constructor_arguments(layer_class: type) -> set[str]:
    """Returns the names that the constructors of a class and its bases take."""
    names = {"name", "trainable"}
    for base in layer_class.__mro__:
        if "__init__" in vars(base) and base is not tf_keras.layers.Layer:
            names |= set(inspect.signature(vars(base)["__init__"]).parameters)
    return names
