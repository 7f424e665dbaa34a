"""Compares an exported file with the model from which it was made."""

import dataclasses
import os
import pathlib
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from keras_anytime.evaluation.predictions import Predictions
from keras_anytime.export.preprocessing import to_pixels
from keras_anytime.export.representative import check_prepared
from keras_anytime.files import lock_folder
from keras_anytime.files import user_path
from keras_anytime.files import write_text
from keras_anytime.manifest.manifest import Manifest
from keras_anytime.manifest.paths import manifest_path
from keras_anytime.manifest.reading import matching_manifest
from keras_anytime.progress import counted
from keras_anytime.progress import progress
from keras_anytime.runtime import AnytimePredictor
from keras_anytime.stages.checks import check_anytime_model


@dataclasses.dataclass(frozen=True)
class VerificationResult:
    """Errors of an exported file and of its model on the same images.

    Args:
        variant: String, `"float32"` or the quantization.
        stages: Tuple of integers, the stages of the file.
        top1_errors: Tuple of floats in [0, 1], the errors of the file.
        model_top1_errors: Tuple of floats in [0, 1], the errors of the model.
        agreement: Tuple of floats in [0, 1], the shares of images for which
            file and model choose the same class.
        examples: Integer. Number of images.
        size: Integer, the file's bytes.
    """

    variant: str
    stages: tuple[int, ...]
    top1_errors: tuple[float, ...]
    model_top1_errors: tuple[float, ...]
    agreement: tuple[float, ...]
    examples: int
    size: int

    @property
    def accuracy_drop(self) -> tuple[float, ...]:
        """Percentage points of accuracy that each stage loses in the file."""
        return tuple(
            100 * (of_file - of_model)
            for of_file, of_model in zip(
                self.top1_errors, self.model_top1_errors, strict=True
            )
        )


def verify(
    path: str | os.PathLike,
    model: keras.Model,
    data: Any,
    *,
    verbose: bool = True,
) -> VerificationResult:
    """Runs an exported file on images and writes its errors in its manifest.

    ```python
    result = ka.export.verify("run/anytime.tflite", model, (images, labels))
    print(result.top1_errors, result.agreement)
    ```

    Args:
        path: An exported file, of all or some stages of the model.
        model: The `AnytimeModel` that was exported.
        data: Pair of prepared images and labels, or a `tf.data.Dataset` of
            such batches. With label sets the first one is measured. A file
            that takes pixels is given the pixels of these images.
        verbose: Boolean. Whether a line on the standard error says what is done
            and how long it took.

    Returns:
        A `VerificationResult`.

    Raises:
        ValueError: If the file cannot be opened, the data do not match it, or
            it is replaced during the measurement.
    """
    check_anytime_model(model)
    images, labels = _arrays(data)
    if isinstance(labels, Mapping):
        labels = labels[model.label_sets[0]]
    name = user_path(path).name
    text = f"Verifying {name} on {counted(len(images), 'example')}"
    with progress(text, verbose):
        with AnytimePredictor(path) as predictor:
            manifest = predictor.manifest
            check_prepared(
                images, model, manifest.pixels or manifest.preprocessing, "data"
            )
            inputs = images
            if manifest.pixels is not None:
                inputs = to_pixels(images, manifest.pixels)
            logits = np.array(
                [
                    [
                        _of_first_label_set(result.logits)
                        for result in predictor.stream(single)
                    ]
                    for single in inputs
                ]
            ).swapaxes(0, 1)
        stages = tuple(stage.stage for stage in manifest.stages)
        outputs = keras.tree.flatten(model.predict(images, verbose=0))
        outputs = outputs[:: len(model.label_sets) or 1]
        model_logits = np.stack([outputs[stage - 1] for stage in stages])
        same_class = logits.argmax(-1) == model_logits.argmax(-1)
        result = VerificationResult(
            variant=manifest.quantization or "float32",
            stages=stages,
            top1_errors=_top1_errors(logits, labels),
            model_top1_errors=_top1_errors(model_logits, labels),
            agreement=tuple(same_class.mean(axis=1).tolist()),
            examples=len(images),
            size=_size(user_path(path)),
        )
    _write_in_manifest(user_path(path), manifest, result)
    return result


def verification_table(results: Sequence[VerificationResult]) -> str:
    """Returns a text table of sizes, errors, accuracy drops and agreement.

    ```python
    result = ka.export.verify("run/anytime.tflite", model, (images, labels))
    print(ka.export.verification_table([result]))
    ```

    Args:
        results: Sequence of `VerificationResult`, one for each row.
    """
    rows = [
        ["", "size"]
        + [
            f"stage {stage}: error, points lost, same"
            for stage in results[0].stages
        ]
    ]
    for result in results:
        cells = zip(
            result.top1_errors,
            result.accuracy_drop,
            result.agreement,
            strict=True,
        )
        rows.append(
            [result.variant, f"{result.size / 1e3:.0f} kB"]
            + [
                f"{error:.1%} {drop:+.1f} {same:.1%}"
                for error, drop, same in cells
            ]
        )
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(
            cell.ljust(width) for cell, width in zip(row, widths, strict=True)
        ).rstrip()
        for row in rows
    ]
    return "\n".join(lines)


def _arrays(data: Any) -> tuple[np.ndarray, Any]:
    """Returns images and labels as arrays."""
    if isinstance(data, (tuple, list)) and len(data) == 2:
        images, labels = data
        return np.asarray(images), labels
    batches = [batch[:2] for batch in data]
    if not batches:
        raise ValueError("There is nothing to measure. Received: empty `data`")
    images = np.concatenate([np.asarray(batch[0]) for batch in batches])
    labels = [batch[1] for batch in batches]
    if isinstance(labels[0], Mapping):
        return images, {
            name: np.concatenate([np.asarray(label[name]) for label in labels])
            for name in labels[0]
        }
    return images, np.concatenate([np.asarray(label) for label in labels])


def _of_first_label_set(logits: Any) -> np.ndarray:
    return next(iter(logits.values())) if isinstance(logits, dict) else logits


def _top1_errors(logits: np.ndarray, labels: Any) -> tuple[float, ...]:
    """Returns top-1 errors; a tie, as of quantized logits, is an error."""
    correct = Predictions.from_logits(logits, labels).correct
    return tuple((1 - correct.mean(axis=0)).tolist())


def _size(path: pathlib.Path) -> int:
    if path.is_dir():
        return sum(entry.stat().st_size for entry in path.rglob("*"))
    return path.stat().st_size


def _write_in_manifest(
    path: pathlib.Path, manifest: Manifest, result: VerificationResult
) -> None:
    stages = tuple(
        dataclasses.replace(stage, top1_error=error)
        for stage, error in zip(
            manifest.stages, result.top1_errors, strict=True
        )
    )
    record = {
        "examples": result.examples,
        "model_top1_errors": list(result.model_top1_errors),
        "agreement": list(result.agreement),
    }
    changed = dataclasses.replace(manifest, stages=stages, verified=record)
    with lock_folder(path.parent):
        current = matching_manifest(path)
        if current is None or current.sha256 != manifest.sha256:
            raise ValueError(
                "The file was replaced while it was measured: measure it "
                f"again. Received: path={str(path)!r}"
            )
        write_text(manifest_path(path), changed.to_json())
