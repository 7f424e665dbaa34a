"""Exports an anytime network as one SavedModel."""

import dataclasses
import os
import pathlib
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import keras

from keras_anytime.evaluation.curve import AnytimeCurve
from keras_anytime.evaluation.risk_control import RiskControl
from keras_anytime.export.exported_network import ExportedNetwork
from keras_anytime.export.programs import write_saved_model
from keras_anytime.files import atomic_write
from keras_anytime.files import user_path
from keras_anytime.manifest.manifest import ManifestError
from keras_anytime.manifest.paths import checksum
from keras_anytime.manifest.paths import manifest_path
from keras_anytime.manifest.reading import read_manifest
from keras_anytime.progress import counted
from keras_anytime.progress import progress


def saved_model(
    model: keras.Model,
    folder: str | os.PathLike,
    *,
    curve: AnytimeCurve | None = None,
    batch_size: int | None = None,
    class_names: Sequence[str] | Mapping[str, Sequence[str]] | None = None,
    preprocessing: Mapping[str, Any] | None = None,
    thresholds: Sequence[float] | None = None,
    temperatures: Sequence[float] | None = None,
    product_answers: bool = False,
    risk: RiskControl | None = None,
    stages: Sequence[int] | None = None,
    pixels: bool | tuple[int, int] = False,
    verbose: bool = True,
) -> None:
    """Writes a SavedModel whose signatures run the network stage by stage.

    Signature `step_k` computes what stage k adds: it takes the input and
    features of earlier steps, and returns `logits` and new features. Signature
    `subnet_k` computes stage k alone: it takes the input and returns `logits`.
    A single input is called `image`, whatever it is; several go by the names of
    their layers. A network that is not `interruptible` has subnetworks only.
    With label sets, the outputs are `logits_<label set>`. All signatures share
    one set of variables. `manifest.json` inside the folder describes them.

    ```python
    ka.export.saved_model(model, "run/saved_model")
    predictor = ka.runtime.AnytimePredictor("run/saved_model")
    print(predictor.predict(image).stage)
    ```

    Args:
        model: An `AnytimeModel`.
        folder: String or path. The folder is complete before it is moved in
            place, and replaces an earlier export.
        curve: The model's `AnytimeCurve`, whose errors the manifest records.
            With several label sets it is the curve of the first.
        batch_size: Integer, or `None` for batches of any size.
        class_names: As in `export.tflite`.
        preprocessing: As in `export.tflite`.
        thresholds: As in `export.tflite`.
        temperatures: As in `export.tflite`.
        product_answers: As in `export.tflite`.
        risk: As in `export.tflite`.
        stages: Sequence of integers, the stages to export, or `None` for all.
            They keep their numbers.
        pixels: As in `export.tflite`.
        verbose: Boolean. Whether a line on the standard error says what is done
            and how long it took.

    Raises:
        ValueError: If an argument does not match the model, or the folder
            holds something other than an earlier export.
        FloatingPointError: If a variable of the model is not finite.
    """
    folder = user_path(folder)
    if folder.exists() and not _is_replaceable(folder):
        raise ValueError(
            "An export replaces an earlier export or an empty folder only. "
            f"Received: folder={str(folder)!r}, which holds something else"
        )
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
    )

    def write(beside):
        manifest = network.manifest("saved_model")
        write_saved_model(network.programs, beside, batch_size)
        complete = dataclasses.replace(manifest, sha256=checksum(beside))
        manifest_path(beside).write_text(complete.to_json())

    stages_text = counted(len(network.stages), "stage")
    with progress(f"Exporting {stages_text} to {folder.name}", verbose):
        atomic_write(folder, write)


def _is_replaceable(folder: pathlib.Path) -> bool:
    """Returns whether a folder is empty or holds an unchanged export."""
    if not folder.is_dir():
        return False
    if not any(folder.iterdir()):
        return True
    try:
        return read_manifest(folder).sha256 == checksum(folder)
    except ManifestError:
        return False
