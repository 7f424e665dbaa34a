"""Decides which layers can be merged, and merges them into one wide layer."""

import json
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from keras_anytime import layers
from keras_anytime.backend.types import Tensor
from keras_anytime.export.slice_grouping import Node
from keras_anytime.stages import graph

# Stock layers that compute the same on a single tensor.
_DENSE_FORMS = {
    layers.SlicedConv2D: keras.layers.Conv2D,
    layers.SlicedDense: keras.layers.Dense,
    keras.layers.Conv2D: keras.layers.Conv2D,
    keras.layers.Dense: keras.layers.Dense,
}
_SIZES = ("filters", "units")

# Each output channel depends on the same channel of each input.
_CHANNELWISE = (
    keras.layers.Activation,
    keras.layers.Add,
    keras.layers.Average,
    keras.layers.AveragePooling2D,
    keras.layers.BatchNormalization,
    keras.layers.GlobalAveragePooling2D,
    keras.layers.GlobalMaxPooling2D,
    keras.layers.LeakyReLU,
    keras.layers.MaxPooling2D,
    keras.layers.Maximum,
    keras.layers.Minimum,
    keras.layers.Multiply,
    keras.layers.ReLU,
    keras.layers.Subtract,
    layers.BatchNormalization,
)
# Other activations may mix channels, as softmax does.
_ACTIVATIONS = (
    "elu",
    "gelu",
    "hard_sigmoid",
    "leaky_relu",
    "linear",
    "relu",
    "relu6",
    "selu",
    "sigmoid",
    "silu",
    "softplus",
    "tanh",
)
# Settings that may differ between layers that are merged: sizes, and those
# that matter in training only.
_FREE_SETTINGS = ("name", "trainable", *_SIZES)
_TRAINING_ENDINGS = ("_initializer", "_regularizer", "_constraint")


def check_program(program: keras.Model) -> None:
    """Raises an error if a program has no dense form.

    Args:
        program: A `keras.Model`; see `dense_slices`.

    Raises:
        ValueError: If it is not a functional model from a dict to a dict of
            tensors, calls a layer twice, or does not compute in float32.
    """
    if not all(
        isinstance(tensors, dict) and tensors
        for tensors in (
            getattr(program, "input", None),
            getattr(program, "output", None),
        )
    ):
        raise ValueError(
            "Expected a functional model from a dict to a dict of tensors. "
            f"Received: program={program}"
        )
    repeated = sorted(graph.repeated(program))
    if repeated:
        raise ValueError(
            "Each layer must be called once in the program. "
            f"Received: program={program.name!r}, which repeats {repeated}"
        )
    others = sorted(
        layer.name
        for layer in program.layers
        if not isinstance(layer, keras.layers.InputLayer)
        and layer.compute_dtype != "float32"
    )
    if others:
        raise ValueError(
            "The program must compute in float32. "
            f"Received: program={program.name!r}, where {others} do not"
        )


def node_of(
    operation: keras.Operation,
    call: Mapping[str, Any] | None,
    names: Mapping[int, str],
) -> Node:
    """Describes an operation of a model for the grouping of slices.

    Args:
        operation: A Keras operation that is called once.
        call: Dict with `args` and `kwargs`: its call, as in the model's
            configuration; or `None` for an input.
        names: Dict from the `id` of each tensor in the model to its name.

    Returns:
        A `Node`.
    """
    inputs = graph.input_tensors(operation)
    reads = tuple(names[id(tensor)] for tensor in inputs)
    if call is None or not _takes_tensors_only(call):
        return Node(reads)
    if _concatenates_channels(operation):
        return Node(reads, concatenates=True)
    kind = type(operation)
    if kind in _DENSE_FORMS and _has_one_kernel(operation):
        return Node(reads, (kind, _settings_key(operation)), concatenates=True)
    if kind in _CHANNELWISE and _is_channelwise(operation, inputs):
        space = tuple(tuple(tensor.shape[:-1]) for tensor in inputs)
        return Node(reads, (kind, _settings_key(operation), space))
    return Node(reads)


def wide_layer(
    members: Sequence[keras.Layer], inputs: Sequence[Tensor], name: str
) -> Tensor:
    """Returns the outputs of several layers, computed by one wide layer.

    A kernel that reads fewer channels than others is padded with zeros.

    Args:
        members: Sequence of layers of one kind (see `Node`).
        inputs: Sequence of the tensors that the wide layer reads: the inputs
            of the members side by side.
        name: String. The wide layer's name.

    Returns:
        Symbolic tensor, the outputs of all members side by side.
    """
    first = members[0]
    config = {**_settings(first), "name": name}
    weights = [layer.get_weights() for layer in members]
    kind = type(first)
    if kind in _DENSE_FORMS:
        kind = _DENSE_FORMS[kind]
        (size,) = [size for size in _SIZES if hasattr(first, size)]
        config[size] = sum(getattr(layer, size) for layer in members)
        config["kernel_initializer"] = "zeros"
        channels = inputs[0].shape[-1]
        weights = [
            [_padded(kernel, channels), *others] for kernel, *others in weights
        ]
    layer = kind.from_config(config)
    outputs = layer(inputs if len(inputs) > 1 else inputs[0])
    layer.set_weights(
        [np.concatenate(parts, axis=-1) for parts in zip(*weights, strict=True)]
    )
    return outputs


def _takes_tensors_only(call: Mapping[str, Any]) -> bool:
    """Returns whether a call has one argument and no settings."""
    return len(call["args"]) == 1 and all(
        value is None for value in call["kwargs"].values()
    )


def _concatenates_channels(operation: keras.Operation) -> bool:
    """Returns whether an operation concatenates along the last axis."""
    return type(operation) is keras.layers.Concatenate and operation.axis in (
        -1,
        len(operation.output.shape) - 1,
    )


def _settings(layer: keras.Layer) -> dict[str, Any]:
    """Returns the settings that merged layers have in common."""
    return {
        key: value
        for key, value in layer.get_config().items()
        if key not in _FREE_SETTINGS and not key.endswith(_TRAINING_ENDINGS)
    }


def _settings_key(layer: keras.Layer) -> str:
    return json.dumps(_settings(layer), sort_keys=True, default=repr)


def _has_one_kernel(layer: keras.Layer) -> bool:
    """Returns whether a convolution or dense layer has one plain kernel."""
    return (
        _activation(layer) in _ACTIVATIONS
        and getattr(layer, "groups", 1) == 1
        and getattr(layer, "data_format", "channels_last") == "channels_last"
        and len(layer.weights) == 1 + layer.use_bias
    )


def _is_channelwise(layer: keras.Layer, inputs: Sequence[Tensor]) -> bool:
    """Returns whether each output channel depends on one input channel."""
    channels = layer.output.shape[-1]
    return (
        _activation(layer) in _ACTIVATIONS
        and getattr(layer, "data_format", "channels_last") == "channels_last"
        and getattr(layer, "axis", -1) in (-1, len(layer.output.shape) - 1)
        and all(tensor.shape[-1] == channels for tensor in inputs)
        and all(tuple(weight.shape) == (channels,) for weight in layer.weights)
    )


def _activation(layer: keras.Layer) -> Any:
    linear = keras.activations.linear
    return keras.activations.serialize(getattr(layer, "activation", linear))


def _padded(kernel: np.ndarray, channels: int) -> np.ndarray:
    """Returns a kernel with zeros for the last of so many input channels."""
    missing = [(0, 0)] * (kernel.ndim - 2) + [(0, channels - kernel.shape[-2])]
    return np.pad(kernel, [*missing, (0, 0)])
