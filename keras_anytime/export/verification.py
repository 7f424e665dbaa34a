"""Measuring exported files against the model that they were made of."""

import contextlib
import dataclasses
import pathlib
import shutil
import tempfile
from collections.abc import Mapping
from collections.abc import Sequence

import keras
import numpy as np

from keras_anytime.evaluation import Predictions
from keras_anytime.export import tflite
from keras_anytime.export.preparation import as_pixels
from keras_anytime.export.representative import check_prepared
from keras_anytime.files import lock_folder
from keras_anytime.files import user_path
from keras_anytime.files import write_text
from keras_anytime.manifest.manifest import manifest_path
from keras_anytime.manifest.manifest import matching_manifest
from keras_anytime.manifest.manifest import pending_path
from keras_anytime.manifest.manifest import settle
from keras_anytime.runtime import AnytimePredictor
from keras_anytime.stages.checks import check_anytime_model


@dataclasses.dataclass(frozen=True)
class Verified:
    """What an exported file answers, beside its model.

    Args:
        variant: String, `"float32"` or the quantization.
        stages: Tuple of integers, the stages of the file.
        top1_errors: Tuple of floats in [0, 1], those of the file.
        model_top1_errors: Tuple of floats in [0, 1], those of the model on the
            same images.
        agreement: Tuple of floats in [0, 1], the shares of images to which
            both give the same class.
        examples: Integer. Images that were measured.
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
    def lost_points(self) -> tuple[float, ...]:
        """Percentage points by which each stage errs more than the model."""
        return tuple(
            100 * (mine - other)
            for mine, other in zip(
                self.top1_errors, self.model_top1_errors, strict=True
            )
        )


def verify(path, model, data) -> Verified:
    """Runs an exported file on images and writes its errors in its manifest.

    Args:
        path: An exported file, of all or some stages of the model.
        model: The `AnytimeModel` that it was made of.
        data: Pair of prepared images and labels, or a `tf.data.Dataset` of
            such batches; of label sets the first counts. A file that takes
            pixels is given those that the images were made of.

    Returns:
        A `Verified`.

    Raises:
        ValueError: If the file cannot be opened, the data do not fit it, or
            it is replaced in the meantime.
    """
    check_anytime_model(model)
    images, labels = _arrays(data)
    if isinstance(labels, Mapping):
        labels = labels[model.label_sets[0]]
    with AnytimePredictor(path) as predictor:
        manifest = predictor.manifest
        numbers = tuple(stage.stage for stage in manifest.stages)
        pixels = manifest.pixels
        check_prepared(images, model, pixels or manifest.preprocessing, "data")
        fed = images if pixels is None else as_pixels(images, pixels)
        logits = np.array(
            [
                [_of_first_set(one.logits) for one in predictor.stream(image)]
                for image in fed
            ]
        ).swapaxes(0, 1)
    outputs = keras.tree.flatten(model.predict(images, verbose=0))
    outputs = outputs[:: len(model.label_sets) or 1]
    of_model = np.stack([outputs[k - 1] for k in numbers])
    verified = Verified(
        variant=manifest.quantization or "float32",
        stages=numbers,
        top1_errors=_errors(logits, labels),
        model_top1_errors=_errors(of_model, labels),
        agreement=_shares(logits.argmax(-1) == of_model.argmax(-1)),
        examples=len(images),
        size=_size(user_path(path)),
    )
    _write_in_manifest(path, manifest, verified)
    return verified


def export_verified(
    model,
    paths: Mapping[str, str],
    data,
    *,
    representative=None,
    max_accuracy_drop: float | None = None,
    **arguments,
) -> list[Verified]:
    """Exports variants of a network, and keeps them only if they are good.

    All are written and measured elsewhere first. Only if no stage of any
    variant loses more than it may are they moved in place.

    Args:
        model: An `AnytimeModel`.
        paths: Dict from variants, `"float32"` or a `quantization` of
            `export.tflite`, to the `.tflite` files to write.
        data: What to measure on, as for `verify`.
        representative: As for `export.tflite`; other images than those of
            `data`.
        max_accuracy_drop: Percentage points that each stage may err more than
            the model, or `None` for any number.
        **arguments: Further arguments of `export.tflite`.

    Returns:
        List of a `Verified` for each variant.

    Raises:
        ValueError: If an argument does not fit the model.
        AccuracyLoss: If a stage loses too much; nothing is written then.
    """
    check_anytime_model(model)
    with contextlib.ExitStack() as rooms:
        written = {}
        results = []
        for variant, path in paths.items():
            path = user_path(path)
            path.parent.mkdir(parents=True, exist_ok=True)
            room = tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent)
            rooms.callback(shutil.rmtree, room, ignore_errors=True)
            written[path] = pathlib.Path(room) / path.name
            tflite(
                model,
                written[path],
                None if variant == "float32" else variant,
                representative,
                **arguments,
            )
            results.append(verify(written[path], model, data))
        problems = [
            f"stage {stage} of {result.variant} loses {lost:.1f}"
            for result in results
            for stage, lost in zip(
                result.stages, result.lost_points, strict=True
            )
            if max_accuracy_drop is not None and lost > max_accuracy_drop
        ]
        if problems:
            raise AccuracyLoss(
                f"No stage may lose more than {max_accuracy_drop} points on "
                f"{results[0].examples} images; nothing was written. "
                f"Received: {'; '.join(problems)}",
                results,
            )
        for path, made in written.items():
            # The manifest first, where it waits: see `pending_path`.
            with lock_folder(path.parent):
                settle(path)
                manifest_path(made).replace(pending_path(path))
                made.replace(path)
                pending_path(path).replace(manifest_path(path))
    return results


class AccuracyLoss(ValueError):
    """An exported file errs more than it may.

    Args:
        message: String.
        results: List of `Verified`, what was measured.
    """

    def __init__(self, message, results):
        super().__init__(message)
        self.results = results


def verification_table(results: Sequence[Verified]) -> str:
    """Returns a text table of variants: size, error, loss and agreement.

    Args:
        results: As from `export_verified`.
    """
    first = results[0]
    rows = [
        ["", "size"]
        + [f"stage {stage}: error, points lost, same" for stage in first.stages]
    ]
    for result in results:
        cells = zip(
            result.top1_errors,
            result.lost_points,
            result.agreement,
            strict=True,
        )
        rows.append(
            [result.variant, f"{result.size / 1e3:.0f} kB"]
            + [
                f"{error:.1%} {lost:+.1f} {same:.1%}"
                for error, lost, same in cells
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


def _arrays(data):
    """Returns images and labels as arrays."""
    if isinstance(data, (tuple, list)) and len(data) == 2:
        images, labels = data
        return np.asarray(images), labels
    batches = [batch[:2] for batch in data]
    if not batches:
        raise ValueError("There is nothing to measure on: `data` is empty.")
    images = np.concatenate([np.asarray(batch[0]) for batch in batches])
    labels = [batch[1] for batch in batches]
    if isinstance(labels[0], Mapping):
        return images, {
            name: np.concatenate([np.asarray(label[name]) for label in labels])
            for name in labels[0]
        }
    return images, np.concatenate([np.asarray(label) for label in labels])


def _of_first_set(logits):
    return next(iter(logits.values())) if isinstance(logits, dict) else logits


def _errors(logits, labels):
    """Returns top-1 errors; a tie, as of quantized logits, is one."""
    correct = Predictions.from_logits(logits, labels).correct
    return tuple((1 - correct.mean(axis=0)).tolist())


def _shares(marks):
    return tuple(float(share) for share in marks.mean(axis=1))


def _size(path):
    if path.is_dir():
        return sum(one.stat().st_size for one in path.rglob("*"))
    return path.stat().st_size


def _write_in_manifest(path, manifest, verified):
    stages = tuple(
        dataclasses.replace(stage, top1_error=error)
        for stage, error in zip(
            manifest.stages, verified.top1_errors, strict=True
        )
    )
    record = {
        "examples": verified.examples,
        "model_top1_errors": list(verified.model_top1_errors),
        "agreement": list(verified.agreement),
    }
    changed = dataclasses.replace(manifest, stages=stages, verified=record)
    path = user_path(path)
    with lock_folder(path.parent):
        found = matching_manifest(path)
        if found is None or found.sha256 != manifest.sha256:
            raise ValueError(
                "The file was replaced while it was measured: measure it "
                f"again. Received: path={str(path)!r}"
            )
        write_text(manifest_path(path), changed.to_json())
