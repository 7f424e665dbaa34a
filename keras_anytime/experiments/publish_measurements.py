"""Measures a network that ships: errors, calibration, files for devices."""

import pathlib
import tempfile
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from keras_anytime import evaluation
from keras_anytime import export
from keras_anytime.evaluation.metrics import calibration_error
from keras_anytime.evaluation.predictions import Predictions
from keras_anytime.evaluation.provenance import provenance
from keras_anytime.evaluation.thresholds import cumulative_macs
from keras_anytime.experiments.runs import Run
from keras_anytime.experiments.training_data import REPRESENTATIVE
from keras_anytime.experiments.training_data import first_images
from keras_anytime.model import AnytimeModel
from keras_anytime.runtime import AnytimePredictor
from keras_anytime.stages.cost import StageCost

# The variants of the release files.
VARIANTS = ("float32", "int8")
BATCH_SIZE = 128
# Images of a quick test that the weights are the ones that were measured.
FIRST = 200
# Budgets that early stopping is tried with.
_BUDGETS = 65


def measure(
    model: AnytimeModel, run: Run, repetitions: int = 200
) -> dict[str, Any]:
    """Measures a network on the held-out images of its run.

    Temperatures and thresholds are chosen on the first half of the evaluation
    split, and measured on the second.

    Args:
        model: An `AnytimeModel`, which remembers its data set.
        run: The `Run` that trained it.
        repetitions: Integer. Runs of each exported file that are timed.

    Returns:
        Dict of plain values: `evaluation`, `test` (`None` without a test
        split), `first`, `calibration`, `temperatures`, `thresholds`,
        `early_stopping`, `files` and `measured`.
    """
    split = run.settings["eval_split"]
    images, labels = as_arrays(run.evaluation_data(split, BATCH_SIZE))
    logits = predict_logits(model, images)
    predictions = Predictions.from_logits(logits, labels, model.name)
    costs = evaluation.stage_costs(model)
    half = len(labels) // 2
    first, second = slice(0, half), slice(half, None)
    temperatures = evaluation.fit_temperatures(predictions.part(first))
    calibrated = predictions.calibrated(temperatures)
    thresholds = choose_thresholds(calibrated.part(first), costs)
    stopped = evaluation.dynamic_evaluation(
        calibrated.part(second), costs, thresholds
    )
    return {
        "evaluation": {
            "split": split,
            "curve": evaluation.curve_from_predictions(
                predictions, costs
            ).to_dict(),
        },
        "test": _test(model, run),
        "first": {
            "split": first_images(split, FIRST),
            "examples": len(labels[:FIRST]),
            "wrong": predictions.errors[:FIRST]
            .sum(axis=0)
            .astype(int)
            .tolist(),
        },
        "temperatures": list(temperatures),
        "calibration": {
            "examples": [half, len(labels) - half],
            "before": _calibration_errors(predictions.part(second)),
            "after": _calibration_errors(calibrated.part(second)),
        },
        "thresholds": list(thresholds),
        "early_stopping": {
            "top1_error": stopped.error,
            "last_stage_error": float(predictions.errors[second, -1].mean()),
            "share_of_macs": stopped.mean_macs
            / cumulative_macs(predictions, costs)[-1],
            "shares": list(stopped.shares),
        },
        "files": _files(
            model,
            (images, labels),
            # In order, and not augmented.
            run.evaluation_data(
                first_images(run.settings["train_split"], REPRESENTATIVE),
                BATCH_SIZE,
            ),
            {"temperatures": temperatures, "thresholds": thresholds},
            repetitions,
        ),
        "measured": {
            name: value
            for name, value in provenance().items()
            # The command has paths of the machine.
            if name != "command"
        },
    }


def predict_logits(model: AnytimeModel, images: np.ndarray) -> np.ndarray:
    """Returns the logits `(num_stages, examples, classes)` of a network.

    Args:
        model: An `AnytimeModel` with one set of labels.
        images: Float array `(examples, height, width, channels)`.
    """
    outputs = model.predict(images, batch_size=BATCH_SIZE, verbose=0)
    return np.stack(keras.tree.flatten(outputs))


def choose_thresholds(
    predictions: Predictions, costs: Sequence[StageCost]
) -> tuple[float, ...]:
    """Chooses the cheapest thresholds that cost no accuracy.

    Of evenly spaced mean costs it takes the smallest at which answers that stop
    early err no more often than those of the last stage, on these predictions.

    Args:
        predictions: `Predictions` on validation data.
        costs: List of K `StageCost`.

    Returns:
        Tuple of K - 1 floats.
    """
    cumulative = cumulative_macs(predictions, costs)
    last = evaluation.dynamic_evaluation(predictions, costs, 1.0)
    for budget in np.linspace(cumulative[0], cumulative[-1], _BUDGETS)[:-1]:
        thresholds = evaluation.confidence_thresholds(
            predictions, costs, float(budget)
        )
        stopped = evaluation.dynamic_evaluation(predictions, costs, thresholds)
        if stopped.error <= last.error:
            return thresholds
    return last.thresholds


def as_arrays(batches: Any) -> tuple[np.ndarray, np.ndarray]:
    """Returns the images and the labels of all batches.

    Args:
        batches: Batches of images and labels.
    """
    pairs = [(np.asarray(x), np.asarray(y)) for x, y in batches]
    images, labels = zip(*pairs, strict=True)
    return np.concatenate(images), np.concatenate(labels)


def _test(model: AnytimeModel, run: Run) -> dict[str, Any] | None:
    """Returns the curve on the test split; `None` without one."""
    split = run.settings.get("test_split")
    if not split:
        return None
    curve = evaluation.anytime_curve(
        model, run.evaluation_data(split, BATCH_SIZE)
    )
    return {"split": split, "curve": curve.to_dict()}


def _calibration_errors(predictions: Predictions) -> list[float]:
    """Returns the expected calibration error of each stage."""
    assert predictions.confidences is not None, "the choice of one class"
    return [
        calibration_error(confidences, correct)
        for confidences, correct in zip(
            predictions.confidences.T, predictions.correct.T, strict=True
        )
    ]


def _files(
    model: AnytimeModel,
    held_out: tuple[np.ndarray, np.ndarray],
    images: Any,
    arguments: dict[str, Any],
    repetitions: int,
) -> dict[str, Any]:
    """Exports the release files, and returns their sizes, errors and times."""
    files = {}
    with tempfile.TemporaryDirectory() as folder:
        for variant in VARIANTS:
            path = pathlib.Path(folder) / f"{variant}.tflite"
            export.tflite(
                model,
                path,
                None if variant == "float32" else variant,
                images,
                pixels=True,
                **arguments,
            )
            verified = export.verify(path, model, held_out)
            with AnytimePredictor(path, num_threads=1) as predictor:
                latency = predictor.measure_latency(repetitions)
            files[variant] = {
                "bytes": verified.size,
                "top1_errors": list(verified.errors),
                "agreement": list(verified.agreement or ()),
                "step_ms": list(latency.median_ms),
                "answer_ms": list(latency.answer_ms),
                "runs": latency.runs,
            }
    return files
