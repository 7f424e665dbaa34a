"""Fuses normalizations in a LiteRT file that follow no convolution.

The converter folds a batch normalization into the kernel of the convolution
before it. If the normalization comes first, as in pre-activation networks, a
multiplication and an addition by channels remain.
"""

import collections
from collections.abc import Sequence
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from keras_anytime.export.flatbuffer import operator_codes
from keras_anytime.export.flatbuffer import operator_index
from keras_anytime.export.flatbuffer import pack
from keras_anytime.export.flatbuffer import unpack

_MUL = schema.BuiltinOperator.MUL
_ADD = schema.BuiltinOperator.ADD
_TENSORS = ("inputs", "outputs")
_DEPTHWISE = schema.BuiltinOperator.DEPTHWISE_CONV_2D


def fuse_normalizations(content: bytes) -> bytes:
    """Returns a float LiteRT file whose normalizations are one operator each.

    A multiplication by one constant per channel and the addition of another
    become one depthwise convolution of 1 x 1, which includes the activation.
    In integers it has a scale for each channel and adds in 32 bits. Both
    matter: a channel that is nearly always zero, such as the padding of a
    shortcut, is multiplied by some 300. With one scale for all channels, the
    factors of the others would then be rounded to almost nothing.

    Args:
        content: Bytes of a LiteRT file in floats.

    Returns:
        Bytes.
    """
    model = unpack(content)
    codes = operator_codes(model)
    for index, graph in enumerate(model.subgraphs):
        _fuse(model, graph, codes)
        arguments = [
            argument
            for signature in model.signatureDefs
            if signature.subgraphIndex == index
            for argument in (*signature.inputs, *signature.outputs)
        ]
        _drop_unused(graph, arguments)
    return pack(model)


def _fuse(model: Any, graph: Any, codes: list[int]) -> None:
    """Fuses the normalizations of one graph; may append to `codes`."""
    readers = collections.defaultdict(list)
    for operator in graph.operators:
        for tensor in operator.inputs:
            readers[tensor].append(operator)
    # The arguments of `_depthwise` by the multiplications that it replaces.
    replaced: dict[int, tuple[Any, int, int, int]] = {}
    for operator in graph.operators:
        if codes[operator.opcodeIndex] != _MUL:
            continue
        factors = _channel_constant(model, graph, operator)
        (product,) = operator.outputs
        product_readers = readers[product]
        if (
            factors is None
            or product in graph.outputs
            or len(product_readers) != 1
            or codes[product_readers[0].opcodeIndex] != _ADD
            or operator.builtinOptions.fusedActivationFunction
        ):
            continue
        addition = product_readers[0]
        offsets = _channel_constant(model, graph, addition)
        if offsets is not None and offsets[0] == product:
            replaced[id(operator)] = (addition, *factors, offsets[1])
    fused_additions = {id(addition) for addition, *_ in replaced.values()}
    operators = []
    for operator in graph.operators:
        if id(operator) in replaced:
            operators.append(
                _depthwise(model, graph, codes, *replaced[id(operator)])
            )
        elif id(operator) not in fused_additions:
            operators.append(operator)
    graph.operators = operators


def _channel_constant(
    model: Any, graph: Any, operator: Any
) -> tuple[int, int] | None:
    """Returns the maps and the constant, one number a channel, of an operator.

    Returns:
        Pair of tensors; `None` if the operator has other inputs.
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


def _depthwise(
    model: Any,
    graph: Any,
    codes: list[int],
    addition: Any,
    maps: int,
    factors: int,
    offsets: int,
) -> Any:
    """Returns the convolution that multiplies and adds."""
    constant = graph.tensors[factors]
    kernel = schema.TensorT()
    kernel.shape = np.array([1, 1, 1, *constant.shape], "int32")
    kernel.type = constant.type
    kernel.buffer = constant.buffer
    # Each operator gets a tensor, because the scales may differ.
    (output,) = addition.outputs
    kernel.name = graph.tensors[output].name + b"/depthwise"
    graph.tensors.append(kernel)
    operator = schema.OperatorT()
    operator.opcodeIndex = operator_index(model, codes, _DEPTHWISE)
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


def _drop_unused(graph: Any, arguments: Sequence[Any]) -> None:
    """Removes the tensors of a graph that no operator uses any more.

    Args:
        graph: A `SubGraphT`.
        arguments: Sequence of `TensorMapT`, its named inputs and outputs.
    """
    owners = [
        (owner, key) for owner in (*graph.operators, graph) for key in _TENSORS
    ]
    kept = sorted(
        {int(index) for owner, key in owners for index in getattr(owner, key)}
    )
    kept = [index for index in kept if index >= 0]  # -1: an absent input.
    numbers = {old: new for new, old in enumerate(kept)} | {-1: -1}
    graph.tensors = [graph.tensors[index] for index in kept]
    for owner, key in owners:
        values = [numbers[int(index)] for index in getattr(owner, key)]
        setattr(owner, key, np.array(values, "int32"))
    for argument in arguments:
        argument.tensorIndex = numbers[argument.tensorIndex]
