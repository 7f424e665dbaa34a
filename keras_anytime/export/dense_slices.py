"""Programs with one dense layer in the place of slices side by side."""

import graphlib
import itertools

import keras

from keras_anytime.export import dense_layers
from keras_anytime.export.rebuild import copied
from keras_anytime.export.rebuild import copy_weights
from keras_anytime.stages import graph


def dense_slices(program):
    """Returns an equivalent program whose slices are merged in dense layers.

    A network of slices runs k narrow convolutions per layer in stage k, with
    concatenations before them. Here one wide tensor holds the features of all
    slices of a layer, side by side, and one convolution makes it, whose kernel
    is zero where a slice would read a later one. A device can be faster with
    that, though it multiplies by the zeros.

    Slices are merged where something reads them side by side and they are
    layers of the same kind and settings: convolutions and dense layers that
    read the same tensors, or the first of them; normalization, activations,
    sums and pooling over corresponding tensors. All else stays as it is, and
    reads its part of a wide tensor.

    ```python
    fast = dense_slices(programs(model)["subnet_3"])
    ```

    Args:
        program: A functional `keras.Model` from a dict to a dict of tensors,
            such as a `Step`. It computes in float32 and calls each layer once.

    Returns:
        A model of the same class with the same inputs and outputs, and with
        layers and variables of its own. It is for inference: the layers have
        no regularizers.

    Raises:
        ValueError: If the program is not of that form.
    """
    dense_layers.check(program)
    config = program.get_config()
    calls = {
        layer["name"]: next(iter(layer["inbound_nodes"]), None)
        for layer in config["layers"]
    }
    pairs = []

    def again(operation):
        pairs.append((operation, copied(operation)))
        return pairs[-1][1]

    copy = keras.models.clone_model(program, clone_function=again)
    copy_weights(pairs)
    names = graph.tensor_names(copy.operations)
    makers = {
        names[id(tensor)]: operation
        for operation in copy.operations
        for tensor in graph.output_tensors(operation)
    }
    nodes = {
        name: dense_layers.node(operation, calls[operation.name], names)
        for name, operation in makers.items()
    }
    tensors = _Tensors(names, makers)
    for group in ordered(nodes, merged(nodes)):
        _run(copy, group, nodes, tensors)
    outputs = {
        key: tensors.read((names[id(tensor)],))
        for key, tensor in copy.output.items()
    }
    return type(program)(copy.input, outputs, name=program.name)


def merged(nodes):
    """Finds which tensors stand side by side in a wide one.

    Groups grow from their readers: tensors that something reads side by side
    become one where one layer can make them, which then reads wide tensors
    itself. Where it would not find these, the group is split again, and so
    is what nothing reads together any more.

    Args:
        nodes: Dict from the name of each tensor to the `Node` that makes it.

    Returns:
        Dict from each name to its group: the tuple of the names in a wide
        tensor.
    """
    groups = {name: (name,) for name in nodes}
    before = None
    while groups != before:
        before = dict(groups)
        for group in reversed(ordered(nodes, groups)):
            for names in wide_reads(nodes, groups[group[0]]):
                _merge_runs(nodes, groups, names)
    _split_unfed(nodes, groups)
    _split_unread(nodes, groups)
    return groups


def wide_reads(nodes, group):
    """Returns what the layer that makes a group reads side by side.

    Args:
        nodes: As for `merged`.
        group: Tuple of names of tensors.

    Returns:
        List of tuples of names, one for each tensor that the layer reads.
    """
    reads = [nodes[name].reads for name in group]
    if nodes[group[0]].joins:
        return [max(reads, key=len)]
    return list(zip(*reads, strict=True))


def ordered(nodes, groups):
    """Returns the groups in order of execution.

    Args:
        nodes: As for `merged`.
        groups: Dict from the name of each tensor to its group.

    Returns:
        List of tuples of names.

    Raises:
        graphlib.CycleError: If a group would have to read itself.
    """
    edges = {}
    for name, node in nodes.items():
        # A dict, as a set would give another order in each process.
        before = edges.setdefault(groups[name], {})
        before.update((groups[read], None) for read in node.reads)
    return list(graphlib.TopologicalSorter(edges).static_order())


def _merge_runs(nodes, groups, names):
    """Merges what can be, of groups that are read side by side."""
    run = ()
    start = 0
    while start < len(names):
        unit = groups[names[start]]
        if names[start : start + len(unit)] != unit:
            run = ()
            start += 1
            continue
        start += len(unit)
        run = run + unit if _mergeable(nodes, groups, run, unit) else unit
        groups.update(dict.fromkeys(run, run))


def _mergeable(nodes, groups, run, unit):
    """Whether one layer can make two groups."""
    members = run + unit
    first = nodes[members[0]]
    if (
        not run
        or len(set(members)) < len(members)
        or first.kind is None
        or any(nodes[name].kind != first.kind for name in members)
    ):
        return False
    if first.joins:
        (longest,) = wide_reads(nodes, members)
        if any(
            nodes[name].reads != longest[: len(nodes[name].reads)]
            for name in members
        ):
            return False
    try:
        ordered(nodes, groups | dict.fromkeys(members, members))
    except graphlib.CycleError:
        return False
    return True


def _split_unfed(nodes, groups):
    """Splits the groups whose inputs are not side by side in one tensor."""
    for group in ordered(nodes, groups):
        if nodes[group[0]].joins:
            continue  # It reads through a concatenation, as its members did.
        parts = []
        for name in group:
            longer = (*parts[-1], name) if parts else ()
            if longer and all(
                len(_pieces(groups, names)) == 1
                for names in wide_reads(nodes, longer)
            ):
                parts[-1] = longer
            else:
                parts.append((name,))
        _regroup(groups, parts)


def _split_unread(nodes, groups):
    """Splits the groups where nothing reads both sides as one."""
    read = set()
    for group in reversed(ordered(nodes, groups)):
        parts = [group[:1]]
        for pair in itertools.pairwise(group):
            if pair in read:
                parts[-1] += pair[1:]
            else:
                parts.append(pair[1:])
        _regroup(groups, parts)
        for part in parts:
            for names in wide_reads(nodes, part):
                read.update(itertools.pairwise(names))


def _regroup(groups, parts):
    for part in parts:
        groups.update(dict.fromkeys(part, part))


def _pieces(groups, names):
    """Cuts a tuple of names where it passes from one wide tensor to another."""
    pieces = [names[:1]]
    for before, name in itertools.pairwise(names):
        if (before, name) in itertools.pairwise(groups[name]):
            pieces[-1] += (name,)
        else:
            pieces.append((name,))
    return pieces


class _Tensors:
    """The tensors of the new program, made of one another when read.

    Args:
        names: Dict from the `id` of each tensor of the old one to its name.
        makers: Dict from each name to the operation that makes it.
    """

    def __init__(self, names, makers):
        self.names = names
        self.makers = makers
        self._groups = {}
        self._made = {}
        self._widths = {
            name: tensor.shape[-1] if tensor.shape else None
            for operation in {
                id(value): value for value in makers.values()
            }.values()
            for tensor in graph.output_tensors(operation)
            for name in [names[id(tensor)]]
        }

    def __contains__(self, group):
        return group in self._made

    def add(self, group, tensor):
        """Adds the wide tensor of a group."""
        self._made[group] = tensor
        self._groups.update(dict.fromkeys(group, group))

    def read(self, names):
        """Returns one tensor with others side by side; cut or joined once."""
        if names not in self._made:
            pieces = _pieces(self._groups, names)
            self._made[names] = (
                keras.layers.Concatenate()(
                    [self.read(piece) for piece in pieces]
                )
                if len(pieces) > 1
                else self._cut(names)
            )
        return self._made[names]

    def _cut(self, names):
        group = self._groups[names[0]]
        before = group[: group.index(names[0])]
        start = sum(self._widths[name] for name in before)
        stop = start + sum(self._widths[name] for name in names)
        return self._made[group][..., start:stop]


def _run(copy, group, nodes, tensors):
    """Makes the wide tensor of a group."""
    members = [tensors.makers[name] for name in group]
    first = members[0]
    if nodes[group[0]].kind is not None:
        inputs = [tensors.read(read) for read in wide_reads(nodes, group)]
        name = first.name + ("_wide" if len(members) > 1 else "")
        tensors.add(group, dense_layers.wide_layer(members, inputs, name))
    elif isinstance(first, keras.layers.InputLayer):
        tensors.add(group, first.output)
    elif nodes[group[0]].joins:
        tensors.add(group, tensors.read(nodes[group[0]].reads))
    elif group not in tensors:
        again = {
            id(tensor): tensors.read((tensors.names[id(tensor)],))
            for tensor in graph.input_tensors(first)
        }
        graph.call_again(copy, [first], again)
        for tensor in graph.output_tensors(first):
            tensors.add((tensors.names[id(tensor)],), again[id(tensor)])
