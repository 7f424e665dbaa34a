"""The structure of anytime networks: what each stage adds and reads."""

import dataclasses
import re

import keras

from keras_anytime.stages import graph
from keras_anytime.stages.checks import check_anytime_model

_HEAD = re.compile(r"stage_\d+(?=_|$)")
UNIT = re.compile(
    r"(net\d+_)?(block\d+_transition|(block\d+_)?(unit|layer)\d+)"
    r"(_scale\d+)?(?=_|$)"
)


@dataclasses.dataclass(frozen=True)
class Cell:
    """What one stage adds to one unit.

    Args:
        unit: String. The unit's name.
        stage: Integer, counted from 1.
        channels: Integer. Output channels of its last layer with a kernel.
    """

    unit: str
    stage: int
    channels: int


@dataclasses.dataclass(frozen=True)
class Structure:
    """The stages of a network as a grid of units and stages.

    Args:
        cells: Tuple of `Cell`: by unit, from the image on, then by stage.
        edges: Tuple of pairs of cells of different units, in the order of the
            cells: the second reads the first.
    """

    cells: tuple[Cell, ...]
    edges: tuple[tuple[Cell, Cell], ...]

    @property
    def units(self):
        """List of the units' names, from the image on."""
        return list(dict.fromkeys(cell.unit for cell in self.cells))


def structure(model):
    """Returns what each stage adds to each unit, and what it reads.

    All of it is read off the graph and the layers' names. Those that begin
    alike are one unit: `block1_unit3_conv1_stage2` is of `block1_unit3`, and
    `stage_2` or `stage_2_...` of `head`; any other layer is of the unit that
    its name says before `_stage` and a last `_conv`. A layer is of the first
    stage that needs it.

    Only layers with a kernel count, and the sums that end residual units. The
    others are contracted: who reads them reads what they read.

    Args:
        model: An `AnytimeModel`.

    Returns:
        A `Structure`.

    Raises:
        ValueError: If it is no `AnytimeModel`.
    """
    check_anytime_model(model)
    stages = {}
    for k in range(1, model.num_stages + 1):
        for operation in model.stage_operations(k):
            stages.setdefault(id(operation), k)
    channels = {}
    edges = set()
    sources = {}
    for operation in model.operations:
        made = graph.output_tensors(operation)
        reads = {
            source
            for tensor in graph.input_tensors(operation)
            for source in sources[id(tensor)]
        }
        cell = (_unit(operation.name), stages[id(operation)])
        has_kernel = _has_kernel(operation, model.input_shape[0])
        if has_kernel or (
            isinstance(operation, keras.layers.Add) and cell in channels
        ):
            if has_kernel:
                channels[cell] = made[-1].shape[-1]
            edges |= {(read, cell) for read in reads if read[0] != cell[0]}
            reads = {cell}
        sources |= {id(tensor): reads for tensor in made}
    columns = _in_order(channels, edges)
    order = sorted(channels, key=lambda one: (columns.index(one[0]), one[1]))
    cells = {one: Cell(*one, channels[one]) for one in order}
    return Structure(
        cells=tuple(cells.values()),
        edges=tuple(
            (cells[a], cells[b])
            for a in order
            for b in order
            if (a, b) in edges
        ),
    )


def _has_kernel(operation, batch):
    """Whether an operation multiplies by weights: its own, or some it reads.

    Weights that are tensors of the graph have no batch axis.
    """

    def holds_weights(tensor):
        return len(tensor.shape) > 1 and tensor.shape[0] != batch

    if any(map(holds_weights, graph.output_tensors(operation))):
        return False
    return any(map(holds_weights, graph.input_tensors(operation))) or any(
        len(weight.shape) > 1 for weight in getattr(operation, "weights", ())
    )


def _unit(name):
    """Returns the unit that a layer is of."""
    if _HEAD.match(name):
        return "head"
    unit = UNIT.match(name)
    return unit[0] if unit else re.split("(?:_conv)?_stage|_conv$", name)[0]


def _in_order(cells, edges):
    """Returns the units from the image on, each after those that it reads.

    The graph does not say where an interlaced unit stands among those that
    earlier stages add: where several could be next, their numbers decide.
    """

    def rank(unit):
        parts = [
            int(part) if part.isdecimal() else part
            for part in re.split(r"(\d+)", unit)
        ]
        # A stem comes before numbered units.
        return unit == "head", bool(UNIT.match(unit)), parts

    reads = {unit: set() for unit, _ in cells}
    for (source, _), (reader, _) in edges:
        reads[reader].add(source)
    waiting = sorted(reads, key=rank)
    order = []
    while waiting:
        # Units may read each other, in different stages.
        unit = next((u for u in waiting if reads[u] <= {*order}), waiting[0])
        waiting.remove(unit)
        order.append(unit)
    return order
