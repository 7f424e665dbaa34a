"""LiteRT files as Python objects, and as small files again."""

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema


def unpacked(content):
    """Returns a LiteRT file, bytes, as a `ModelT` of its schema."""
    return schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(content, 0))


def packed(model):
    """Returns a `ModelT` as a LiteRT file, bytes."""
    builder = flatbuffers.Builder()
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def operator_codes(model):
    """Returns the `BuiltinOperator` of each entry that operators refer to."""
    # Old and new files have it in one of two fields each.
    return [
        max(code.builtinCode, code.deprecatedBuiltinCode)
        for code in model.operatorCodes
    ]


def index_of(model, codes, kind):
    """Returns the number of a kind of operator in a file, adding it if new."""
    if kind not in codes:
        code = schema.OperatorCodeT()
        code.builtinCode = code.deprecatedBuiltinCode = kind
        code.version = 1
        model.operatorCodes.append(code)
        codes.append(kind)
    return codes.index(kind)


def compact(content, keep_names=False):
    """Returns a LiteRT file without what no device reads.

    Signatures keep the names of their inputs and outputs; those of tensors go.
    Empty quantization records go too. Constants of one content are stored
    once. With six signatures over one set of weights, these are what a small
    network's file would mostly grow by.

    Args:
        content: Bytes of a LiteRT file.
        keep_names: Boolean. Whether tensors keep their names.

    Returns:
        Bytes.
    """
    model = unpacked(content)
    for buffer in model.buffers:
        if buffer.offset:
            # The quantizer puts large constants behind the flatbuffer.
            end = buffer.offset + buffer.size
            buffer.data = np.frombuffer(content[buffer.offset : end], "uint8")
            buffer.offset = buffer.size = 0
    same = _equal_buffers(model.buffers)
    for subgraph in model.subgraphs:
        for tensor in subgraph.tensors:
            tensor.buffer = same[tensor.buffer]
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
    for index, first in enumerate(same):
        if index != first:
            model.buffers[index].data = None
    return packed(model)


def _equal_buffers(buffers):
    """Returns for each buffer the first one of the same content."""
    seen = {}
    return [
        index
        if one.data is None
        else seen.setdefault(np.asarray(one.data).tobytes(), index)
        for index, one in enumerate(buffers)
    ]
