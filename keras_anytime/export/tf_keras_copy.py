"""A network as a model of tf_keras, for tools that know no other Keras."""

import inspect
import os

import keras
import numpy as np
import tf_keras

from keras_anytime import layers as anytime
from keras_anytime.export.preprocessing import exportable
from keras_anytime.export.rebuild import exportable_name
from keras_anytime.export.rebuild import exportable_names
from keras_anytime.layers.grouped import grouped_kernel
from keras_anytime.stages import graph

# Layers of ours that differ from a stock one in joining what they read only.
_STOCK = {
    anytime.BatchNormalization: "BatchNormalization",
    anytime.GroupedConv2D: "Conv2D",
    anytime.SlicedConv2D: "Conv2D",
    anytime.SlicedDense: "Dense",
}
# What a layer's configuration holds that does not change what it computes, or
# that is of its training alone.
_NO_MATTER = ("dtype", "quantization_config", "synchronized", "zero_filled")
_OF_TRAINING = ("initializer", "regularizer", "constraint", "renorm")


@tf_keras.saving.register_keras_serializable(package="keras_anytime")
class InGroups(tf_keras.constraints.Constraint):
    """Keeps a dense kernel zero outside the groups of a convolution.

    Convolutions with groups are XLA programs of their own in tf_keras too, and
    as slow on CPUs as those of Keras.

    Args:
        groups: Integer.
    """

    def __init__(self, groups):
        self.groups = groups

    def __call__(self, weights):
        *_, inputs, filters = weights.shape
        rows = np.arange(inputs) // (inputs // self.groups)
        columns = np.arange(filters) // (filters // self.groups)
        mask = rows[:, None] == columns[None, :]
        return weights * mask.astype(weights.dtype.as_numpy_dtype)

    def get_config(self):
        return {"groups": self.groups}


def make_twin(model):
    """Returns the network as a functional model of stock tf_keras layers.

    Layers keep their names, as far as TensorFlow takes them. Layers that read
    several tensors get a `Concatenate` before them, and grouped convolutions
    are dense ones with a kernel that is zero outside the groups, and stays so
    in training.
    Regularizers and constraints are left out, and all is float32.

    Args:
        model: An `AnytimeModel`.

    Returns:
        A `tf_keras.Model` from the image to the list of all logits. It has
        variables of its own, with the values of the model's.

    Raises:
        ValueError: If a layer has no counterpart in tf_keras, or is called
            more than once.
    """
    again = graph.repeated(model)
    if again:
        raise ValueError(
            "A twin needs layers that are called once each. "
            f"Received: {model.name!r} with calls {again}"
        )
    config = model.get_config()
    operations = {operation.name: operation for operation in model.operations}
    names = exportable_names(model)
    tensors = {}
    for entry in config["layers"]:
        layer = operations[entry["name"]]
        if isinstance(layer, keras.layers.InputLayer):
            tensors[layer.name] = tf_keras.Input(
                batch_shape=layer.batch_shape,
                dtype=layer.dtype,
                name="image",
            )
            continue
        made = _counterpart(layer, names[layer.name])
        inputs = _inputs(entry, tensors)
        if type(layer) in _STOCK and isinstance(inputs, list):
            inputs = _joined(inputs, names[layer.name])
        tensors[layer.name] = made(inputs)
        made.set_weights(_twin_weights(layer))
    twin = tf_keras.Model(
        tensors[model.image_layer.name],
        [tensors[name] for name in model.output_names],
        name=exportable_name(model.name),
    )
    _check(model, twin)
    return twin


def take_weights(model, twin):
    """Returns a new network with the weights of a twin.

    Args:
        model: The `AnytimeModel` that the twin was made of; left as it is.
        twin: A `tf_keras.Model` as of `make_twin`. Layers are found by name.

    Returns:
        An `AnytimeModel`, not compiled.

    Raises:
        ValueError: If the twin lacks a layer that has weights.
    """
    taken = type(model).from_config(model.get_config())
    there = {layer.name: layer for layer in twin.layers}
    names = exportable_names(model)
    for layer in taken.layers:
        if not layer.weights:
            continue
        if names[layer.name] not in there:
            raise ValueError(
                f"The twin must have a layer {layer.name!r}. "
                f"Received: layers {sorted(there)}"
            )
        weights = there[names[layer.name]].get_weights()
        if groups_of(layer) > 1:
            weights[0] = _within_groups(weights[0], groups_of(layer))
        layer.set_weights(weights)
    return taken


def activation_ranges(twin, data):
    """Returns the least and largest output of each layer.

    Args:
        twin: A `tf_keras.Model` as of `make_twin`.
        data: Iterable of batches (images, labels).

    Returns:
        Dict from the layers' names to pairs of floats, at most 0 and at least
        0: rounded activations have an exact zero.
    """
    whole = tf_keras.Model(
        twin.input, {layer.name: layer.output for layer in twin.layers}
    )
    ranges = {layer.name: (0.0, 0.0) for layer in twin.layers}
    for images, _ in data:
        for name, values in whole(images, training=False).items():
            values = np.asarray(values)
            low, high = ranges[name]
            ranges[name] = (
                min(low, float(values.min())),
                max(high, float(values.max())),
            )
    return ranges


def folded_normalizations(twin):
    """Returns which normalizations merge in the layer before them on devices.

    Args:
        twin: A `tf_keras.Model` as of `make_twin`.

    Returns:
        Set of the layers' names.
    """
    kinds = (
        tf_keras.layers.Conv2D,
        tf_keras.layers.Dense,
        tf_keras.layers.DepthwiseConv2D,
    )
    before = {
        id(layer.output)
        for layer in twin.layers
        if type(layer) in kinds
        and layer.activation is tf_keras.activations.linear
        and len(layer.outbound_nodes) == 1
        and layer.name not in twin.output_names
    }
    return {
        layer.name
        for layer in twin.layers
        if isinstance(layer, tf_keras.layers.BatchNormalization)
        and id(layer.input) in before
    }


def set_ranges(layer, found):
    """Sets the range in which a layer's output is rounded in training.

    tfmot starts from -6 to 6 and moves by a thousandth in a step, which a
    short training never makes up for.

    Args:
        layer: A layer of a model that tfmot quantized, or `None`.
        found: Pair of floats, as from `activation_ranges`.
    """
    if found[0] == found[1]:
        return
    of_output = ("output", "post_activation", "quantize_layer")
    for variable in layer.weights if layer else ():
        name, _, end = short_name(variable).rpartition("_")
        if name in of_output and end in ("min", "max"):
            variable.assign(found[end == "max"])


def short_name(variable):
    """Returns the name of a tf_keras variable in its layer."""
    return variable.name.rpartition("/")[2].partition(":")[0]


def load_tfmot():
    """Returns tfmot; importing it sets a variable that turns Keras 3 off."""
    name = "TF_USE_LEGACY_KERAS"
    found = os.environ.get(name)
    import tensorflow_model_optimization as tfmot

    os.environ.pop(name, None)
    if found is not None:
        os.environ[name] = found
    return tfmot


def groups_of(layer):
    """Returns the groups of a 2D convolution; 1 of any other layer."""
    return layer.groups if isinstance(layer, keras.layers.Conv2D) else 1


def _counterpart(layer, called):
    """Returns a new tf_keras layer that does the same, under a name."""
    if type(layer) is anytime.ChannelPadding:
        # Taken for the columns of an image with its channels first, channels
        # are padded by a layer that all tools know.
        return tf_keras.layers.ZeroPadding2D(
            ((0, 0), (0, layer.channels)),
            data_format="channels_first",
            name=called,
        )
    name = _STOCK.get(type(layer), type(layer).__name__)
    made = getattr(tf_keras.layers, name, None)
    # Operations of `keras.ops`, and layers of others, may be called the same.
    known = type(layer) in _STOCK or getattr(keras.layers, name, None) is type(
        layer
    )
    if made is None or not known:
        raise ValueError(
            "A twin is made of stock layers, and this one has no counterpart "
            f"in tf_keras. Received: layer {layer.name!r} of class "
            f"{type(layer).__name__}"
        )
    config = {
        key: value
        for key, value in layer.get_config().items()
        if key not in _NO_MATTER
        and not any(part in key for part in _OF_TRAINING)
    }
    config["name"] = called
    if groups_of(layer) > 1:
        config["kernel_constraint"] = InGroups(config.pop("groups"))
    unknown = sorted(set(config) - _arguments(made))
    if unknown:
        raise ValueError(
            f"tf_keras' {name} does not take {unknown}. "
            f"Received: layer {layer.name!r}"
        )
    try:
        return made(**config)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"tf_keras cannot make this layer: {error} "
            f"Received: layer {layer.name!r} of class {type(layer).__name__}"
        ) from error


def _arguments(layer_class):
    """Returns the names that the constructors of a class and its bases take."""
    names = {"name", "trainable"}
    for one in layer_class.__mro__:
        if "__init__" in vars(one) and one is not tf_keras.layers.Layer:
            names |= set(inspect.signature(one.__init__).parameters)
    return names


def _inputs(entry, tensors):
    """Returns what a layer reads: a twin's tensor, or a list of them."""
    ((call),) = entry["inbound_nodes"]
    # Whether it is in training is the caller's to say.
    given = {
        key: value
        for key, value in call["kwargs"].items()
        if value is not None and key != "training"
    }
    if len(call["args"]) != 1 or given:
        raise ValueError(
            "A twin's layers are called on tensors alone. "
            f"Received: layer {entry['name']!r} with {sorted(given)}"
        )
    (argument,) = call["args"]
    if isinstance(argument, dict):
        return _tensor(argument, tensors)
    return [_tensor(one, tensors) for one in argument]


def _tensor(record, tensors):
    return tensors[record["config"]["keras_history"][0]]


def _joined(tensors, name):
    if len(tensors) == 1:
        return tensors[0]
    return tf_keras.layers.Concatenate(name=f"{name}_inputs")(tensors)


def _twin_weights(layer):
    weights = layer.get_weights()
    if groups_of(layer) > 1:
        kernel = grouped_kernel(
            keras.ops.convert_to_tensor(weights[0]),
            groups_of(layer),
            zero_filled=True,
        )
        weights[0] = keras.ops.convert_to_numpy(kernel)
    return weights


def _within_groups(kernel, groups):
    """Returns the kernel of a grouped convolution from the dense one."""
    rows, columns, inputs, filters = kernel.shape
    blocks = kernel.reshape(
        rows, columns, groups, inputs // groups, groups, filters // groups
    )
    return np.einsum("rcgigf->rcigf", blocks).reshape(
        rows, columns, inputs // groups, filters
    )


def _check(model, twin):
    """Raises a `ValueError` if the twin computes something else."""
    shape = [size or 2 for size in model.input_shape]
    if None in model.input_shape[1:]:
        return
    images = np.random.default_rng(0).standard_normal(shape)
    images = images.astype(model.image_layer.dtype)
    want = exportable(model, zero_filled=True)(images, training=False)
    got = twin(images, training=False)
    for name, one, other in zip(
        model.output_names,
        keras.tree.flatten(want),
        keras.tree.flatten(got),
        strict=True,
    ):
        one, other = np.asarray(one), np.asarray(other)
        error = np.max(np.abs(one - other))
        if not error <= 1e-3 * max(1.0, np.max(np.abs(one))):
            raise ValueError(
                "Some layer computes something else in tf_keras. "
                f"Received: {model.name!r}, whose {name} differs by {error}"
            )
