"""Reads LiteRT files as Python objects and writes them as small files."""

from collections.abc import Sequence
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema


def unpack(content: bytes) -> Any:
    """Returns a LiteRT file as a `ModelT` of its schema.

    Args:
        content: Bytes of the file.
    """
    return schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(content, 0))


def pack(model: Any) -> bytes:
    """Returns the bytes of a LiteRT file.

    Args:
        model: A `ModelT`.
    """
    builder = flatbuffers.Builder()
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def operator_codes(model: Any) -> list[int]:
    """Returns the `BuiltinOperator` of each entry to which operators refer.

    Args:
        model: A `ModelT`.
    """
    # Old and new files store the code in one of these two fields each.
    return [
        max(code.builtinCode, code.deprecatedBuiltinCode)
        for code in model.operatorCodes
    ]


def operator_index(model: Any, codes: list[int], kind: int) -> int:
    """Returns the index of a kind of operator, and adds the kind if needed.

    Args:
        model: A `ModelT`.
        codes: List as from `operator_codes`; a new kind is appended.
        kind: Integer, a `BuiltinOperator`.
    """
    if kind not in codes:
        code = schema.OperatorCodeT()
        code.builtinCode = code.deprecatedBuiltinCode = kind
        code.version = 1
        model.operatorCodes.append(code)
        codes.append(kind)
    return codes.index(kind)


def compact(content: bytes, keep_names: bool = False) -> bytes:
    """Returns a LiteRT file without the parts that no device reads.

    Signatures keep the names of their inputs and outputs; tensors lose their
    names. Empty quantization records are dropped. Equal constants are stored
    once. In a small network with six signatures over one set of weights, these
    parts would be most of what the file grows by.

    Args:
        content: Bytes of a LiteRT file.
        keep_names: Boolean. Whether tensors keep their names.

    Returns:
        Bytes.
    """
    model = unpack(content)
    for buffer in model.buffers:
        if buffer.offset:
            # The quantizer puts large constants behind the flatbuffer.
            end = buffer.offset + buffer.size
            buffer.data = np.frombuffer(content[buffer.offset : end], "uint8")
            buffer.offset = buffer.size = 0
    first_equal = _first_equal_buffers(model.buffers)
    for subgraph in model.subgraphs:
        for tensor in subgraph.tensors:
            tensor.buffer = first_equal[tensor.buffer]
            if not keep_names:
                tensor.name = None
            record = tensor.quantization
            if record is not None and record.scale is None:
                tensor.quantization = None
        for operator in subgraph.operators:
            for field in ("intermediates", "mutatingVariableInputs"):
                if getattr(operator, field) is not None and not len(
                    getattr(operator, field)
                ):
                    setattr(operator, field, None)
    for index, first in enumerate(first_equal):
        if index != first:
            model.buffers[index].data = None
    return pack(model)


def _first_equal_buffers(buffers: Sequence[Any]) -> list[int]:
    """Returns for each buffer the index of the first one with its content."""
    first: dict[bytes, int] = {}
    return [
        index
        if buffer.data is None
        else first.setdefault(np.asarray(buffer.data).tobytes(), index)
        for index, buffer in enumerate(buffers)
    ]
