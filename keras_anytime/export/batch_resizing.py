"""Decides whether a LiteRT file runs batches of other sizes than it declares.

LiteRT resizes the inputs of a file on demand. Some operators contain the batch
size of the file, such as a reshape to a fixed shape. They then fail or mix
images.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from keras_anytime.export.flatbuffer import operator_codes
from keras_anytime.export.flatbuffer import unpack

_CODE = schema.BuiltinOperator
# Row i of the output depends on row i of the first input only; the other
# inputs are constants.
_BY_ROWS = (
    _CODE.AVERAGE_POOL_2D,
    _CODE.CAST,
    _CODE.CONV_2D,
    _CODE.DEPTHWISE_CONV_2D,
    _CODE.DEQUANTIZE,
    _CODE.ELU,
    _CODE.FULLY_CONNECTED,
    _CODE.GELU,
    _CODE.HARD_SWISH,
    _CODE.LEAKY_RELU,
    _CODE.LOGISTIC,
    _CODE.MAX_POOL_2D,
    _CODE.MEAN,
    _CODE.PAD,
    _CODE.QUANTIZE,
    _CODE.REDUCE_MAX,
    _CODE.RELU,
    _CODE.RELU6,
    _CODE.RESIZE_BILINEAR,
    _CODE.RESIZE_NEAREST_NEIGHBOR,
    _CODE.SUM,
    _CODE.TANH,
)
_REDUCTIONS = (_CODE.MEAN, _CODE.REDUCE_MAX, _CODE.SUM)
# Row i of the output depends on row i of both inputs.
_ELEMENTWISE = (
    _CODE.ADD,
    _CODE.DIV,
    _CODE.MAXIMUM,
    _CODE.MINIMUM,
    _CODE.MUL,
    _CODE.SUB,
)


def is_resizable(content: bytes) -> bool:
    """Returns whether a file runs batches of other sizes than it declares.

    An operator that is not known here counts as not resizable.

    Args:
        content: Bytes of a LiteRT file.
    """
    model = unpack(content)
    codes = operator_codes(model)
    return all(
        _keeps_images_apart(_Graph(model, graph), codes)
        for graph in model.subgraphs
    )


class _Graph:
    """A subgraph, with the set of its tensors that depend on no image."""

    def __init__(self, model: Any, graph: Any):
        self.operators = graph.operators
        self.constant = {-1}  # -1: an absent input.
        self._tensors = graph.tensors
        self._buffers = model.buffers
        for index, tensor in enumerate(graph.tensors):
            if model.buffers[tensor.buffer].data is not None:
                self.constant.add(index)

    def shape(self, index: int) -> tuple[int, ...]:
        shape = self._tensors[index].shape
        return () if shape is None else tuple(shape)

    def integers(self, index: int) -> np.ndarray | None:
        """Returns the 32-bit integers of a constant; `None` for others."""
        data = self._buffers[self._tensors[index].buffer].data
        return None if data is None else np.asarray(data).view("int32")


def _keeps_images_apart(graph: _Graph, codes: Sequence[int]) -> bool:
    """Returns whether no operator mixes the rows of a batch."""
    for operator in graph.operators:
        inputs = [int(index) for index in operator.inputs]
        if graph.constant.issuperset(inputs):
            graph.constant.update(int(index) for index in operator.outputs)
            continue
        code = codes[operator.opcodeIndex]
        if code in _ELEMENTWISE:
            apart = _pairs_rows(graph, inputs)
        elif code == _CODE.CONCATENATION:
            rank = len(graph.shape(inputs[0]))
            apart = bool(operator.builtinOptions.axis % rank) and (
                not graph.constant & set(inputs)
            )
        else:
            apart = code in _BY_ROWS and _keeps_rows(
                graph, code, operator, inputs
            )
        if not apart:
            return False
    return True


def _keeps_rows(
    graph: _Graph, code: int, operator: Any, inputs: Sequence[int]
) -> bool:
    """Returns whether an operator on one tensor keeps its rows apart."""
    first, *others = inputs
    rank = len(graph.shape(first))
    if first in graph.constant or not graph.constant.issuperset(others):
        return False
    if code in _REDUCTIONS:
        axes = graph.integers(others[0])
        return axes is not None and bool(np.all(axes % rank))
    if code == _CODE.PAD:
        padding = graph.integers(others[0])
        return padding is not None and not np.any(padding[:2])
    if code == _CODE.FULLY_CONNECTED:
        return rank == 2 or operator.builtinOptions.keepNumDims
    return rank > 1


def _pairs_rows(graph: _Graph, inputs: Sequence[int]) -> bool:
    """Returns whether an elementwise operator pairs rows of the same image."""
    ranks = {
        len(graph.shape(index))
        for index in inputs
        if index not in graph.constant
    }
    if len(ranks) > 1:
        return False
    (rank,) = ranks
    return rank > 1 and all(
        len(graph.shape(index)) < rank or graph.shape(index)[0] == 1
        for index in inputs
        if index in graph.constant
    )
