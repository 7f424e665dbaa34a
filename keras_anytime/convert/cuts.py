"""The places where a network can be cut into steps, and their costs."""

import dataclasses
import math
import os
import re
from collections.abc import Iterator
from collections.abc import Sequence
from typing import Any
from typing import overload

import keras

from keras_anytime.convert.crossing import Crossing
from keras_anytime.convert.inlining import flat_graph
from keras_anytime.files.csv_files import write_csv
from keras_anytime.stages.calls import graph_calls
from keras_anytime.stages.cost import call_costs

# Ranks of the tensors that a head can read, the batch axis counted.
_RANKS = (2, 3, 4, 5)


@dataclasses.dataclass(frozen=True)
class CutPoint:
    """A tensor through which everything later passes.

    Args:
        layer: String, the name of the layer or operation that makes the tensor
            (with the number of the output behind it if that makes several).
        shape: Tuple of integers, the tensor's shape for one example.
        share: Float in (0, 1). Share of the network's multiply-adds that has
            run when the tensor is there.
        macs: Integer, these multiply-adds.
        bytes: Integer, the size of the tensor for one example: what a step
            hands over to the next one.
    """

    layer: str
    shape: tuple[int, ...]
    share: float
    macs: int
    bytes: int


class CutPoints(Sequence[CutPoint]):
    """The cut points of a network in the order of the graph: a table.

    It prints as a table, iterates over `CutPoint`s, and has `to_csv`.

    Args:
        points: Sequence of `CutPoint`s.
        macs: Integer. Multiply-adds of the whole network.
    """

    def __init__(self, points: Sequence[CutPoint], macs: int) -> None:
        self.points = tuple(points)
        self.macs = macs

    @overload
    def __getitem__(self, index: int) -> CutPoint: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[CutPoint]: ...

    def __getitem__(self, index: Any) -> Any:
        return self.points[index]

    def __len__(self) -> int:
        return len(self.points)

    def __iter__(self) -> Iterator[CutPoint]:
        return iter(self.points)

    def __str__(self) -> str:
        cells = [("layer", "shape", "share", "MACs", "bytes")] + [
            (
                point.layer,
                "x".join(map(str, point.shape)),
                f"{point.share:.1%}",
                str(point.macs),
                str(point.bytes),
            )
            for point in self
        ]
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        return "\n".join(
            f"{row[0]:<{widths[0]}}  "
            + "  ".join(
                f"{cell:>{width}}"
                for cell, width in zip(row[1:], widths[1:], strict=True)
            )
            for row in cells
        )

    def to_csv(self, path: str | os.PathLike) -> None:
        """Writes the table to a CSV file, with one line for each cut point.

        Args:
            path: Path of the file. An existing file is replaced.
        """
        write_csv(
            path,
            [
                {
                    **dataclasses.asdict(point),
                    "shape": "x".join(map(str, point.shape)),
                }
                for point in self
            ],
        )


def cut_points(model: keras.Model) -> CutPoints:
    """Lists the tensors of a model through which everything later passes.

    At such a tensor, a cut vertex of the graph, the network can be cut into
    two steps: the second one reads this tensor and nothing else of the first.
    Raw inputs do not count, as they are at hand at any time. Cuts before the
    first and after the last multiply-add are left out, and tensors that no
    head can read: those of integers, or of open size. Multiply-adds are
    counted as by `ka.evaluation.stage_costs`.

    ```python
    network = keras.applications.MobileNetV2((32, 32, 3), weights=None)
    points = ka.convert.cut_points(network)
    print(points[:3], len(points))
    points.to_csv("run/cuts.csv")
    ```

    Args:
        model: A functional or Sequential `keras.Model` whose inputs have fixed
            sizes. Nested models count as what is in them.

    Returns:
        `CutPoints`, in the order of the graph.

    Raises:
        ValueError: If the model is not such, or calls a layer more than once.

    Reference:
        [Dai et al., 2024](https://arxiv.org/abs/2312.05385)
    """
    return CutGraph(flat_graph(model)[0]).points


class CutGraph:
    """The cut points of a flat graph, and why other places are none.

    Args:
        model: A functional model without nested models, which calls each
            operation once.

    Attributes:
        points: The `CutPoints`.
        places: Dict from the name of each tensor to the name of the operation
            that makes it, and its place among the operation's outputs.
        total: Integer. Multiply-adds of the whole network.

    Raises:
        ValueError: If an input has an open size.
    """

    def __init__(self, model: keras.Model) -> None:
        for tensor in model.inputs:
            if None in tensor.shape[1:]:
                raise ValueError(
                    "The shares of a network's multiply-adds depend on the "
                    "size of its input, so build it for a fixed one. "
                    f"Received: the input {tensor.name!r} of shape "
                    f"{tuple(tensor.shape)}"
                )
        self._model = model
        self._crossing = Crossing(model)
        calls, _ = graph_calls(model.inputs, model.outputs)
        macs = call_costs(model.name, calls)
        by_name = {call.operation.name: macs[call] for call in calls}
        # The multiply-adds of the operations that have any.
        self._macs = {
            1 << index: by_name[operation.name]
            for index, operation in enumerate(model.operations)
            if by_name.get(operation.name)
        }
        self.total = sum(self._macs.values())
        self.places = self._crossing.places
        self._tensors = {
            self._crossing.names[id(tensor)]: tensor
            for tensor in self._crossing.tensors()
        }
        self.points = CutPoints(
            [
                self._point(name)
                for name, tensor in self._tensors.items()
                if self._can_carry(tensor)
                and self._crossing.is_cut(tensor)
                and 0 < self.macs_before(name) < self.total
            ],
            self.total,
        )

    def is_before(self, first: str, second: str) -> bool:
        """Returns whether a tensor is among all that another one needs."""
        before = self._crossing.needs(self._tensors[first])
        after = self._crossing.needs(self._tensors[second])
        return before != after and not before & ~after

    def macs_before(self, name: str) -> int:
        """Returns the multiply-adds of all that a tensor needs."""
        needed = self._crossing.needs(self._tensors[name])
        return sum(macs for bit, macs in self._macs.items() if needed & bit)

    def why_not(self, name: str) -> str:
        """Returns why there is no cut at a tensor, as a part of a sentence."""
        if name not in self._tensors:
            inputs = [
                operation.name
                for operation in self._model.operations
                if isinstance(operation, keras.layers.InputLayer)
            ]
            if name in inputs:
                return "is an input"
            if name in self.places:
                return "is the output of the network"
            return "is no layer of the network"
        tensor = self._tensors[name]
        beside = self._crossing.beside(tensor)
        if beside:
            return f"is passed by {_named(beside)}, which later layers read too"
        if not self._crossing.is_read(tensor):
            return "is read by no later layer"
        if not self._can_carry(tensor):
            return (
                f"is of shape {tuple(tensor.shape)} and type {tensor.dtype}, "
                "which no head can read"
            )
        where = (
            "after the last" if self.macs_before(name) else "before the first"
        )
        return f"is {where} multiply-add that is counted"

    def gap(self, share: float) -> str:
        """Returns why there is no cut near a share, as a sentence."""
        wanted = share * self.total
        ends = [0, *(point.macs for point in self.points), self.total]
        before = max(macs for macs in ends if macs <= wanted)
        gap = min(macs for macs in ends if macs > wanted) - before
        done = passed = 0
        for index, operation in enumerate(self._model.operations):
            macs = self._macs.get(1 << index, 0)
            passed += macs
            if passed < wanted:
                done |= 1 << index
            elif macs > gap / 2:
                return (
                    f"{operation.name!r} ({type(operation).__name__}) is one "
                    f"operation with {macs / self.total:.0%} of the "
                    "multiply-adds, which cannot be cut."
                )
            else:
                break
        return (
            f"At the wanted place {_named(self._crossing.across(done))} cross."
        )

    def _point(self, name: str) -> CutPoint:
        tensor = self._tensors[name]
        macs = self.macs_before(name)
        shape = tuple(tensor.shape[1:])
        return CutPoint(
            layer=name,
            shape=shape,
            share=macs / self.total,
            macs=macs,
            bytes=math.prod(shape) * _item_bytes(tensor.dtype),
        )

    def _can_carry(self, tensor: keras.KerasTensor) -> bool:
        """Returns whether a tensor has one entry for each example, of floats.

        A kernel that is a tensor of the graph has no batch axis.
        """
        return (
            len(tensor.shape) in _RANKS
            and tensor.shape[0] == self._model.inputs[0].shape[0]
            and None not in tensor.shape[1:]
            and keras.backend.is_float_dtype(tensor.dtype)
        )


def _item_bytes(dtype: str) -> int:
    """Returns the bytes of one float, by the bits in the type's name."""
    return int(re.sub(r"\D", "", dtype)) // 8


def _named(names: Sequence[str]) -> str:
    """Returns some names as words."""
    quoted = [repr(name) for name in names[:3]]
    more = len(names) - len(quoted)
    if more:
        return f"{', '.join(quoted)} and {more} more"
    return " and ".join(quoted)
