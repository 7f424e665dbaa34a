"""Exports an anytime network as one LiteRT (TFLite) file."""

import dataclasses
import os
import tempfile
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

from keras_anytime.evaluation.curve import AnytimeCurve
from keras_anytime.evaluation.risk_control import RiskControl
from keras_anytime.export import quantization as quantization_lib
from keras_anytime.export.batch_resizing import is_resizable
from keras_anytime.export.exported_network import ExportedNetwork
from keras_anytime.export.file_replacement import replace_file
from keras_anytime.export.flatbuffer import compact
from keras_anytime.export.fusion import fuse_normalizations
from keras_anytime.export.programs import without_notices
from keras_anytime.export.programs import write_saved_model
from keras_anytime.export.representative import calibration_inputs
from keras_anytime.export.smoke_test import smoke_test
from keras_anytime.files import user_path
from keras_anytime.manifest.manifest import Signature
from keras_anytime.manifest.manifest import TensorSpec
from keras_anytime.progress import counted
from keras_anytime.progress import progress


def tflite(
    model: keras.Model,
    path: str | os.PathLike,
    quantization: str | None = None,
    representative: Any = None,
    stages: Sequence[int] | None = None,
    *,
    curve: AnytimeCurve | None = None,
    batch_size: int | None = 1,
    class_names: Sequence[str] | Mapping[str, Sequence[str]] | None = None,
    preprocessing: Mapping[str, Any] | None = None,
    thresholds: Sequence[float] | None = None,
    temperatures: Sequence[float] | None = None,
    product_answers: bool = False,
    risk: RiskControl | None = None,
    pixels: bool | tuple[int, int] = False,
    subnets: bool = True,
    dense_subnets: bool = False,
    keep_names: bool = False,
    verbose: bool = True,
) -> None:
    """Writes one `.tflite` file that runs the network stage by stage.

    The file has the signatures of `export.saved_model` and stores each weight
    once. The manifest is written beside it, as `<path>.json`.

    Features pass from step to step in the type of the variant: int8 features
    leave one step and enter the next without conversion. Inputs of floats and
    logits have that type too. The manifest records their scales, and
    `AnytimePredictor` takes and returns floats. Inputs of integers, such as
    tokens, keep their type. Values outside of the range that calibration has
    seen are clipped to its ends.

    ```python
    ka.export.tflite(model, "run/first_stages.tflite", stages=[1, 2])
    predictor = ka.runtime.AnytimePredictor("run/first_stages.tflite")
    print(predictor.predict(image).stage)
    ```

    Args:
        model: An `AnytimeModel`.
        path: String or path that ends in `.tflite`. File and manifest replace
            earlier ones only when both are complete.
        quantization: `None` for float32; `"float16"` for weights in 16 bits;
            `"dynamic"` and `"int4"` for weights in 8 and 4 bits with
            activations in floats; `"int8"` for everything in 8 bits;
            `"int16x8"` for weights in 8 and activations in 16 bits;
            `"int8_qat"` for `"int8"` after one pass of
            `export.quantization_aware` over `representative`, which does not
            change the model itself.
        representative: Prepared examples on which the ranges of the last three
            variants are measured; the first 200 are used. A file that takes
            pixels may be given uint8 pixels. An array (of several inputs a
            dict by name, or a tuple in their order), a pair of examples and
            labels, a `tf.data.Dataset` or `keras.utils.PyDataset`, a
            generator, or a function that returns one of these, with batches
            or single examples, with or without labels. `"int8_qat"` needs
            examples with labels, as `export.quantization_aware` does.
        stages: Sequence of integers, the stages to export, or `None` for all.
            They keep their numbers.
        curve: The model's `AnytimeCurve`, whose errors the manifest records.
            With several label sets it is the curve of the first. It is that of
            product answers if the file has them; of `stages` that are not the
            first ones, these have no curve.
        batch_size: Integer, or `None` for a file that declares batches of any
            size, which makes small files up to 3% larger. A file of a fixed
            size takes others too: the predictor resizes it, or runs examples
            in batches of that size if an operator does not allow resizing,
            such as one that flattens.
        class_names: Sequence of strings in the order of the logits; for label
            sets a dict from them to such sequences. A binary answer has one
            name, or two for no and yes; a regression has none. `None` stands
            for the names of the data set of `ka.data` on which the model was
            trained last, if there is one.
        preprocessing: Dict with `scale`, `mean` and `std`, such as
            `ka.data.info(name).preprocessing`: the network's only input of
            images is `(pixel / scale - mean) / std`. `None` as for
            `class_names`. A network whose own layers normalize pixels, as some
            of `keras.applications`, takes them as they are: `None` is right.
        thresholds: K - 1 floats in [0, 1], such as those from
            `ka.evaluation.confidence_thresholds`. A device that decides by
            confidence stops at the first stage whose confidence is above its
            threshold. With several label sets, the confidence in the first one
            decides. A regression has no confidence.
        temperatures: K positive floats, such as those from
            `ka.evaluation.fit_temperatures`. Confidences on the device are
            those of the logits divided by them; choose thresholds on logits
            that are divided, too. With several label sets, they are those of
            the first. The logits of answers stay as they are.
        product_answers: Boolean. Whether the device's probabilities and
            confidences are those of product answers; see
            `ka.evaluation.Predictions.product`, and choose `thresholds` and
            measure the `curve` on these. Each answer must be the choice of one
            class. The logits of answers stay as they are.
        risk: The `ka.evaluation.RiskControl` of `thresholds`, whose `record`
            informs people who read the manifest. Thresholds, temperatures,
            stages and product answers must be those that it was chosen with.
            A quantized file has other confidences: control its risk on its own
            answers, see `ka.evaluation.risk_controlled_thresholds`.
        pixels: Boolean, or `(height, width)`. Whether the file takes uint8
            pixels, of the network's or of that size, for its only input of
            images, and resizes (bilinearly) and normalizes them itself.
        subnets: Boolean. Whether the file has the signatures `subnet_k`
            besides the steps. LiteRT copies the weights in memory once for
            each signature of the file, also for those that never run. If a
            device only runs steps, a file without `subnet_k` takes less than
            60% of that memory.
        dense_subnets: Boolean. Whether each layer of `subnet_k` is one dense
            convolution, which is zero where a slice would read a later stage,
            instead of one convolution per slice. That is faster for narrow
            networks and slower for wide ones: on a CPU it takes 0.65 times as
            long with (16, 32, 64) filters and 1.1 times with (32, 64, 128).
            The file then stores the weights once more, for `subnet_k` alone.
        keep_names: Boolean. Whether tensors keep the names of the layers that
            computed them, for inspection with other tools. Each tensor of each
            signature then takes some 80 bytes more.
        verbose: Boolean. Whether a line on the standard error says what is done
            and how long it took.

    Raises:
        ValueError: If an argument does not match the model, or LiteRT cannot
            run the network in integers.
        FloatingPointError: If a variable of the model is not finite.
    """
    path = user_path(path)
    if path.suffix != ".tflite":
        raise ValueError(
            f"A LiteRT file ends in '.tflite'. Received: path={str(path)!r}"
        )
    quantization_lib.check_variant(quantization, representative)
    network = ExportedNetwork(
        model,
        stages=stages,
        batch_size=batch_size,
        curve=curve,
        class_names=class_names,
        preprocessing=preprocessing,
        thresholds=thresholds,
        temperatures=temperatures,
        product_answers=product_answers,
        risk=risk,
        pixels=pixels,
        subnets=subnets,
        dense_subnets=dense_subnets,
        dense_kernels=False,
    )
    examples = None
    if quantization in quantization_lib.CALIBRATED:
        examples = calibration_inputs(
            representative, model, network.preprocessing, network.pixels
        )
    if quantization == "int8_qat":
        # This imports tf_keras and tfmot, which other variants do not need.
        from keras_anytime.export.quantization_training import (
            quantization_aware,
        )

        trained = quantization_aware(model, representative, verbose=verbose)
        network = network.with_weights_of(trained)
    stages_text = counted(len(network.stages), "stage")
    with progress(f"Exporting {stages_text} to {path.name}", verbose):
        manifest = network.manifest("tflite", quantization)
        # If the manifest cannot be written, this fails before the conversion.
        manifest.to_json()
        with tempfile.TemporaryDirectory() as folder:
            write_saved_model(network.programs, folder, batch_size)
            content = convert(folder, list(network.programs))
        content = fuse_normalizations(content)
        if quantization is not None:
            content = quantization_lib.quantize(content, quantization, examples)
        content = compact(content, keep_names)
        if examples is not None:
            smoke_test(content, str(quantization))
        manifest = dataclasses.replace(
            manifest,
            signatures=_signatures_in_file(content, manifest.signatures),
            resizable=is_resizable(content),
        )
        replace_file(path, content, manifest)


def convert(folder: str | os.PathLike, signatures: Sequence[str]) -> bytes:
    """Converts signatures of a SavedModel to a LiteRT file.

    Args:
        folder: Path of the SavedModel.
        signatures: Sequence of strings, the signatures to convert.

    Returns:
        Bytes of the file.
    """
    converter = tf.lite.TFLiteConverter.from_saved_model(
        str(folder), signature_keys=list(signatures)
    )
    with without_notices():
        return converter.convert()


def _signatures_in_file(
    content: bytes, signatures: Mapping[str, Signature]
) -> dict[str, Signature]:
    """Returns signatures with the types and scales that a file has."""
    interpreter = Interpreter(model_content=content)
    runners = {
        name: interpreter.get_signature_runner(name) for name in signatures
    }
    return {
        name: Signature(
            tuple(_specs(signature.inputs, runners[name].get_input_details())),
            tuple(
                _specs(signature.outputs, runners[name].get_output_details())
            ),
        )
        for name, signature in signatures.items()
    }


def _specs(
    specs: Sequence[TensorSpec], details: Mapping[str, Any]
) -> Iterator[TensorSpec]:
    for spec in specs:
        scale, zero_point = details[spec.name]["quantization"]
        yield dataclasses.replace(
            spec,
            dtype=np.dtype(details[spec.name]["dtype"]).name,
            quantization={"scale": float(scale), "zero_point": int(zero_point)}
            if scale
            else None,
        )
