"""Groups slices whose tensors can lie side by side in one wide tensor.

The algorithm knows the graph only as `Node`s: what each tensor is computed
from, and which layers are of one kind. It is pure Python.
"""

import dataclasses
import graphlib
import itertools
from collections.abc import Hashable
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import TypeAlias

# Names of tensors that lie side by side.
Group: TypeAlias = tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Node:
    """What an operation reads, and with which operations it can be merged.

    Args:
        reads: Tuple of the names of the tensors that it reads, in order.
        kind: Hashable that is equal for operations that can be merged, or
            `None` for an operation that cannot be merged.
        concatenates: Boolean. Whether the operation reads all its tensors side
            by side as one. Operations that are merged with it then read the
            same tensors, or the first of them. Otherwise merged operations
            read corresponding tensors at each position.
    """

    reads: Group
    kind: Hashable = None
    concatenates: bool = False


def group_tensors(nodes: Mapping[str, Node]) -> dict[str, Group]:
    """Returns which tensors lie side by side in a wide tensor.

    Groups grow from their readers: tensors that an operation reads side by
    side become a group if one layer can compute them, which then reads wide
    tensors itself. A group is split again if its layer would not find its
    inputs side by side, or if nothing reads its tensors together any more.

    Args:
        nodes: Dict from the name of each tensor to the `Node` that computes
            it.

    Returns:
        Dict from each name to its group: the tuple of the names in a wide
        tensor.
    """
    groups: dict[str, Group] = {name: (name,) for name in nodes}
    previous = None
    while groups != previous:
        previous = dict(groups)
        for group in reversed(ordered_groups(nodes, groups)):
            for names in wide_reads(nodes, groups[group[0]]):
                _merge_neighbors(nodes, groups, names)
    _split_scattered_inputs(nodes, groups)
    _split_unread(nodes, groups)
    return groups


def wide_reads(nodes: Mapping[str, Node], group: Group) -> list[Group]:
    """Returns the tensors that the layer of a group reads side by side.

    Args:
        nodes: As for `group_tensors`.
        group: Tuple of names of tensors.

    Returns:
        List of tuples of names, one for each input of the layer.
    """
    reads = [nodes[name].reads for name in group]
    if nodes[group[0]].concatenates:
        return [max(reads, key=len)]
    return list(zip(*reads, strict=True))


def ordered_groups(
    nodes: Mapping[str, Node], groups: Mapping[str, Group]
) -> list[Group]:
    """Returns the groups in order of execution.

    Args:
        nodes: As for `group_tensors`.
        groups: Dict from the name of each tensor to its group.

    Raises:
        graphlib.CycleError: If a group would have to read itself.
    """
    # Dicts in place of sets, whose order would differ in each process.
    edges: dict[Group, dict[Group, None]] = {}
    for name, node in nodes.items():
        predecessors = edges.setdefault(groups[name], {})
        predecessors.update((groups[read], None) for read in node.reads)
    return list(graphlib.TopologicalSorter(edges).static_order())


def wide_pieces(groups: Mapping[str, Group], names: Group) -> list[Group]:
    """Cuts a tuple of names where it passes to another wide tensor.

    Args:
        groups: Dict from the name of each tensor to its group.
        names: Tuple of names of tensors.
    """
    pieces = [names[:1]]
    for left, right in itertools.pairwise(names):
        if (left, right) in itertools.pairwise(groups[left]):
            pieces[-1] += (right,)
        else:
            pieces.append((right,))
    return pieces


def _merge_neighbors(
    nodes: Mapping[str, Node], groups: dict[str, Group], names: Group
) -> None:
    """Merges groups that are read side by side, where one layer can do it."""
    run: Group = ()
    start = 0
    while start < len(names):
        group = groups[names[start]]
        if names[start : start + len(group)] != group:
            run = ()
            start += 1
            continue
        start += len(group)
        run = run + group if _is_mergeable(nodes, groups, run, group) else group
        groups.update(dict.fromkeys(run, run))


def _is_mergeable(
    nodes: Mapping[str, Node],
    groups: Mapping[str, Group],
    run: Group,
    group: Group,
) -> bool:
    """Returns whether one layer can compute two neighboring groups."""
    members = run + group
    first = nodes[members[0]]
    if (
        not run
        or len(set(members)) < len(members)
        or first.kind is None
        or any(nodes[name].kind != first.kind for name in members)
    ):
        return False
    if first.concatenates:
        (longest,) = wide_reads(nodes, members)
        if any(
            nodes[name].reads != longest[: len(nodes[name].reads)]
            for name in members
        ):
            return False
    try:
        ordered_groups(nodes, {**groups, **dict.fromkeys(members, members)})
    except graphlib.CycleError:
        return False
    return True


def _split_scattered_inputs(
    nodes: Mapping[str, Node], groups: dict[str, Group]
) -> None:
    """Splits the groups whose inputs are not side by side in one tensor."""
    for group in ordered_groups(nodes, groups):
        if nodes[group[0]].concatenates:
            continue  # Its layer reads through a concatenation.
        parts: list[Group] = []
        for name in group:
            longer = (*parts[-1], name) if parts else ()
            if longer and all(
                len(wide_pieces(groups, names)) == 1
                for names in wide_reads(nodes, longer)
            ):
                parts[-1] = longer
            else:
                parts.append((name,))
        _regroup(groups, parts)


def _split_unread(nodes: Mapping[str, Node], groups: dict[str, Group]) -> None:
    """Splits the groups where nothing reads the two neighbors together."""
    read: set[tuple[str, str]] = set()
    for group in reversed(ordered_groups(nodes, groups)):
        parts = [group[:1]]
        for left, right in itertools.pairwise(group):
            if (left, right) in read:
                parts[-1] += (right,)
            else:
                parts.append((right,))
        _regroup(groups, parts)
        for part in parts:
            for names in wide_reads(nodes, part):
                read.update(itertools.pairwise(names))


def _regroup(groups: dict[str, Group], parts: Iterable[Sequence[str]]) -> None:
    for part in parts:
        groups.update(dict.fromkeys(part, tuple(part)))
