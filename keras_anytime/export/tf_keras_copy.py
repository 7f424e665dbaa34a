"""Copies a network to tf_keras, for tools that know no other Keras."""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import tf_keras

from keras_anytime import tasks as tasks_lib
from keras_anytime.export.rebuild import exportable
from keras_anytime.export.safe_names import safe_inputs
from keras_anytime.export.safe_names import safe_name
from keras_anytime.export.safe_names import safe_names
from keras_anytime.export.tf_keras_layers import concatenates_inputs
from keras_anytime.export.tf_keras_layers import counterpart
from keras_anytime.export.tf_keras_layers import from_tf_keras_weights
from keras_anytime.export.tf_keras_layers import to_tf_keras_weights
from keras_anytime.stages import graph


def tf_keras_copy(model: keras.Model) -> Any:
    """Returns the network as a functional model of stock tf_keras layers.

    Layers keep their names if TensorFlow accepts them. A layer that reads
    several tensors gets a `Concatenate` before it. A grouped convolution
    becomes a dense one with a kernel that is zero outside the groups and stays
    so in training. Regularizers and constraints are left out, and all layers
    compute in float32.

    Args:
        model: An `AnytimeModel`.

    Returns:
        A `tf_keras.Model` from the input, or a dict of several, to the list of
        all logits. Inputs have the names of exported files. It has variables
        of its own, with the values of the model's.

    Raises:
        ValueError: If a layer has no counterpart in tf_keras, or is called
            more than once.
    """
    repeated = graph.repeated(model)
    if repeated:
        raise ValueError(
            "A tf_keras copy needs layers that are called once each. "
            f"Received: {model.name!r} with calls {repeated}"
        )
    config = model.get_config()
    operations = {operation.name: operation for operation in model.operations}
    names = safe_names(model)
    inputs_of_copy = dict(
        zip(
            [layer.name for layer in model.input_layers],
            safe_inputs(model).values(),
            strict=True,
        )
    )
    tensors: dict[str, Any] = {}
    for entry in config["layers"]:
        layer = operations[entry["name"]]
        if isinstance(layer, keras.layers.InputLayer):
            tensors[layer.name] = tf_keras.Input(
                batch_shape=layer.batch_shape,
                dtype=layer.dtype,
                name=inputs_of_copy[layer.name],
            )
            continue
        new_layer = counterpart(layer, names[layer.name])
        inputs = _inputs(entry, tensors)
        if concatenates_inputs(layer) and isinstance(inputs, list):
            inputs = _concatenated(inputs, names[layer.name])
        tensors[layer.name] = new_layer(inputs)
        new_layer.set_weights(to_tf_keras_weights(layer))
    copy = tf_keras.Model(
        {new: tensors[name] for name, new in inputs_of_copy.items()}
        if len(inputs_of_copy) > 1
        else tensors[next(iter(inputs_of_copy))],
        [tensors[name] for name in model.output_names],
        name=safe_name(model.name),
    )
    _check_equivalent(model, copy)
    return copy


def copy_weights_back(model: keras.Model, copy: Any) -> keras.Model:
    """Returns a new network with the weights of a tf_keras copy.

    Args:
        model: The `AnytimeModel` that was copied; it does not change.
        copy: A `tf_keras.Model` as from `tf_keras_copy`. Layers are matched by
            name.

    Returns:
        An `AnytimeModel`, not compiled.

    Raises:
        ValueError: If the copy lacks a layer that has weights.
    """
    config = model.get_config()
    # The task of a network that is not compiled is known only if it is given.
    if model.task is None and not any(
        task.name == "undeclared" for task in model.tasks.values()
    ):
        tasks = model.tasks
        config["task"] = tasks_lib.serialize(
            tasks if model.label_sets else tasks[None]
        )
    network = type(model).from_config(config)
    copied_layers = {layer.name: layer for layer in copy.layers}
    names = safe_names(model)
    for layer in network.layers:
        if not layer.weights:
            continue
        if names[layer.name] not in copied_layers:
            raise ValueError(
                f"The tf_keras copy must have a layer {layer.name!r}. "
                f"Received: layers {sorted(copied_layers)}"
            )
        weights = copied_layers[names[layer.name]].get_weights()
        layer.set_weights(from_tf_keras_weights(layer, weights))
    return network


def _inputs(entry: Mapping[str, Any], tensors: Mapping[str, Any]) -> Any:
    """Returns what a copied layer reads: a tensor, or a list of them.

    Args:
        entry: Dict, the layer's entry in the configuration of the network.
        tensors: Dict from the names of layers to the tensors of the copy.
    """
    (call,) = entry["inbound_nodes"]
    # The caller of the model decides whether layers are in training mode.
    settings = {
        key: value
        for key, value in call["kwargs"].items()
        if value is not None and key != "training"
    }
    if len(call["args"]) != 1 or settings:
        raise ValueError(
            "The layers of a tf_keras copy are called on tensors alone. "
            f"Received: layer {entry['name']!r} with {sorted(settings)}"
        )

    def tensor_of(record):
        return tensors[record["config"]["keras_history"][0]]

    (argument,) = call["args"]
    if isinstance(argument, dict):
        return tensor_of(argument)
    return [tensor_of(record) for record in argument]


def _concatenated(tensors: list[Any], name: str) -> Any:
    if len(tensors) == 1:
        return tensors[0]
    return tf_keras.layers.Concatenate(name=f"{name}_inputs")(tensors)


def _random_input(tensor: Any) -> np.ndarray:
    """Returns random values that any network with this input takes."""
    rng = np.random.default_rng(0)
    shape = [size or 2 for size in tensor.shape]
    dtype = keras.backend.standardize_dtype(tensor.dtype)
    if keras.backend.is_float_dtype(dtype):
        return rng.standard_normal(shape).astype("float32")
    # Pixels; other integers may be tokens of the smallest vocabulary.
    return rng.integers(0, 256 if dtype == "uint8" else 2, shape).astype(dtype)


def _check_equivalent(model: keras.Model, copy: Any) -> None:
    """Raises a `ValueError` if the copy computes other logits."""
    if any(None in tensor.shape[1:] for tensor in model.inputs):
        return
    examples = {
        name: _random_input(tensor)
        for name, tensor in zip(
            safe_inputs(model).values(), model.inputs, strict=True
        )
    }
    fed = examples if len(examples) > 1 else next(iter(examples.values()))
    expected = exportable(model, dense_kernels=True)(
        list(examples.values()) if len(examples) > 1 else fed, training=False
    )
    copied = copy(fed, training=False)
    for name, logits, copied_logits in zip(
        model.output_names,
        keras.tree.flatten(expected),
        keras.tree.flatten(copied),
        strict=True,
    ):
        logits = np.asarray(logits)
        error = np.max(np.abs(logits - np.asarray(copied_logits)))
        if not error <= 1e-3 * max(1.0, np.max(np.abs(logits))):
            raise ValueError(
                "Some layer computes something else in tf_keras. "
                f"Received: {model.name!r}, whose {name} differs by {error}"
            )
