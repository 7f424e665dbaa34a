"""The structure of an anytime network: what each stage adds and reads."""

import dataclasses
import re

import keras

from keras_anytime.model import AnytimeModel
from keras_anytime.stages import graph
from keras_anytime.stages.calls import Call
from keras_anytime.stages.calls import calls_of_stage
from keras_anytime.stages.calls import graph_calls
from keras_anytime.stages.checks import check_anytime_model

_HEAD = re.compile(r"stage_\d+(?=_|$)")
UNIT = re.compile(
    r"(net\d+_)?(block\d+_transition|(block\d+_)?(unit|layer)\d+)"
    r"(_scale\d+)?(?=_|$)"
)
# The name of a unit, and a stage.
_Key = tuple[str, int]


@dataclasses.dataclass(frozen=True)
class Cell:
    """The part of a unit that one stage adds.

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
        cells: Tuple of `Cell`, sorted by unit, from the image on, and then by
            stage.
        edges: Tuple of pairs of cells of different units, in the order of the
            cells; the second cell reads the first.
    """

    cells: tuple[Cell, ...]
    edges: tuple[tuple[Cell, Cell], ...]

    @property
    def units(self) -> list[str]:
        """List of the units' names, from the image on."""
        return list(dict.fromkeys(cell.unit for cell in self.cells))


def read_structure(model: AnytimeModel) -> Structure:
    """Reads a network's structure from its graph and its layers' names.

    The beginning of a layer's name gives its unit:
    `block1_unit3_conv1_stage2` belongs to `block1_unit3`, and `stage_2` or
    `stage_2_...` to `head`. The unit of any other layer is its name without
    `_stage...` and without a trailing `_conv`. A layer belongs to the first
    stage that needs it.

    Cells are made only of layers with a kernel, and of the sums that end
    residual units. All other layers are contracted: a reader of such a layer
    counts as a reader of the layer's inputs.

    Args:
        model: An `AnytimeModel`.

    Returns:
        A `Structure`.

    Raises:
        ValueError: If the model is no `AnytimeModel`.
    """
    check_anytime_model(model)
    # Images in batches of any size, as in the model: a tensor without this axis
    # is a weight.
    images = [keras.KerasTensor(t.shape, t.dtype) for t in model.inputs]
    calls, answers = graph_calls(model.inputs, model.outputs, images)
    stages: dict[Call, int] = {}
    for k, own_answers in enumerate(model.by_stage(answers), start=1):
        for call in calls_of_stage(
            calls,
            keras.tree.flatten(own_answers),
            model.stage_operations(k),
        ):
            stages.setdefault(call, k)
    channels: dict[_Key, int] = {}
    edges: set[tuple[_Key, _Key]] = set()
    # The cells whose output each call computes from.
    sources: dict[Call, set[_Key]] = {}
    for call in calls:
        inputs = {
            source for earlier in call.sources for source in sources[earlier]
        }
        cell = (_unit_name(call.operation.name), stages[call])
        has_kernel = _has_kernel(call, model.inputs[0].shape[0])
        if has_kernel or (
            isinstance(call.operation, keras.layers.Add) and cell in channels
        ):
            if has_kernel:
                channels[cell] = _channels(call)
            edges |= {
                (source, cell) for source in inputs if source[0] != cell[0]
            }
            inputs = {cell}
        sources[call] = inputs
    units = _sort_units(channels, edges)
    keys = sorted(channels, key=lambda key: (units.index(key[0]), key[1]))
    cells = {key: Cell(*key, channels[key]) for key in keys}
    return Structure(
        cells=tuple(cells.values()),
        edges=tuple(
            (cells[source], cells[reader])
            for source in keys
            for reader in keys
            if (source, reader) in edges
        ),
    )


def _channels(call: Call) -> int:
    """Returns the channels of a call's last output."""
    outputs = call.outputs or graph.output_tensors(call.operation)
    return outputs[-1].shape[-1]


def _has_kernel(call: Call, batch: int | None) -> bool:
    """Returns whether a call multiplies its input by weights.

    The weights are those of its operation, or tensors of the graph that it
    reads. Tensors that are weights have no batch axis.
    """

    def is_weight(shape: tuple) -> bool:
        return len(shape) > 1 and shape[0] != batch

    if any(is_weight(tuple(tensor.shape)) for tensor in call.outputs):
        return False
    return any(map(is_weight, call.input_shapes)) or any(
        len(weight.shape) > 1
        for weight in getattr(call.operation, "weights", ())
    )


def _unit_name(layer_name: str) -> str:
    """Returns the name of the unit that a layer belongs to."""
    if _HEAD.match(layer_name):
        return "head"
    match = UNIT.match(layer_name)
    if match:
        return match[0]
    return re.split("(?:_conv)?_stage|_conv$", layer_name)[0]


def _sort_units(
    cells: dict[_Key, int], edges: set[tuple[_Key, _Key]]
) -> list[str]:
    """Returns the units from the image on, each after the units it reads.

    The graph does not give the place of an interlaced unit among the units of
    earlier stages. Where several units could be next, their numbers decide.
    """

    def rank(unit: str) -> tuple:
        parts = [
            int(part) if part.isdecimal() else part
            for part in re.split(r"(\d+)", unit)
        ]
        # A stem comes before numbered units.
        return unit == "head", bool(UNIT.match(unit)), parts

    sources: dict[str, set[str]] = {unit: set() for unit, _ in cells}
    for (source, _), (reader, _) in edges:
        sources[reader].add(source)
    waiting = sorted(sources, key=rank)
    units: list[str] = []
    while waiting:
        # Units may read each other, in different stages.
        unit = next(
            (unit for unit in waiting if sources[unit] <= {*units}), waiting[0]
        )
        waiting.remove(unit)
        units.append(unit)
    return units
