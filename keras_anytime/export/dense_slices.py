"""Merges the slices of a program into dense layers."""

from collections.abc import Mapping
from collections.abc import Sequence

import keras

from keras_anytime.backend.types import Tensor
from keras_anytime.export import dense_layers
from keras_anytime.export.rebuild import clone_operation
from keras_anytime.export.rebuild import copy_weights
from keras_anytime.export.slice_grouping import Group
from keras_anytime.export.slice_grouping import Node
from keras_anytime.export.slice_grouping import group_tensors
from keras_anytime.export.slice_grouping import ordered_groups
from keras_anytime.export.slice_grouping import wide_pieces
from keras_anytime.export.slice_grouping import wide_reads
from keras_anytime.stages import graph


def dense_slices(program: keras.Model) -> keras.Model:
    """Returns an equivalent program whose slices are merged in dense layers.

    A network of slices runs k narrow convolutions per layer in stage k, with
    concatenations before them. The dense form has one wide tensor for the
    features of all slices of a layer, side by side. One convolution computes
    it, with a kernel that is zero where a slice would read a later one. That
    can be faster on a device, although it multiplies by the zeros.

    Slices are merged if an operation reads them side by side and they are
    layers of the same kind and settings: convolutions and dense layers that
    read the same tensors, or the first of them; normalization, activations,
    sums and pooling over corresponding tensors. All other operations stay as
    they are, and read their part of a wide tensor.

    ```python
    from keras_anytime.export.dense_slices import dense_slices

    program = model.step(2)
    print(len(program.layers), len(dense_slices(program).layers))
    ```

    Args:
        program: A functional `keras.Model` from a dict to a dict of tensors,
            such as a `Step`. It computes in float32 and calls each layer once.

    Returns:
        A model of the same class with the same inputs and outputs, and with
        layers and variables of its own. It is for inference: the layers have
        no regularizers.

    Raises:
        ValueError: If the program does not have that form.
    """
    dense_layers.check_program(program)
    config = program.get_config()
    calls = {
        layer["name"]: next(iter(layer["inbound_nodes"]), None)
        for layer in config["layers"]
    }
    pairs = []

    def clone(operation):
        pairs.append((operation, clone_operation(operation)))
        return pairs[-1][1]

    copy = keras.models.clone_model(program, clone_function=clone)
    copy_weights(pairs)
    names = graph.tensor_names(copy)
    makers = {
        names[id(tensor)]: operation
        for operation in copy.operations
        for tensor in graph.output_tensors(operation)
    }
    nodes = {
        name: dense_layers.node_of(operation, calls[operation.name], names)
        for name, operation in makers.items()
    }
    tensors = _WideTensors(names, makers)
    for group in ordered_groups(nodes, group_tensors(nodes)):
        _compute(copy, group, nodes, tensors)
    outputs = {
        key: tensors.read((names[id(tensor)],))
        for key, tensor in copy.output.items()
    }
    return type(program)(copy.input, outputs, name=program.name)


class _WideTensors:
    """The tensors of the dense program, cut or joined when they are read.

    Args:
        names: Dict from the `id` of each tensor of the original program to
            its name.
        makers: Dict from each name to the operation that computes the tensor.
    """

    def __init__(
        self,
        names: Mapping[int, str],
        makers: Mapping[str, keras.Operation],
    ):
        self.names = names
        self.makers = makers
        self._groups: dict[str, Group] = {}
        self._tensors: dict[Group, Tensor] = {}
        self._widths: dict[str, int] = {
            names[id(tensor)]: tensor.shape[-1] if tensor.shape else 0
            for operation in makers.values()
            for tensor in graph.output_tensors(operation)
        }

    def __contains__(self, group: Group) -> bool:
        return group in self._tensors

    def add(self, group: Group, tensor: Tensor) -> None:
        """Adds the wide tensor of a group."""
        self._tensors[group] = tensor
        self._groups.update(dict.fromkeys(group, group))

    def read(self, names: Group) -> Tensor:
        """Returns tensors side by side as one; each is cut or joined once."""
        if names not in self._tensors:
            pieces = wide_pieces(self._groups, names)
            self._tensors[names] = (
                keras.layers.Concatenate()(
                    [self.read(piece) for piece in pieces]
                )
                if len(pieces) > 1
                else self._cut(names)
            )
        return self._tensors[names]

    def _cut(self, names: Group) -> Tensor:
        group = self._groups[names[0]]
        start = self._width(group[: group.index(names[0])])
        stop = start + self._width(names)
        return self._tensors[group][..., start:stop]

    def _width(self, names: Sequence[str]) -> int:
        return sum(self._widths[name] for name in names)


def _compute(
    copy: keras.Model,
    group: Group,
    nodes: Mapping[str, Node],
    tensors: _WideTensors,
) -> None:
    """Computes the wide tensor of a group."""
    members = [tensors.makers[name] for name in group]
    first = members[0]
    if nodes[group[0]].kind is not None:
        inputs = [tensors.read(reads) for reads in wide_reads(nodes, group)]
        name = first.name + ("_wide" if len(members) > 1 else "")
        tensors.add(group, dense_layers.wide_layer(members, inputs, name))
    elif isinstance(first, keras.layers.InputLayer):
        tensors.add(group, first.output)
    elif nodes[group[0]].concatenates:
        tensors.add(group, tensors.read(nodes[group[0]].reads))
    elif group not in tensors:
        # An operation of several outputs computes all of them at once.
        new_tensors = {
            id(tensor): tensors.read((tensors.names[id(tensor)],))
            for tensor in graph.input_tensors(first)
        }
        graph.call_again(copy, [first], new_tensors)
        for tensor in graph.output_tensors(first):
            tensors.add((tensors.names[id(tensor)],), new_tensors[id(tensor)])
