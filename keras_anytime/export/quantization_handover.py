"""Making what a quantized step reads just what an earlier one has left.

The quantizer goes through a file signature by signature. Where it leaves a
feature in one type or scale and expects another one in a later step, since an
operator of either has no integer form or a scale of its own, the values would
be taken for others.
"""

import copy

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from keras_anytime.export.flatbuffer import index_of
from keras_anytime.export.flatbuffer import operator_codes
from keras_anytime.export.flatbuffer import packed
from keras_anytime.export.flatbuffer import unpacked

_INTEGERS = (schema.TensorType.INT8, schema.TensorType.INT16)


def matched(content):
    """Returns a file whose steps take features as earlier steps leave them.

    A step that works with another type or scale converts them first. Floats
    that the step which makes them turns into integers itself are left as such.

    Args:
        content: Bytes of a quantized LiteRT file.

    Returns:
        Bytes; `content` itself, where nothing has to be converted.
    """
    model = unpacked(content)
    codes = operator_codes(model)
    steps = [
        signature
        for signature in model.signatureDefs
        if signature.signatureKey.startswith(b"step_")
    ]
    changed = [
        _leave_integers(model.subgraphs[step.subgraphIndex], output, codes)
        for step in steps
        for output in step.outputs
        if not output.name.startswith(b"logits")
    ]
    left = {
        output.name: model.subgraphs[step.subgraphIndex].tensors[
            output.tensorIndex
        ]
        for step in steps
        for output in step.outputs
    }
    for step in steps:
        graph = model.subgraphs[step.subgraphIndex]
        for taken in step.inputs:
            given = left.get(taken.name)
            wanted = graph.tensors[taken.tensorIndex]
            if given is not None and _form(given) != _form(wanted):
                _convert(model, codes, graph, taken, given)
                changed.append(True)
    return packed(model) if any(changed) else content


def _form(tensor):
    """Returns what decides how values of a tensor are read."""
    record = tensor.quantization
    if tensor.type not in _INTEGERS or record is None or record.scale is None:
        return tensor.type, (), ()
    return tensor.type, tuple(record.scale), tuple(record.zeroPoint)


def _leave_integers(graph, output, codes):
    """Leaves the integers that a step makes of an output of floats, if any.

    LiteRT's own kernels for CPUs would make these alone, and no floats.
    """
    old = output.tensorIndex
    for operator in graph.operators:
        quantizes = (
            codes[operator.opcodeIndex] == schema.BuiltinOperator.QUANTIZE
        )
        if (
            quantizes
            and operator.inputs[0] == old
            and graph.tensors[old].type == schema.TensorType.FLOAT32
        ):
            output.tensorIndex = int(operator.outputs[0])
            graph.outputs = _replaced(graph.outputs, old, output.tensorIndex)
            return True
    return False


def _convert(model, codes, graph, taken, given):
    """Lets a graph take an input as it is given, and convert it first."""
    old = taken.tensorIndex
    new = copy.copy(graph.tensors[old])
    new.type, new.quantization = given.type, given.quantization
    new.name = new.name + b"/given"
    graph.tensors.append(new)
    taken.tensorIndex = len(graph.tensors) - 1
    graph.inputs = _replaced(graph.inputs, old, taken.tensorIndex)
    to_float = graph.tensors[old].type == schema.TensorType.FLOAT32
    name = "Dequantize" if to_float else "Quantize"
    operator = schema.OperatorT()
    operator.opcodeIndex = index_of(
        model, codes, getattr(schema.BuiltinOperator, name.upper())
    )
    operator.inputs = np.array([taken.tensorIndex], "int32")
    operator.outputs = np.array([old], "int32")
    operator.builtinOptionsType = getattr(
        schema.BuiltinOptions, f"{name}Options"
    )
    operator.builtinOptions = getattr(schema, f"{name}OptionsT")()
    graph.operators.insert(0, operator)


def _replaced(indices, old, new):
    """Returns an array of indices with one in the place of another."""
    return np.array(
        [new if index == old else index for index in indices], "int32"
    )
