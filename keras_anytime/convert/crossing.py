"""Tensors of a graph that carry everything to the rest of the network."""

import functools
from collections.abc import Iterator

import keras

from keras_anytime.stages import graph


class Crossing:
    """The tensors that cross from what one tensor needs to all the rest.

    Sets of operations are integers whose bit i stands for operation i, so that
    a graph of n operations takes n unions of n bits.

    Args:
        model: A functional model that calls each operation once.
    """

    def __init__(self, model: keras.Model) -> None:
        self.model = model
        self.operations: list[keras.Operation] = model.operations
        self.names = graph.tensor_names(model)
        self._inputs = set(map(id, model.inputs))
        self._needed = graph.needed_operations(model)
        self._readers = self._find_readers()
        self._maker = {
            id(tensor): operation
            for operation in self.operations
            for tensor in graph.tensors_made(model, operation)
        }
        self.places = {
            self.names[id(tensor)]: (operation.name, index)
            for operation in self.operations
            for index, tensor in enumerate(graph.tensors_made(model, operation))
        }

    def tensors(self) -> Iterator[keras.KerasTensor]:
        """Yields all tensors but the inputs and the outputs, in order."""
        others = self._inputs | set(map(id, self.model.outputs))
        for operation in self.operations:
            for tensor in graph.tensors_made(self.model, operation):
                if id(tensor) not in others:
                    yield tensor

    def needs(self, tensor: keras.KerasTensor) -> int:
        """Returns the set of operations that a tensor needs."""
        return self._needed[id(tensor)]

    def is_cut(self, tensor: keras.KerasTensor) -> bool:
        """Returns whether only this tensor and raw inputs cross."""
        others = self._read_before[id(tensor)] & ~self.needs(tensor)
        return self.is_read(tensor) and not others

    def is_read(self, tensor: keras.KerasTensor) -> bool:
        """Returns whether an operation reads a tensor."""
        return id(tensor) in self._readers

    def beside(self, tensor: keras.KerasTensor) -> list[str]:
        """Returns the names of the tensors that cross beside a tensor."""
        return [
            name
            for name in self.across(self.needs(tensor))
            if name != self.names[id(tensor)]
        ]

    def across(self, done: int) -> list[str]:
        """Returns the names of the tensors that a set of operations leaves."""
        return [
            self.names[id(tensor)]
            for index, operation in enumerate(self.operations)
            if done >> index & 1
            for tensor in graph.tensors_made(self.model, operation)
            if id(tensor) not in self._inputs
            and self._readers.get(id(tensor), 0) & ~done
        ]

    @functools.cached_property
    def _read_before(self) -> dict[int, int]:
        """For each tensor the readers of all others that come with it."""
        of_all: dict[int, int] = {}  # Those of an operation's outputs too.
        result: dict[int, int] = {}
        for operation in self.operations:
            before = 0
            for tensor in graph.tensors_read(self.model, operation):
                before |= of_all[id(self._maker[id(tensor)])]
            made = graph.tensors_made(self.model, operation)
            readers = {
                id(tensor): self._readers.get(id(tensor), 0)
                for tensor in made
                if id(tensor) not in self._inputs
            }
            total = before
            for bits in readers.values():
                total |= bits
            of_all[id(operation)] = total
            for tensor in made:
                result[id(tensor)] = before
                for other, bits in readers.items():
                    if other != id(tensor):
                        result[id(tensor)] |= bits
        return result

    def _find_readers(self) -> dict[int, int]:
        readers: dict[int, int] = {}
        for index, operation in enumerate(self.operations):
            for tensor in graph.tensors_read(self.model, operation):
                readers[id(tensor)] = readers.get(id(tensor), 0) | 1 << index
        return readers
