"""Rebuilds a network from new layers, in the form that is exported."""

from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import keras

from keras_anytime.backend.types import Tensor
from keras_anytime.export.preprocessing import pixel_layers
from keras_anytime.export.safe_names import safe_inputs
from keras_anytime.export.safe_names import safe_name
from keras_anytime.export.safe_names import safe_names
from keras_anytime.stages.copies import copied
from keras_anytime.stages.image_input import image_input


def exportable(
    model: keras.Model,
    dense_kernels: bool,
    pixels: Mapping[str, Any] | None = None,
) -> keras.Model:
    """Returns a model with the same weights, in the form that is exported.

    It computes in float32, because LiteRT does not take the 16-bit features
    that a network trained in mixed precision hands from step to step. Its
    layers have names that TensorFlow does not rewrite and Python accepts; see
    `safe_names`.

    Args:
        model: An `AnytimeModel`.
        dense_kernels: Boolean. Whether grouped convolutions become dense ones,
            with a kernel that is zero outside the groups. TensorFlow would
            compile an XLA program for each grouped convolution; LiteRT has an
            operator for them.
        pixels: Dict as from `preprocessing.pixel_input`, or `None` for a
            network that is fed prepared images. The pixels take the place of
            its only input of images.

    Returns:
        An `AnytimeModel`; the model itself if it has that form already.
    """
    names = safe_names(model)
    if (
        pixels is None
        and safe_name(model.name) == model.name
        and all(
            names[operation.name] == operation.name
            for operation in model.operations
        )
        and not any(
            _is_other_float(_output_dtype(operation))
            for operation in model.operations
        )
        and all(
            layer.zero_filled == dense_kernels
            for layer in model.layers
            if hasattr(layer, "zero_filled")
        )
    ):
        return model
    image = image_input(model)
    inputs, layers = [], []
    for tensor, name in zip(
        model.inputs, safe_inputs(model).values(), strict=True
    ):
        shape, dtype = tensor.shape, tensor.dtype
        preparing: list[keras.Layer] = []
        if pixels is not None and image is not None and tensor is image:
            shape, dtype = (None, *pixels["size"], shape[-1]), "uint8"
            preparing = pixel_layers(pixels, tensor.shape)
        elif _is_other_float(dtype):
            dtype = "float32"
        inputs.append(keras.Input(batch_shape=shape, dtype=dtype, name=name))
        layers.append(preparing)
    return _rebuild(model, names, dense_kernels, inputs, layers)


def clone_operation(
    operation: keras.Operation, changes: Mapping[str, Any] | None = None
) -> keras.Operation:
    """Returns a new operation or layer with the same settings, in float32.

    The class does not have to be registered: it is taken from the operation.

    Args:
        operation: A Keras operation.
        changes: Dict of settings to replace, or `None`.

    Returns:
        A Keras operation. A layer has no weights yet.
    """
    changes = dict(changes or {})
    has_dtype = "dtype" in {**operation.get_config(), **changes}
    if has_dtype and _is_other_float(_output_dtype(operation)):
        changes["dtype"] = "float32"
    return copied(operation, **changes)


def copy_weights(
    pairs: Iterable[tuple[keras.Operation, keras.Operation]],
) -> None:
    """Copies the weights of each first operation to the second.

    Args:
        pairs: Iterable of pairs of an old and a new operation.
    """
    for old, new in pairs:
        if getattr(old, "weights", ()):
            new.set_weights(old.get_weights())


def _rebuild(
    model: keras.Model,
    names: Mapping[str, str],
    dense_kernels: bool,
    inputs: Sequence[Tensor],
    layers: Sequence[Sequence[keras.Layer]],
) -> keras.Model:
    """Returns a model of new layers under `names`, with the same weights.

    Args:
        model: An `AnytimeModel`, which does not change.
        names: Dict from the names of its operations to the new names.
        dense_kernels: Boolean, for grouped convolutions.
        inputs: List of the symbolic inputs of the new model.
        layers: List of the layers through which each input goes first.
    """
    prepared = {}
    for tensor, preparing in zip(inputs, layers, strict=True):
        prepared[id(tensor)] = tensor
        for layer in preparing:
            prepared[id(tensor)] = layer(prepared[id(tensor)])

    def call(operation, *args, **kwargs):
        args, kwargs = keras.tree.map_structure(
            lambda value: prepared.get(id(value), value), (args, kwargs)
        )
        return operation(*args, **kwargs)

    pairs = []

    def clone(operation):
        changes: dict[str, Any] = {"name": names[operation.name]}
        if hasattr(operation, "zero_filled"):
            changes["zero_filled"] = dense_kernels
        pairs.append((operation, clone_operation(operation, changes)))
        return pairs[-1][1]

    # An `AnytimeModel` would make `clone_model` compile the copy.
    plain = keras.Model(list(model.inputs), model.outputs)
    outputs = keras.models.clone_model(plain, list(inputs), clone, call).outputs
    copy_weights(pairs)
    return type(model)(
        list(inputs) if len(inputs) > 1 else inputs[0],
        outputs,
        name=safe_name(model.name),
        task=model.task,
    )


def _output_dtype(operation: keras.Operation) -> str | None:
    """Returns the type of an operation's output; `None` if of its input."""
    if isinstance(operation, keras.layers.Layer):
        return operation.compute_dtype
    return getattr(operation, "dtype", None)


def _is_other_float(dtype: str | None) -> bool:
    """Returns whether it is a floating-point type other than float32."""
    return (
        dtype is not None
        and dtype != "float32"
        and keras.backend.is_float_dtype(dtype)
    )
