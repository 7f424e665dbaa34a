"""Nested models brought into one flat graph, with their layers shared."""

import inspect
import warnings
from collections.abc import Sequence
from typing import Any

import keras

from keras_anytime.stages import graph
from keras_anytime.stages.copies import copied

_FUNCTIONAL_ONLY = (
    "Only a functional or Sequential model can be converted, because the graph "
    "tells where to cut it. "
)


def inlined(model: keras.Model) -> keras.Model:
    """Returns a model as one flat functional graph, without nested models.

    The layers are those of the model, so that weights, `trainable` and
    statistics are shared. Only where two operations have the same name, as the
    layers of two models of one kind, the later one is replaced by a copy of
    another name with the same weights: a graph cannot hold both, and to rename
    a layer would change the model.

    A nested model that is called with `training=False` calls its layers with
    it. As in Keras, that counts where the whole model is called without
    `training`; `fit` sets it for all layers, so that batch normalization keeps
    its statistics only if its `trainable` is `False`. A warning says so.

    ```python
    inner = keras.Sequential([keras.Input((8,)), keras.layers.Dense(4)])
    x = keras.Input((8,))
    flat = ka.convert.inlined(keras.Model(x, keras.layers.ReLU()(inner(x))))
    print([layer.name for layer in flat.layers])
    ```

    Args:
        model: A functional or Sequential `keras.Model`, which may call such
            models as layers, to any depth.

    Returns:
        A functional `keras.Model` of the same inputs and outputs; the model
        itself if it is one already.

    Raises:
        ValueError: If the model or a nested one is neither functional nor
            Sequential, a layer is called more than once, or a nested model is
            called with other arguments than its inputs and `training`.
    """
    return flat_graph(model)[0]


#: The tensors of a graph, by the name of the operation that makes them.
Tensors = dict[str, list[keras.KerasTensor]]


def flat_graph(model: keras.Model) -> tuple[keras.Model, Tensors]:
    """Returns the flat graph of a model, as `inlined` does, and its tensors.

    Keras has no public access to a tensor of an operation that was called in
    another graph before, so the tensors are kept where they are made.

    Args:
        model: As for `inlined`.

    Returns:
        Pair of the functional `keras.Model`, and a dict from the name of each
        operation to the list of the symbolic tensors that it makes, on which
        further layers can be called.

    Raises:
        ValueError: As `inlined` does.
    """
    _check_known(model)
    if isinstance(model, keras.Sequential):
        model = keras.Model(model.inputs, model.outputs, name=model.name)
    _check_called_once(model)
    nested = any(isinstance(op, keras.Model) for op in model.operations)
    if nested or not graph.makes_first_calls(model):
        inlining = _Inlining()
        model, tensors = inlining.flat(model), inlining.tensors
        _check_called_once(model)
        return model, tensors
    return model, {
        operation.name: graph.tensors_made(model, operation)
        for operation in model.operations
    }


class _Inlining:
    """Calls the operations of nested models, each on the outer tensors."""

    def __init__(self) -> None:
        self.tensors: Tensors = {}
        self._taken: dict[str, keras.Operation] = {}
        self._in_inference: list[str] = []

    def flat(self, model: keras.Model) -> keras.Model:
        """Returns the flat graph of a functional model."""
        names = {
            id(layer.output): layer.name
            for layer in model.operations
            if isinstance(layer, keras.layers.InputLayer)
        }
        inputs = keras.tree.map_structure(
            lambda tensor: keras.Input(
                batch_shape=tensor.shape,
                dtype=tensor.dtype,
                name=names[id(tensor)],
            ),
            model.input,
        )
        flat_inputs = keras.tree.flatten(inputs)
        for tensor in flat_inputs:
            self._taken[tensor.name] = tensor
            self.tensors[tensor.name] = [tensor]
        outputs = self._graph(model, flat_inputs, training=None)
        if self._in_inference:
            warnings.warn(
                "Keras' `fit` updates the statistics of batch normalization "
                "also where a nested model is called with training=False. To "
                "keep them, set `trainable = False` for these layers: "
                f"{self._in_inference}",
                stacklevel=1,
            )
        return keras.Model(
            inputs,
            keras.tree.pack_sequence_as(model.output, outputs),
            name=model.name,
        )

    def _graph(
        self,
        model: keras.Model,
        inputs: Sequence[keras.KerasTensor],
        training: bool | None,
    ) -> list[keras.KerasTensor]:
        """Calls the operations of a functional model; returns its outputs."""
        _check_called_once(model)
        tensors = {
            id(old): new for old, new in zip(model.inputs, inputs, strict=True)
        }
        operations = [
            operation
            for operation in model.operations
            if not isinstance(operation, keras.layers.InputLayer)
        ]
        graph.call_again(
            model,
            operations,
            tensors,
            lambda operation, args, kwargs: self._call(
                model, operation, args, kwargs, training
            ),
        )
        return [tensors[id(output)] for output in model.outputs]

    def _call(
        self,
        model: keras.Model,
        operation: keras.Operation,
        args: Sequence[Any],
        kwargs: dict[str, Any],
        training: bool | None,
    ) -> Any:
        """Calls an operation, or what is in it if it is a model."""
        if isinstance(operation, keras.Model):
            if training is None:
                training = kwargs.get("training")
            return self._nested(operation, args, kwargs, training)
        if training is not None and _takes_training(operation):
            kwargs = {**kwargs, "training": training}
        if (
            isinstance(operation, keras.layers.BatchNormalization)
            and kwargs.get("training") is False
            and operation.trainable
        ):
            self._in_inference.append(operation.name)
        name = operation.name
        if self._taken.setdefault(name, operation) is operation:
            outputs = operation(*args, **kwargs)
            self.tensors[name] = keras.tree.flatten(outputs)
            return outputs
        name = f"{model.name}_{name}"
        while name in self._taken:
            name += "_2"
        copy = copied(operation, name=name)
        self._taken[name] = copy
        outputs = copy(*args, **kwargs)
        self.tensors[name] = keras.tree.flatten(outputs)
        if getattr(operation, "weights", ()):
            copy.set_weights(operation.get_weights())
            for new, old in zip(
                copy.variables, operation.variables, strict=True
            ):
                new.trainable = old.trainable
        return outputs

    def _nested(
        self,
        model: keras.Model,
        args: Sequence[Any],
        kwargs: dict[str, Any],
        training: bool | None,
    ) -> Any:
        """Calls the operations of a nested model."""
        _check_known(model)
        others = {
            name: value
            for name, value in kwargs.items()
            # The tensors bring their masks along.
            if name not in ("training", "inputs", "mask")
            and any(entry is not None for entry in keras.tree.flatten(value))
        }
        values = [*args, *([kwargs["inputs"]] if "inputs" in kwargs else [])]
        if len(values) != 1 or others:
            raise ValueError(
                "A nested model is brought into the graph if it is called with "
                "its inputs and `training` alone. "
                f"Received: {model.name!r} called with {len(values)} "
                f"arguments and {sorted(others)}"
            )
        inputs = _ordered(model, values[0])
        if isinstance(model, keras.Sequential):
            model = keras.Model(model.inputs, model.outputs, name=model.name)
        given = [
            self._as_input(model, tensor, want)
            for tensor, want in zip(inputs, model.inputs, strict=True)
        ]
        outputs = self._graph(model, given, training)
        return keras.tree.pack_sequence_as(model.output, outputs)

    def _as_input(
        self,
        model: keras.Model,
        tensor: keras.KerasTensor,
        want: keras.KerasTensor,
    ) -> keras.KerasTensor:
        """Returns a tensor as Keras brings it to a nested model's input."""
        if len(tensor.shape) != len(want.shape):
            raise ValueError(
                "A nested model is called on tensors of the rank of its "
                f"inputs. Received: {model.name!r}, of input shape "
                f"{want.shape}, called on shape {tensor.shape}"
            )
        if tensor.dtype == want.dtype:
            return tensor
        tensor = keras.ops.cast(tensor, want.dtype)
        self.tensors[tensor.name] = [tensor]
        return tensor


def _ordered(model: keras.Model, value: Any) -> list[keras.KerasTensor]:
    """Returns the tensors that a model is called on, in its own order."""
    if isinstance(value, dict) and not isinstance(model.input, dict):
        value = [value[tensor.name] for tensor in model.inputs]
    return keras.tree.flatten(value)


def _takes_training(operation: keras.Operation) -> bool:
    parameters = inspect.signature(operation.call).parameters
    return "training" in parameters


def _check_known(model: keras.Model) -> None:
    """Raises a `ValueError` if a model has no graph that Keras knows."""
    received = f"Received: {getattr(model, 'name', model)!r}"
    if not isinstance(model, keras.Model):
        raise ValueError(f"{_FUNCTIONAL_ONLY}Received: model={model!r}")
    if hasattr(model, "stage_operations"):
        raise ValueError(
            "An anytime network has its stages already; convert a network of "
            f"one output. {received} of type {type(model).__name__}"
        )
    if isinstance(model, keras.Sequential):
        if not model.built:
            raise ValueError(
                "A Sequential model has a graph once it knows the shape of "
                "its input: begin it with `keras.Input`, or call "
                f"`build(input_shape)`. {received}"
            )
        return
    call = _owner(type(model), "call")
    if not isinstance(model, keras.Function) or not call.startswith("keras."):
        raise ValueError(
            f"{_FUNCTIONAL_ONLY}{received} of type {type(model).__name__} with "
            "its own `call`"
        )


def _owner(kind: type, method: str) -> str:
    """Returns the module of the class that defines a method."""
    for base in kind.__mro__:
        if method in vars(base):
            return base.__module__
    return ""


def _check_called_once(model: keras.Model) -> None:
    """Raises a `ValueError` if a model calls an operation more than once."""
    repeated = sorted(graph.repeated(model))
    if repeated:
        raise ValueError(
            "A network runs step by step if each of its layers is called once. "
            f"Received: {model.name!r}, which calls {repeated} more often"
        )
