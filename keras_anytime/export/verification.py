"""Compares an exported file with the model from which it was made."""

import dataclasses
import os
import pathlib
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from keras_anytime.confidence import product_answers
from keras_anytime.evaluation.metrics import mean_iou
from keras_anytime.evaluation.reduction import plain_labels
from keras_anytime.export.preprocessing import to_pixels
from keras_anytime.export.representative import check_prepared
from keras_anytime.export.safe_names import safe_inputs
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
from keras_anytime.stages.named_inputs import named_inputs
from keras_anytime.tasks import Segmentation
from keras_anytime.tasks import Task


@dataclasses.dataclass(frozen=True)
class VerificationResult:
    """Errors of an exported file and of its model on the same examples.

    Args:
        variant: String, `"float32"` or the quantization.
        stages: Tuple of integers, the stages of the file.
        errors: Tuple of floats, the mean errors of the file: of the choice of
            one class top-1 errors, otherwise those of the task.
        model_errors: Tuple of floats, the mean errors of the model.
        agreement: Tuple of floats in [0, 1], the shares of answers that file
            and model have in common: of classes, of labels for several of yes
            and no, or of positions. `None` for a regression.
        differences: Tuple of floats, the mean absolute differences of the
            outputs of file and model, in the labels' units for a regression.
        examples: Integer. Number of examples.
        size: Integer, the file's bytes.
        task: String, the name of the task.
        mious: Tuple of floats in [0, 1], the mean intersections over unions of
            the file (`None` where no position counts); `None` unless it is a
            segmentation.
    """

    variant: str
    stages: tuple[int, ...]
    errors: tuple[float, ...]
    model_errors: tuple[float, ...]
    agreement: tuple[float, ...] | None
    differences: tuple[float, ...]
    examples: int
    size: int
    task: str = "classification"
    mious: tuple[float | None, ...] | None = None

    @property
    def top1_errors(self) -> tuple[float, ...] | None:
        """The errors of the file if they are top-1 errors, or `None`."""
        return self.errors if self.task == "classification" else None

    @property
    def model_top1_errors(self) -> tuple[float, ...] | None:
        """The errors of the model if they are top-1 errors, or `None`."""
        return self.model_errors if self.task == "classification" else None

    @property
    def accuracy_drop(self) -> tuple[float, ...]:
        """Percentage points of accuracy that each stage loses in the file.

        Raises:
            ValueError: If the answers are numbers, which have no accuracy.
        """
        if self.task == "regression":
            raise ValueError(
                "A regression has errors in the labels' units and no accuracy: "
                "compare `errors` with `model_errors`. "
                f"Received: task={self.task!r}"
            )
        return tuple(
            100 * (of_file - of_model)
            for of_file, of_model in zip(
                self.errors, self.model_errors, strict=True
            )
        )


def verify(
    path: str | os.PathLike,
    model: keras.Model,
    data: Any,
    *,
    verbose: bool = True,
) -> VerificationResult:
    """Runs an exported file on examples and writes its errors in its manifest.

    ```python
    result = ka.export.verify("run/anytime.tflite", model, (images, labels))
    print(result.errors, result.agreement)
    ```

    Args:
        path: An exported file, of all or some stages of the model.
        model: The `AnytimeModel` that was exported.
        data: Pair of prepared examples and labels, or a `tf.data.Dataset` of
            such batches. Examples of several inputs are a dict by name, or a
            tuple in their order. With label sets the first one is measured. A
            file that takes pixels is given the pixels of the images.
        verbose: Boolean. Whether a line on the standard error says what is done
            and how long it took.

    Returns:
        A `VerificationResult`.

    Raises:
        ValueError: If the file cannot be opened, the data do not match it, or
            it is replaced during the measurement.
    """
    check_anytime_model(model)
    examples, labels = _arrays(data, model)
    if isinstance(labels, Mapping):
        labels = labels[model.label_sets[0]]
    labels = np.asarray(labels)
    task = next(iter(model.tasks.values()))
    count = len(next(iter(examples.values())))
    if not count:
        raise ValueError("There is nothing to measure. Received: empty `data`")
    shape = (count, *model.outputs[0].shape[1:])
    labels = plain_labels(task, labels, shape)
    task.check_labels(labels, shape)
    text = f"Verifying {user_path(path).name} on {counted(count, 'example')}"
    with progress(text, verbose):
        with AnytimePredictor(path) as predictor:
            manifest = predictor.manifest
            check_prepared(
                examples,
                model,
                manifest.pixels or manifest.preprocessing,
                "data",
            )
            outputs = _file_outputs(
                predictor, _inputs_of_file(examples, model, manifest)
            )
        if not np.isfinite(outputs).all():
            raise ValueError(
                "The file answers with numbers that are not finite, which have "
                f"no error. Received: path={str(path)!r}"
            )
        stages = tuple(stage.stage for stage in manifest.stages)
        fed = examples if len(examples) > 1 else next(iter(examples.values()))
        of_model = keras.tree.flatten(model.predict(fed, verbose=0))
        of_model = of_model[:: len(model.label_sets) or 1]
        model_outputs = np.stack([of_model[stage - 1] for stage in stages])
        answers, model_answers = outputs, model_outputs
        if manifest.product_answers:
            answers, model_answers = map(
                product_answers, (outputs, model_outputs)
            )
        result = VerificationResult(
            variant=manifest.quantization or "float32",
            stages=stages,
            errors=_errors(task, answers, labels),
            model_errors=_errors(task, model_answers, labels),
            agreement=_agreement(task, answers, model_answers),
            differences=_means(np.abs(outputs - model_outputs)),
            examples=count,
            size=_size(user_path(path)),
            task=task.name,
            mious=_mious(task, outputs, labels),
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
            f"stage {stage}: error, "
            + (
                "points lost, same"
                if results[0].agreement
                else "of the model, difference"
            )
            for stage in results[0].stages
        ]
    ]
    for result in results:
        rows.append(
            [result.variant, f"{result.size / 1e3:.0f} kB", *_cells(result)]
        )
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(
            cell.ljust(width) for cell, width in zip(row, widths, strict=True)
        ).rstrip()
        for row in rows
    ]
    return "\n".join(lines)


def _cells(result: VerificationResult) -> list[str]:
    """Returns a cell of the table for each stage."""
    if result.agreement is None:
        return [
            f"{error:.4g} {of_model:.4g} {difference:.4g}"
            for error, of_model, difference in zip(
                result.errors,
                result.model_errors,
                result.differences,
                strict=True,
            )
        ]
    return [
        f"{error:.1%} {drop:+.1f} {same:.1%}"
        for error, drop, same in zip(
            result.errors, result.accuracy_drop, result.agreement, strict=True
        )
    ]


def _arrays(data: Any, model: keras.Model) -> tuple[dict[str, np.ndarray], Any]:
    """Returns examples by the names of inputs, and labels, as arrays."""
    names = list(model.feature_inputs)
    if isinstance(data, (tuple, list)) and len(data) == 2:
        x, labels = data
        inputs = named_inputs(model, x, "data")
        return {name: np.asarray(inputs[name]) for name in names}, labels
    batches = [batch[:2] for batch in data]
    if not batches:
        raise ValueError("There is nothing to measure. Received: empty `data`")
    parts = [named_inputs(model, batch[0], "data") for batch in batches]
    examples = {
        name: np.concatenate([np.asarray(part[name]) for part in parts])
        for name in names
    }
    labels = [batch[1] for batch in batches]
    if isinstance(labels[0], Mapping):
        return examples, {
            name: np.concatenate([np.asarray(label[name]) for label in labels])
            for name in labels[0]
        }
    return examples, np.concatenate([np.asarray(label) for label in labels])


def _inputs_of_file(
    examples: Mapping[str, np.ndarray], model: keras.Model, manifest: Manifest
) -> dict[str, np.ndarray]:
    """Returns the examples as a file takes them, which may need only some."""
    names = safe_inputs(model)
    inputs = {
        names[name]: array
        for name, array in examples.items()
        if names[name] in manifest.input_names
    }
    if manifest.pixels is not None:
        image = str(manifest.image_input)
        inputs[image] = to_pixels(inputs[image], manifest.pixels)
    return inputs


def _file_outputs(
    predictor: AnytimePredictor, inputs: Mapping[str, np.ndarray]
) -> np.ndarray:
    """Returns the outputs `(stages, examples, ...)` in the first label set."""
    outputs = []
    for index in range(len(next(iter(inputs.values())))):
        single = {name: array[index] for name, array in inputs.items()}
        outputs.append(
            [
                next(iter(result.logits.values()))
                if isinstance(result.logits, dict)
                else result.logits
                for result in predictor.stream(single)
            ]
        )
    return np.array(outputs).swapaxes(0, 1)


def _errors(
    task: Task, outputs: np.ndarray, labels: np.ndarray
) -> tuple[float, ...]:
    """Returns mean errors; a tie, as of quantized logits, is an error."""
    return tuple(
        float(np.mean(task.errors(of_stage, labels))) for of_stage in outputs
    )


def _mious(
    task: Task, outputs: np.ndarray, labels: np.ndarray
) -> tuple[float | None, ...] | None:
    """Returns the mean intersections over unions of a segmentation."""
    if not isinstance(task, Segmentation):
        return None
    return tuple(
        mean_iou(*task.overlaps(of_stage, labels)) for of_stage in outputs
    )


def _agreement(
    task: Task, outputs: np.ndarray, others: np.ndarray
) -> tuple[float, ...] | None:
    """Returns the shares of common answers of each stage."""
    if task.name == "regression":
        return None
    if task.name in ("binary", "multi_label"):
        return _means((outputs > 0) == (others > 0))
    return _means(outputs.argmax(-1) == others.argmax(-1))


def _means(values: np.ndarray) -> tuple[float, ...]:
    """Returns the mean of each stage."""
    return tuple(values.reshape(len(values), -1).mean(axis=1).tolist())


def _size(path: pathlib.Path) -> int:
    if path.is_dir():
        return sum(entry.stat().st_size for entry in path.rglob("*"))
    return path.stat().st_size


def _write_in_manifest(
    path: pathlib.Path, manifest: Manifest, result: VerificationResult
) -> None:
    right_or_wrong = result.task in ("classification", "binary")
    name = "top1_error" if right_or_wrong else "error"

    def measured(error: float, miou: float | None) -> dict[str, Any]:
        return {name: error, "miou": miou}

    stages = tuple(
        dataclasses.replace(stage, **measured(error, miou))
        for stage, error, miou in zip(
            manifest.stages,
            result.errors,
            result.mious or [None] * len(result.errors),
            strict=True,
        )
    )
    record: dict[str, Any] = {
        "examples": result.examples,
        f"model_{name}s": list(result.model_errors),
    }
    if result.agreement is None:
        record["differences"] = list(result.differences)
    else:
        record["agreement"] = list(result.agreement)
    changed = dataclasses.replace(manifest, stages=stages, verified=record)
    with lock_folder(path.parent):
        current = matching_manifest(path)
        if current is None or current.sha256 != manifest.sha256:
            raise ValueError(
                "The file was replaced while it was measured: measure it "
                f"again. Received: path={str(path)!r}"
            )
        write_text(manifest_path(path), changed.to_json())
