"""Exports an anytime network as one SavedModel."""

import dataclasses
import os
import pathlib
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import keras

from keras_anytime.evaluation.curve import AnytimeCurve
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
    stages: Sequence[int] | None = None,
    pixels: bool | tuple[int, int] = False,
    verbose: bool = True,
) -> None:
    """Writes a SavedModel whose signatures run the network stage by stage.

    Signature `step_k` computes what stage k adds: it takes the image and
    features of earlier steps, and returns `logits` and new features. Signature
    `subnet_k` computes stage k alone: it takes the image and returns `logits`.
    A network that is not `interruptible` has subnetworks only. With label
    sets, the outputs are `logits_<label set>`. All signatures share one set of
    variables. `manifest.json` inside the folder describes them.

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
        class_names: Sequence of strings in the order of the logits; for label
            sets a dict from them to such sequences. `None` stands for the
            names of the data set of `ka.data` on which the model was trained
            last, if there is one.
        preprocessing: Dict with `scale`, `mean` and `std`, such as
            `ka.data.info(name).preprocessing`: the network's input is
            `(pixel / scale - mean) / std`. `None` as for `class_names`.
        thresholds: K - 1 floats in [0, 1], such as those from
            `ka.evaluation.confidence_thresholds`. A device that decides by
            confidence stops at the first stage whose confidence is above its
            threshold.
        stages: Sequence of integers, the stages to export, or `None` for all.
            They keep their numbers.
        pixels: Boolean, or `(height, width)`. Whether the export takes uint8
            pixels, of the network's or of that size, as its `image`, and
            resizes (bilinearly) and normalizes them itself.
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
