"""Makes a quantized step read exactly the features that earlier steps leave.

The quantizer processes a file signature by signature. If an operator has no
integer form or a scale of its own, the quantizer may leave a feature in one
type or scale and expect another in a later step, which would then misread the
values. Likewise two signatures may expect an input in different types.
"""

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from keras_anytime.export.flatbuffer import operator_codes
from keras_anytime.export.flatbuffer import operator_index
from keras_anytime.export.flatbuffer import pack
from keras_anytime.export.flatbuffer import unpack

_INTEGERS = (schema.TensorType.INT8, schema.TensorType.INT16)


def match_handover(content: bytes) -> bytes:
    """Returns a file whose steps take features as earlier steps leave them.

    A step that computes in another type or scale converts its features first.
    If a step quantizes an output of floats itself, the integers become the
    output. All signatures take an input as the first step does that reads it.

    Args:
        content: Bytes of a quantized LiteRT file.

    Returns:
        Bytes; `content` itself if no conversion is needed.
    """
    model = unpack(content)
    codes = operator_codes(model)
    changes = [
        _name_output(model.subgraphs[signature.subgraphIndex], output, codes)
        for signature in model.signatureDefs
        for output in signature.outputs
    ]
    steps = sorted(
        (
            signature
            for signature in model.signatureDefs
            if signature.signatureKey.startswith(b"step_")
        ),
        key=_stage,
    )
    others = [
        signature
        for signature in model.signatureDefs
        if not signature.signatureKey.startswith(b"step_")
    ]
    changes += [
        _output_integers(model.subgraphs[step.subgraphIndex], output, codes)
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
    for program in (*steps, *sorted(others, key=_stage)):
        graph = model.subgraphs[program.subgraphIndex]
        for argument in program.inputs:
            expected = graph.tensors[argument.tensorIndex]
            # What no step leaves is an input of the network.
            feature = left.setdefault(argument.name, expected)
            if _encoding(feature) != _encoding(expected):
                _convert_input(model, codes, graph, argument, feature)
                changes.append(True)
    return pack(model) if any(changes) else content


def _stage(signature: Any) -> int:
    return int(signature.signatureKey.rpartition(b"_")[2])


def _encoding(tensor: Any) -> tuple[Any, ...]:
    """Returns type, scales and zero points, which give values a meaning."""
    record = tensor.quantization
    if tensor.type not in _INTEGERS or record is None or record.scale is None:
        return tensor.type, (), ()
    return tensor.type, tuple(record.scale), tuple(record.zeroPoint)


def _name_output(graph: Any, output: Any, codes: Sequence[int]) -> bool:
    """Makes a signature name the tensor that its graph gives as an output.

    The quantizer may put a `QUANTIZE` after an operator whose output has the
    scale of a constant, such as a table of embeddings. The graph then gives
    the new tensor, and the signature still names the old one, whose memory
    LiteRT uses for other tensors.
    """
    if output.tensorIndex in graph.outputs:
        return False
    for operator in graph.operators:
        if (
            codes[operator.opcodeIndex] == schema.BuiltinOperator.QUANTIZE
            and operator.inputs[0] == output.tensorIndex
            and operator.outputs[0] in graph.outputs
        ):
            output.tensorIndex = int(operator.outputs[0])
            return True
    graph.outputs = np.array([*graph.outputs, output.tensorIndex], "int32")
    return True


def _output_integers(graph: Any, output: Any, codes: Sequence[int]) -> bool:
    """Outputs the integers of a feature instead of its floats, if it has both.

    LiteRT's own kernels for CPUs compute the integers only, not the floats.
    """
    floats = output.tensorIndex
    for operator in graph.operators:
        quantizes = (
            codes[operator.opcodeIndex] == schema.BuiltinOperator.QUANTIZE
        )
        if (
            quantizes
            and operator.inputs[0] == floats
            and graph.tensors[floats].type == schema.TensorType.FLOAT32
        ):
            output.tensorIndex = int(operator.outputs[0])
            graph.outputs = _replace(graph.outputs, floats, output.tensorIndex)
            return True
    return False


def _convert_input(
    model: Any, codes: list[int], graph: Any, argument: Any, feature: Any
) -> None:
    """Makes a graph take a feature as it is left, and convert it first."""
    expected = argument.tensorIndex
    tensor = copy.copy(graph.tensors[expected])
    tensor.type, tensor.quantization = feature.type, feature.quantization
    tensor.name = tensor.name + b"/given"
    graph.tensors.append(tensor)
    argument.tensorIndex = len(graph.tensors) - 1
    graph.inputs = _replace(graph.inputs, expected, argument.tensorIndex)
    to_float = graph.tensors[expected].type == schema.TensorType.FLOAT32
    name = "Dequantize" if to_float else "Quantize"
    operator = schema.OperatorT()
    operator.opcodeIndex = operator_index(
        model, codes, getattr(schema.BuiltinOperator, name.upper())
    )
    operator.inputs = np.array([argument.tensorIndex], "int32")
    operator.outputs = np.array([expected], "int32")
    operator.builtinOptionsType = getattr(
        schema.BuiltinOptions, f"{name}Options"
    )
    operator.builtinOptions = getattr(schema, f"{name}OptionsT")()
    graph.operators.insert(0, operator)


def _replace(indices: Sequence[int], old: int, new: int) -> np.ndarray:
    """Returns indices of tensors in which `new` takes the place of `old`."""
    return np.array(
        [new if index == old else index for index in indices], "int32"
    )
