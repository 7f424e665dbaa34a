"""Exporting an anytime network as one LiteRT (TFLite) file."""

import dataclasses
import pathlib
import tempfile

import flatbuffers
import tensorflow as tf
from ai_edge_litert import schema_py_generated as schema

from keras_anytime.export import programs as programs_lib
from keras_anytime.export.manifest import checksum
from keras_anytime.export.manifest import manifest_path
from keras_anytime.files import write_beside
from keras_anytime.files import write_text


def tflite(
    model,
    path,
    *,
    curve=None,
    batch_size=1,
    class_names=None,
    preprocessing=None,
    thresholds=None,
    keep_names=False,
):
    """Writes one float32 `.tflite` file that runs the network stage by stage.

    It has the signatures of `export.saved_model`, and stores each weight once.
    The manifest is written beside it, as `<path>.json`.

    Args:
        model: An `AnytimeModel`.
        path: String or path that ends in `.tflite`. File and manifest are
            written beside and moved in place.
        curve: The model's `AnytimeCurve`, whose errors go in the manifest; of
            several label sets, that of the first.
        batch_size: Integer, or `None` for a file that declares batches of any
            size. LiteRT resizes a file for 1 image on demand; declaring it
            makes small files up to 3% larger.
        class_names: Sequence of strings in the order of the logits; for label
            sets a dict from them to such sequences.
        preprocessing: Dict that tells a device how pixels become the input,
            such as `ka.data.info(name).preprocessing`.
        thresholds: Floats in [0, 1], the confidences above which the answers
            of stages 1 to K - 1 are final where a device asks for that; as
            from `ka.evaluation.confidence_thresholds`.
        keep_names: Boolean. Whether the tensors inside keep the names of the
            layers that made them, to look at the file with other tools, at
            some 80 bytes for each tensor of each signature.

    Raises:
        ValueError: If an argument does not fit the model.
    """
    path = pathlib.Path(path)
    if path.suffix != ".tflite":
        raise ValueError(
            f"A LiteRT file ends in '.tflite'. Received: path={str(path)!r}"
        )
    named = programs_lib.programs(model, zero_filled=False)
    manifest = programs_lib.describe(
        "tflite",
        model,
        named,
        batch_size,
        curve,
        class_names,
        preprocessing,
        thresholds,
    )
    manifest.to_json()  # What cannot be written fails before anything is.
    with tempfile.TemporaryDirectory() as folder:
        programs_lib.write_saved_model(named, folder, batch_size)
        content = convert(folder, list(named))
    if not keep_names:
        content = without_names(content)

    write_beside(path, lambda beside: beside.write_bytes(content))
    whole = dataclasses.replace(manifest, sha256=checksum(path))
    write_text(manifest_path(path), whole.to_json())


def convert(folder, signatures):
    """Returns the LiteRT file of a SavedModel's signatures.

    Args:
        folder: String. The SavedModel.
        signatures: List of strings, the signatures to convert.

    Returns:
        Bytes.
    """
    converter = tf.lite.TFLiteConverter.from_saved_model(
        str(folder), signature_keys=signatures
    )
    return converter.convert()


def without_names(content):
    """Returns a LiteRT file without the names of its tensors.

    Signatures keep the names of their inputs and outputs. Empty quantisation
    records go too. With six signatures over one set of weights, these strings
    and records are what a small network's file would mostly grow by.

    Args:
        content: Bytes of a LiteRT file.

    Returns:
        Bytes.
    """
    root = schema.Model.GetRootAsModel(content, 0)
    model = schema.ModelT.InitFromObj(root)
    for subgraph in model.subgraphs:
        for tensor in subgraph.tensors:
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
    builder = flatbuffers.Builder(len(content))
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())
