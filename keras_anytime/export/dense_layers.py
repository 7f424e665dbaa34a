"""Which layers stand side by side in one, and the layer that they make."""

import dataclasses
import json

import keras
import numpy as np

from keras_anytime import layers
from keras_anytime.stages import graph

# What computes the same with stock layers on a single tensor.
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
# Others may look at all channels at once, as softmax does.
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
# What a layer may have of its own and still have siblings: what matters in
# training only.
_OWN = ("name", "trainable", *_SIZES)
_TRAINING = ("_initializer", "_regularizer", "_constraint")


@dataclasses.dataclass(frozen=True)
class Node:
    """What an operation reads, and with which others it can be one.

    Args:
        reads: Tuple of the names of the tensors that it reads, in order.
        kind: Hashable that siblings have in common, or `None` for what stays
            as it is.
        joins: Boolean. Whether it reads all its tensors as one, side by side.
            A sibling then reads the same ones, or the first of them. Otherwise
            siblings read corresponding tensors at each place.
    """

    reads: tuple
    kind: object = None
    joins: bool = False


def check(program):
    """Raises a `ValueError` unless a program has the form that is rewritten.

    Args:
        program: A `keras.Model`; see `dense.dense_slices`.

    Raises:
        ValueError: If it has not.
    """
    if not all(
        isinstance(one, dict) and one
        for one in (getattr(program, "input", 0), getattr(program, "output", 0))
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


def node(operation, call, names):
    """Describes an operation of a model.

    Args:
        operation: A Keras operation that is called once.
        call: Dict with `args` and `kwargs`: its call, as in the model's
            configuration; or `None` for an input.
        names: Dict from the `id` of each tensor in the model to its name.

    Returns:
        A `Node`.
    """
    inputs = graph.input_tensors(operation)
    reads = tuple(names[id(one)] for one in inputs)
    if call is None or not _plain(call):
        return Node(reads)
    if _is_concatenation(operation):
        return Node(reads, joins=True)
    kind = type(operation)
    if kind in _DENSE_FORMS and _whole_kernel(operation):
        return Node(reads, (kind, _key(operation)), joins=True)
    if kind in _CHANNELWISE and _keeps_channels(operation, inputs):
        space = tuple(tuple(one.shape[:-1]) for one in inputs)
        return Node(reads, (kind, _key(operation), space))
    return Node(reads)


def wide_layer(members, inputs, name):
    """Returns what one layer gives in the place of siblings.

    The kernel of a slice that reads fewer channels is filled up with zeros.

    Args:
        members: List of layers of one kind (see `Node`).
        inputs: List of the tensors that the layer reads: what the members read
            side by side.
        name: String. The new layer's name.

    Returns:
        Symbolic tensor, the outputs of all members side by side.
    """
    first = members[0]
    config = {**_settings(first), "name": name}
    weights = [layer.get_weights() for layer in members]
    kind = type(first)
    if kind in _DENSE_FORMS:
        kind = _DENSE_FORMS[kind]
        (size,) = [one for one in _SIZES if hasattr(first, one)]
        config[size] = sum(getattr(layer, size) for layer in members)
        config["kernel_initializer"] = "zeros"
        rows = inputs[0].shape[-1]
        weights = [
            [_filled(weight[0], rows), *weight[1:]] for weight in weights
        ]
    layer = kind.from_config(config)
    outputs = layer(inputs if len(inputs) > 1 else inputs[0])
    layer.set_weights(
        [np.concatenate(one, axis=-1) for one in zip(*weights, strict=True)]
    )
    return outputs


def _plain(call):
    """Whether a call has one argument, of tensors."""
    return len(call["args"]) == 1 and all(
        value is None for value in call["kwargs"].values()
    )


def _is_concatenation(operation):
    """Whether an operation puts channels side by side."""
    return type(operation) is keras.layers.Concatenate and operation.axis in (
        -1,
        len(operation.output.shape) - 1,
    )


def _settings(layer):
    return {
        key: value
        for key, value in layer.get_config().items()
        if key not in _OWN and not key.endswith(_TRAINING)
    }


def _key(layer):
    return json.dumps(_settings(layer), sort_keys=True, default=repr)


def _whole_kernel(layer):
    """Whether a layer is a convolution or product with one kernel."""
    return (
        _activation(layer) in _ACTIVATIONS
        and getattr(layer, "groups", 1) == 1
        and getattr(layer, "data_format", "channels_last") == "channels_last"
        and len(layer.weights) == 1 + layer.use_bias
    )


def _keeps_channels(layer, inputs):
    """Whether all that a layer knows of a channel is that channel."""
    channels = layer.output.shape[-1]
    return (
        _activation(layer) in _ACTIVATIONS
        and getattr(layer, "data_format", "channels_last") == "channels_last"
        and getattr(layer, "axis", -1) in (-1, len(layer.output.shape) - 1)
        and all(one.shape[-1] == channels for one in inputs)
        and all(tuple(weight.shape) == (channels,) for weight in layer.weights)
    )


def _activation(layer):
    linear = keras.activations.linear
    return keras.activations.serialize(getattr(layer, "activation", linear))


def _filled(kernel, rows):
    """A kernel with zeros for the last of so many input channels."""
    missing = [(0, 0)] * (kernel.ndim - 2) + [(0, rows - kernel.shape[-2])]
    return np.pad(kernel, [*missing, (0, 0)])
