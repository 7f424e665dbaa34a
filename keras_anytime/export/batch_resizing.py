"""Whether the operators of a LiteRT file treat each image by itself.

LiteRT resizes the inputs of a file on demand. What that does to an operator
depends: some have the batch size of the file in them, as a reshape to a fixed
shape has, and fail or mix images.
"""

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from keras_anytime.export.flatbuffer import operator_codes
from keras_anytime.export.flatbuffer import unpacked

_CODE = schema.BuiltinOperator
# Whose row i is made of row i of the first input; the others are constants.
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
# Of several inputs, row by row.
_ELEMENTWISE = (
    _CODE.ADD,
    _CODE.DIV,
    _CODE.MAXIMUM,
    _CODE.MINIMUM,
    _CODE.MUL,
    _CODE.SUB,
)


def resizable(content):
    """Returns whether a file runs batches of other sizes than it declares.

    It errs on the safe side: of an operator that is not known here, nothing is
    assumed.

    Args:
        content: Bytes of a LiteRT file.

    Returns:
        Boolean.
    """
    model = unpacked(content)
    codes = operator_codes(model)
    return all(
        _by_rows(_Graph(model, graph), codes) for graph in model.subgraphs
    )


class _Graph:
    """A subgraph, and which of its tensors depend on no image."""

    def __init__(self, model, graph):
        self.operators = graph.operators
        self.constant = {-1}  # An input that is left out.
        self._tensors = graph.tensors
        self._buffers = model.buffers
        for index, tensor in enumerate(graph.tensors):
            if model.buffers[tensor.buffer].data is not None:
                self.constant.add(index)

    def shape(self, index):
        shape = self._tensors[index].shape
        return () if shape is None else tuple(shape)

    def values(self, index):
        """The 32-bit integers of a constant, such as axes; none of others."""
        data = self._buffers[self._tensors[index].buffer].data
        return None if data is None else np.asarray(data).view("int32")


def _by_rows(graph, codes):
    """Whether all operators keep the rows of a batch apart."""
    for operator in graph.operators:
        inputs = [int(index) for index in operator.inputs]
        if graph.constant.issuperset(inputs):
            graph.constant.update(int(index) for index in operator.outputs)
            continue
        code = codes[operator.opcodeIndex]
        if code in _ELEMENTWISE:
            kept = _keeps_in_pairs(graph, inputs)
        elif code == _CODE.CONCATENATION:
            rank = len(graph.shape(inputs[0]))
            kept = bool(operator.builtinOptions.axis % rank) and (
                not graph.constant & set(inputs)
            )
        else:
            kept = code in _BY_ROWS and _keeps(graph, code, operator, inputs)
        if not kept:
            return False
    return True


def _keeps(graph, code, operator, inputs):
    """Whether an operator on one tensor keeps its rows."""
    first, *others = inputs
    rank = len(graph.shape(first))
    if first in graph.constant or not graph.constant.issuperset(others):
        return False
    if code in _REDUCTIONS:
        axes = graph.values(others[0])
        return axes is not None and bool(np.all(axes % rank))
    if code == _CODE.PAD:
        padding = graph.values(others[0])
        return padding is not None and not np.any(padding[:2])
    if code == _CODE.FULLY_CONNECTED:
        return rank == 2 or operator.builtinOptions.keepNumDims
    return rank > 1


def _keeps_in_pairs(graph, inputs):
    """Whether an operator on pairs of values pairs those of one image."""
    ranks = {
        len(graph.shape(one)) for one in inputs if one not in graph.constant
    }
    if len(ranks) > 1:
        return False
    (rank,) = ranks
    return rank > 1 and all(
        len(graph.shape(one)) < rank or graph.shape(one)[0] == 1
        for one in inputs
        if one in graph.constant
    )
