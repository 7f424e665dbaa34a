"""Exporting an anytime network as one LiteRT (TFLite) file."""

import dataclasses
import tempfile

import numpy as np
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

from keras_anytime.export import programs as programs_lib
from keras_anytime.export import quantization as quantization_lib
from keras_anytime.export.dense import dense_slices
from keras_anytime.export.flatbuffer import compact
from keras_anytime.export.fusion import fuse_normalizations
from keras_anytime.export.preparation import check_size
from keras_anytime.export.preparation import described
from keras_anytime.export.preparation import pixel_input
from keras_anytime.export.representative import calibration_images
from keras_anytime.export.rows import resizable
from keras_anytime.export.trial import check_runs
from keras_anytime.files import atomic_write
from keras_anytime.files import check_writable
from keras_anytime.files import lock_folder
from keras_anytime.files import user_path
from keras_anytime.files import write_text
from keras_anytime.manifest.manifest import Signature
from keras_anytime.manifest.manifest import TensorSpec
from keras_anytime.manifest.manifest import checksum
from keras_anytime.manifest.manifest import manifest_path
from keras_anytime.manifest.manifest import pending_path
from keras_anytime.manifest.manifest import settle
from keras_anytime.stages.checks import check_anytime_model


def tflite(
    model,
    path,
    quantization=None,
    representative=None,
    stages=None,
    *,
    curve=None,
    batch_size=1,
    class_names=None,
    preprocessing=None,
    thresholds=None,
    pixels=False,
    subnets=True,
    dense_subnets=False,
    keep_names=False,
):
    """Writes one `.tflite` file that runs the network stage by stage.

    It has the signatures of `export.saved_model`, and stores each weight once.
    The manifest is written beside it, as `<path>.json`.

    Features that pass from step to step have the type of the variant: int8
    features leave one step and enter the next as they are. So do int8 images
    and logits; the manifest has their scales, and `AnytimePredictor` takes and
    gives floats.

    Args:
        model: An `AnytimeModel`.
        path: String or path that ends in `.tflite`. File and manifest are
            written beside and moved in place.
        quantization: `None` for float32; `"float16"`, weights in 16 bits;
            `"dynamic"` and `"int4"`, weights in 8 and 4 bits, activations in
            floats; `"int8"`, everything in 8 bits; `"int16x8"`, weights in 8
            and activations in 16 bits; `"int8_qat"`, as `"int8"` after a pass
            of `export.quantization_aware` over `representative`, which leaves
            the model as it is.
        representative: Prepared images to measure the ranges of the last
            three on, the first 200; or uint8 pixels for a file that takes
            them. An array, a pair of it and labels, a `tf.data.Dataset` or
            `keras.utils.PyDataset`, a generator, or a function that returns
            one, of batches or single images, with or without labels.
            `"int8_qat"` needs prepared images and labels, as
            `export.quantization_aware` takes them.
        stages: Sequence of integers, the stages to export, or `None` for all.
            They keep their numbers.
        curve: The model's `AnytimeCurve`, whose errors go in the manifest; of
            several label sets, that of the first.
        batch_size: Integer, or `None` for a file that declares batches of any
            size, which makes small files up to 3% larger. A file of a fixed
            size takes others too: the predictor resizes it, or runs images in
            batches of that size where an operator does not allow that, such
            as one that flattens.
        class_names: Sequence of strings in the order of the logits; for label
            sets a dict from them to such sequences. `None` means those of the
            data set of `ka.data` that the model was trained on last, if any.
        preprocessing: Dict with `scale`, `mean` and `std`, which tells a
            device how pixels become the input, such as
            `ka.data.info(name).preprocessing`. `None` means as `class_names`.
        thresholds: Floats in [0, 1], the confidences above which the answers
            of all stages but the last are final where a device asks for that;
            as from `ka.evaluation.confidence_thresholds`.
        pixels: Boolean, or `(height, width)`. Whether the file takes uint8
            pixels, of the network's or of that size, and resizes (bilinearly)
            and normalizes them itself as `preprocessing` says.
        subnets: Boolean. Whether the file has the signatures `subnet_k` beside
            the steps. LiteRT lays the weights out anew in memory, once for
            each signature of the file that has them, also for those that do
            not run: where stages run step by step only, a file without
            `subnet_k` takes less than 60% of that memory.
        dense_subnets: Boolean. Whether each layer of `subnet_k` is one dense
            convolution, zero where a slice would read a later stage, instead
            of one for each slice. Narrow networks answer sooner so; wide ones
            later: on a CPU 0.65 times as long with (16, 32, 64) filters, 1.1
            times with (32, 64, 128). It stores the weights once more, for
            `subnet_k` alone.
        keep_names: Boolean. Whether the tensors inside keep the names of the
            layers that made them, to look at the file with other tools, at
            some 80 bytes for each tensor of each signature.

    Raises:
        ValueError: If an argument does not fit the model, or LiteRT cannot run
            it in integers.
    """
    path = user_path(path)
    if path.suffix != ".tflite":
        raise ValueError(
            f"A LiteRT file ends in '.tflite'. Received: path={str(path)!r}"
        )
    check_anytime_model(model)
    check_size(model)
    quantization_lib.check_variant(quantization, representative)
    class_names, preprocessing = described(model, class_names, preprocessing)
    pixels = pixel_input(model, pixels, preprocessing)
    if not subnets and (dense_subnets or not model.interruptible):
        raise ValueError(
            "Without subnetworks a file has steps only, and `dense_subnets` no "
            f"effect. Received: subnets={subnets}, "
            f"dense_subnets={dense_subnets}, for a network that has "
            f"{'steps' if model.interruptible else 'no steps'}"
        )
    images = None
    if quantization in quantization_lib.CALIBRATED:
        images = calibration_images(
            representative, model, preprocessing, pixels
        )
    if quantization == "int8_qat":
        # It brings tf_keras and tfmot.
        from keras_anytime.export.compression import quantization_aware

        model = quantization_aware(model, representative)
    named = programs_lib.programs(
        model, zero_filled=False, stages=stages, pixels=pixels
    )
    if not subnets:
        named = {
            name: one for name, one in named.items() if name.startswith("step_")
        }
    if dense_subnets:
        named = {
            name: dense_slices(one) if name.startswith("subnet_") else one
            for name, one in named.items()
        }
    manifest = programs_lib.describe(
        "tflite",
        model,
        stages,
        named,
        batch_size,
        curve,
        class_names,
        preprocessing,
        thresholds,
        pixels,
        quantization,
    )
    manifest.to_json()  # What cannot be written fails before anything is.
    with tempfile.TemporaryDirectory() as folder:
        programs_lib.write_saved_model(named, folder, batch_size)
        content = fuse_normalizations(convert(folder, list(named)))
    if quantization is not None:
        content = quantization_lib.quantized(content, quantization, images)
    content = compact(content, keep_names)
    if images is not None:
        check_runs(content, quantization)
    manifest = dataclasses.replace(
        manifest,
        signatures=_as_in_file(content, manifest.signatures),
        resizable=resizable(content),
    )
    replace_file(path, content, manifest)


def replace_file(path, content, manifest):
    """Writes a file and its manifest; neither is ever without the other.

    Several exports to one place take turns; that of the last one stays.

    Args:
        path: `pathlib.Path` of the file.
        content: Bytes of the file.
        manifest: Its `Manifest`, whose checksum is not filled in yet.
    """

    def write(beside):
        beside.write_bytes(content)
        whole = dataclasses.replace(manifest, sha256=checksum(beside))
        settle(path)
        write_text(pending_path(path), whole.to_json())

    check_writable(path)
    with lock_folder(path.parent):
        atomic_write(path, write)
        pending_path(path).replace(manifest_path(path))


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


def _as_in_file(content, signatures):
    """Returns the signatures with the types and scales of a file."""
    interpreter = Interpreter(model_content=content)

    def described(specs, details):
        for spec in specs:
            found = details[spec.name]
            scale, zero_point = found["quantization"]
            yield TensorSpec(
                spec.name,
                spec.shape,
                np.dtype(found["dtype"]).name,
                {"scale": float(scale), "zero_point": int(zero_point)}
                if scale
                else None,
            )

    return {
        name: Signature(
            tuple(described(one.inputs, runner.get_input_details())),
            tuple(described(one.outputs, runner.get_output_details())),
        )
        for name, one in signatures.items()
        for runner in [interpreter.get_signature_runner(name)]
    }
