"""The top of a network: its answer as logits, or what it lacks."""

from typing import Any

import keras
from keras import layers

from keras_anytime.convert.inlining import Tensors
from keras_anytime.convert.reading import maker_of
from keras_anytime.convert.reading import sources_of
from keras_anytime.stages.copies import copied
from keras_anytime.tasks import Task

# The tasks whose answers become probabilities by these.
_TASKS = {
    "softmax": ("classification", "segmentation"),
    "sigmoid": ("binary", "multi_label"),
}
_PROBABILITIES = tuple(_TASKS)
# Layers that come between a classifier and the output.
_PASSING = (
    layers.Dropout,
    layers.Flatten,
    layers.GlobalAveragePooling1D,
    layers.GlobalAveragePooling2D,
    layers.GlobalAveragePooling3D,
    layers.Identity,
    layers.Reshape,
)
# Layers whose output is no answer, whatever its size.
_OF_FEATURES = (
    layers.BatchNormalization,
    layers.GroupNormalization,
    layers.LayerNormalization,
    layers.MultiHeadAttention,
    layers.RMSNormalization,
    layers.ReLU,
    layers.RNN,
    layers.LeakyReLU,
    layers.PReLU,
    layers.ELU,
)


class Top:
    """The last operation of a network, and whether it gives the answer.

    Args:
        network: A functional model of one output, without nested models.
        tensors: Its tensors, as from `flat_graph`.
    """

    def __init__(self, network: keras.Model, tensors: Tensors) -> None:
        self._network = network
        self._tensors = tensors
        self._operation, index = maker_of(network, network.outputs[0])
        self._output = self.tensor = tensors[self._operation.name][index]
        self._probable = _activation(self._operation) in _PROBABILITIES
        self._drops = self._probable and not hasattr(self._operation, "kernel")
        if self._drops:
            axis = getattr(self._operation, "axis", -1)
            rank = len(self.tensor.shape)
            if axis not in (-1, rank - 1):
                raise ValueError(
                    "The probabilities of an answer are those of its last "
                    f"axis. Received: {self._operation.name!r} over axis {axis}"
                )
            (self.tensor,) = self._sources(self._operation)

    def is_answer(self, task: Task) -> bool:
        """Returns whether the output is meant as an answer, by its layers.

        Probabilities are. Otherwise it is an answer if the last layer with
        weights is a linear classifier; or, where the graph ends in another
        operation that is none of a network's usual features, if it has the
        task's size.

        Args:
            task: The task of the network to make.
        """
        dense = task.name == "segmentation"
        if (len(self.tensor.shape) == 2) == dense:
            return False
        if self._probable:
            return True
        operation = self._operation
        while isinstance(operation, _PASSING) or _is_linear(operation):
            sources = self._sources(operation)
            if len(sources) != 1:
                break
            operation, _ = maker_of(self._network, sources[0], self._tensors)
        if hasattr(operation, "kernel"):
            return _activation(operation) in ("linear", *_PROBABILITIES)
        if isinstance(operation, (*_OF_FEATURES, layers.InputLayer)):
            return False
        if _activation(operation) not in ("linear", ""):
            return False
        return self.tensor.shape[-1] == task.size

    def logits(self, task: Task, name: str) -> keras.KerasTensor:
        """Returns the answer as logits, from a layer of a name.

        A layer that computes probabilities itself is replaced by one of the
        same weights without them; another one stays, with a layer behind it
        that does nothing but carry the name.

        Args:
            task: The task of the network to make.
            name: String.

        Raises:
            ValueError: If the answer has another size than the task, or its
                probabilities are those of another task.
        """
        if self.tensor.shape[-1] != task.size:
            raise ValueError(
                "The top of a network must give what the task needs: build "
                "the network without its top (include_top=False in "
                "keras.applications), and it gets a new one; with `top=False` "
                "the output counts as features. "
                f"Received: a top of {self.tensor.shape[-1]} outputs for {task}"
            )
        linear = layers.Activation("linear", dtype="float32", name=name)
        if task.name == "regression":
            return linear(self._output)  # The values are what is meant.
        kind = _activation(self._operation)
        if self._probable and task.name not in _TASKS[kind]:
            raise ValueError(
                f"A {kind} is of other tasks: give the task that the network "
                "was made for, such as keras_anytime.tasks.MultiLabel(5) for "
                "five sigmoids. "
                f"Received: the {kind} {self._operation.name!r} for {task}"
            )
        if not self._probable or self._drops:
            return linear(self.tensor)
        old: Any = self._operation
        new: Any = copied(old, name=name, activation="linear", dtype="float32")
        output = new(*self._sources(old))
        new.set_weights(old.get_weights())
        return output

    def _sources(self, operation: keras.Operation) -> list[keras.KerasTensor]:
        return sources_of(self._network, operation, self._tensors)


def _activation(operation: Any) -> str:
    """Returns the name of what an operation applies to its result."""
    activation = getattr(operation, "activation", None)
    if activation is None:
        name = type(operation).__name__
        known = {*_PROBABILITIES, "relu", "gelu", "silu", "tanh"}
        return name.lower() if name.lower() in known else ""
    return getattr(activation, "__name__", type(activation).__name__).lower()


def _is_linear(operation: keras.Operation) -> bool:
    is_activation = isinstance(operation, layers.Activation)
    return is_activation and _activation(operation) == "linear"
