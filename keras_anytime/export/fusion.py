"""Normalization that follows no convolution, as one operator of a LiteRT file.

The converter puts batch normalization into the kernel of a convolution before
it. Where it comes first, as in pre-activation networks, a multiplication and an
addition by channels are left.
"""

import collections

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from keras_anytime.export.flatbuffer import index_of
from keras_anytime.export.flatbuffer import operator_codes
from keras_anytime.export.flatbuffer import packed
from keras_anytime.export.flatbuffer import unpacked

_MUL = schema.BuiltinOperator.MUL
_ADD = schema.BuiltinOperator.ADD
_TENSORS = ("inputs", "outputs")
_DEPTHWISE = schema.BuiltinOperator.DEPTHWISE_CONV_2D


def fuse_normalizations(content):
    """Returns a float LiteRT file whose normalizations are one operator each.

    A multiplication by a constant for each channel and the addition of another
    become one depthwise convolution of 1 x 1, its activation in it. In integers
    that has a scale for each channel, and the addition 32 bits. Both matter:
    a channel that is hardly ever anything but zero, such as one that a shortcut
    was padded with, is multiplied by some 300, and with one scale for all
    channels the others would be multiplied by next to nothing.

    Args:
        content: Bytes of a LiteRT file in floats.

    Returns:
        Bytes.
    """
    model = unpacked(content)
    codes = operator_codes(model)
    for index, graph in enumerate(model.subgraphs):
        _fuse(model, graph, codes)
        named = [
            tensor
            for signature in model.signatureDefs
            if signature.subgraphIndex == index
            for tensor in (*signature.inputs, *signature.outputs)
        ]
        _drop_unused(graph, named)
    return packed(model)


def _fuse(model, graph, codes):
    """Fuses what can be in one graph; adds to the codes of operators."""
    readers = collections.defaultdict(list)
    for operator in graph.operators:
        for tensor in operator.inputs:
            readers[tensor].append(operator)
    replaced = {}  # Additions, by the multiplications that go.
    for operator in graph.operators:
        if codes[operator.opcodeIndex] != _MUL:
            continue
        found = _by_channel(model, graph, operator)
        (product,) = operator.outputs
        after = readers[product]
        if (
            found is None
            or product in graph.outputs
            or len(after) != 1
            or codes[after[0].opcodeIndex] != _ADD
            or operator.builtinOptions.fusedActivationFunction
        ):
            continue
        added = _by_channel(model, graph, after[0])
        if added is not None and added[0] == product:
            replaced[id(operator)] = (after[0], *found, added[1])
    gone = {id(addition) for addition, *_ in replaced.values()}
    operators = []
    for operator in graph.operators:
        if id(operator) in replaced:
            operators.append(
                _depthwise(model, graph, codes, *replaced[id(operator)])
            )
        elif id(operator) not in gone:
            operators.append(operator)
    graph.operators = operators


def _by_channel(model, graph, operator):
    """Returns the maps and the constant, one number a channel, of an operator.

    Returns:
        Pair of tensors, or `None` if it has other inputs.
    """
    for maps, constant in (operator.inputs, operator.inputs[::-1]):
        shape = graph.tensors[maps].shape
        values = graph.tensors[constant]
        if (
            shape is not None
            and len(shape) == 4
            and model.buffers[values.buffer].data is not None
            and values.type == schema.TensorType.FLOAT32
            and list(values.shape) == [shape[-1]]
        ):
            return maps, constant
    return None


def _depthwise(model, graph, codes, addition, maps, factors, offsets):
    """Returns the operator that does both."""
    old = graph.tensors[factors]
    kernel = schema.TensorT()
    kernel.shape = np.array([1, 1, 1, *old.shape], "int32")
    kernel.type = old.type
    kernel.buffer = old.buffer
    # One for each operator: they may need scales of their own.
    (output,) = addition.outputs
    kernel.name = graph.tensors[output].name + b"/depthwise"
    graph.tensors.append(kernel)
    operator = schema.OperatorT()
    operator.opcodeIndex = index_of(model, codes, _DEPTHWISE)
    operator.inputs = np.array([maps, len(graph.tensors) - 1, offsets], "int32")
    operator.outputs = addition.outputs
    operator.builtinOptionsType = schema.BuiltinOptions.DepthwiseConv2DOptions
    operator.builtinOptions = schema.DepthwiseConv2DOptionsT(
        padding=schema.Padding.VALID,
        strideW=1,
        strideH=1,
        depthMultiplier=1,
        fusedActivationFunction=addition.builtinOptions.fusedActivationFunction,
    )
    return operator


def _drop_unused(graph, named):
    """Takes the tensors out of a graph that no operator uses any more.

    Args:
        graph: A `SubGraphT`.
        named: List of `TensorMapT`, its inputs and outputs by names.
    """
    uses = [(operator, key) for operator in graph.operators for key in _TENSORS]
    uses += [(graph, key) for key in _TENSORS]
    kept = sorted({int(i) for one, key in uses for i in getattr(one, key)})
    kept = [index for index in kept if index >= 0]  # -1 is an absent one.
    numbers = {old: new for new, old in enumerate(kept)} | {-1: -1}
    graph.tensors = [graph.tensors[index] for index in kept]
    for one, key in uses:
        values = [numbers[int(index)] for index in getattr(one, key)]
        setattr(one, key, np.array(values, "int32"))
    for one in named:
        one.tensorIndex = numbers[one.tensorIndex]
