"""Measures the anytime curve of a model."""

import math
from collections.abc import Iterable
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from keras_anytime.evaluation import metrics as metrics_lib
from keras_anytime.evaluation.base import task_beside_classes
from keras_anytime.evaluation.curve import AnytimeCurve
from keras_anytime.evaluation.inference import measuring
from keras_anytime.evaluation.inference import predict_label_sets
from keras_anytime.evaluation.points import CurvePoint
from keras_anytime.evaluation.points import Point
from keras_anytime.evaluation.points import TaskPoint
from keras_anytime.evaluation.prediction_checks import check_costs
from keras_anytime.evaluation.predictions import Predictions
from keras_anytime.stages.checks import check_anytime_model
from keras_anytime.stages.cost import StageCost
from keras_anytime.stages.cost import check_cost
from keras_anytime.stages.cost import counted_costs
from keras_anytime.stages.cost import default_cost
from keras_anytime.stages.cost import stage_costs


def anytime_curve(
    model: keras.Model,
    data: Iterable,
    batch_size: int = 128,
    label_set: str | None = None,
    num_resamples: int = metrics_lib.NUM_RESAMPLES,
    confidence_level: float = metrics_lib.CONFIDENCE_LEVEL,
    seed: int = 0,
    verbose: bool = True,
    cost: str | None = None,
) -> Any:
    """Measures every stage of a model, in one pass over the data.

    The cost of a stage is that of its subnetwork alone, as in most papers. For
    MSDNet, whose heads have convolutions, it is the cost of all that has run
    up to the stage's answer, as its authors count it; so it is for an ensemble.
    `cost` decides otherwise.

    The intervals of the errors come from the bootstrap over examples. They
    show the uncertainty from the choice of examples, not that from the
    training seed; for the latter, see `aggregate`.

    ```python
    curve = ka.evaluation.anytime_curve(model, (images, labels))
    print(curve)
    curve.plot("run/curve.png")
    ```

    Args:
        model: An `AnytimeModel`.
        data: Pair `(x, y)` of arrays, or batches of such pairs in a
            `tf.data.Dataset` or `keras.utils.PyDataset`; see `predict_stages`.
        batch_size: Examples per batch if `data` is a pair of arrays.
        label_set: The label set to measure of a network with several; `None`
            for all of them, and for any other network.
        num_resamples: Number of bootstrap data sets for the intervals.
        confidence_level: Float in (0, 1), of the intervals.
        seed: Seed of the bootstrap.
        verbose: Boolean. Whether a line on the standard error says what is done
            and how long it took.
        cost: `"subnetwork"` counts the multiply-adds and parameters that an
            answer needs; `"cumulative"` counts all that has run when stages are
            computed in turn, earlier heads included. `None` takes
            `"cumulative"` if a head has more multiply-adds than parameters, as
            only convolutions have, or if the model is an ensemble; else
            `"subnetwork"`.

    Returns:
        An `AnytimeCurve`; of a network with label sets and without
        `label_set`, a dict from label sets to curves.

    Raises:
        ValueError: If there is no data, if inputs or labels do not fit the
            network, if an output is not finite, if the network does not have
            `label_set`, or if `cost` is none of these.
    """
    check_anytime_model(model)
    check_cost(cost)
    sets = model.label_sets
    if not sets and label_set is not None:
        raise ValueError(
            "The network has one set of labels: leave `label_set` out. "
            f"Received: label_set={label_set!r}"
        )
    if sets and label_set not in (None, *sets):
        raise ValueError(
            f"`label_set` must be one of {sets}, the label sets of this "
            f"network. Received: label_set={label_set!r}"
        )
    with measuring(model, data, verbose):
        measured = [label_set] if label_set or not sets else sets
        predictions = predict_label_sets(model, data, measured, batch_size)
        costs = stage_costs(model)
        curves = {
            name: curve_from_predictions(
                of_set, costs, num_resamples, confidence_level, seed, cost
            )
            for name, of_set in predictions.items()
        }
        return curves if measured is sets else curves[label_set]


def curve_from_predictions(
    predictions: Predictions,
    costs: Sequence[StageCost],
    num_resamples: int = metrics_lib.NUM_RESAMPLES,
    confidence_level: float = metrics_lib.CONFIDENCE_LEVEL,
    seed: int = 0,
    cost: str | None = None,
) -> AnytimeCurve:
    """Computes the anytime curve from the predictions of all stages.

    Args:
        predictions: `Predictions`, as from `predict_stages`.
        costs: List of K `StageCost`, as from `stage_costs`.
        num_resamples: Number of bootstrap data sets for the intervals.
        confidence_level: Float in (0, 1), of the intervals.
        seed: Seed of the bootstrap.
        cost: `"subnetwork"`, `"cumulative"` or `None`, as for `anytime_curve`.

    Returns:
        An `AnytimeCurve`.

    Raises:
        ValueError: If costs and predictions are of different numbers of
            stages, or `cost` is none of these.
    """
    check_costs(predictions, costs)
    check_cost(cost)
    cost = cost or default_cost(costs)
    stages = predictions.num_stages
    task = task_beside_classes(predictions.task)
    # One row per example, so that the bootstrap resamples all measures
    # together.
    measures = {
        "error": predictions.errors,
        "top5": None if predictions.top5 is None else ~predictions.top5,
        "overthinking": metrics_lib.overthinking(predictions.errors),
        "average": predictions.errors.mean(axis=1),
    }
    values = np.column_stack([v for v in measures.values() if v is not None])
    means = values.mean(axis=0).tolist()
    ends = metrics_lib.bootstrap_intervals(
        values, num_resamples, confidence_level, seed
    ).tolist()
    # Among five classes, the label is always among the five largest logits.
    few = predictions.classes <= 5

    points: list[Point] = []
    for k, (macs, parameters) in enumerate(counted_costs(costs, cost)):
        low, high = ends[k]
        calibration_error = _calibration_error(predictions, k)
        if predictions.losses is None:
            points.append(
                TaskPoint(
                    stage=costs[k].stage,
                    macs=macs,
                    parameters=parameters,
                    error=means[k],
                    miou=_mean_iou(predictions, k),
                    calibration_error=calibration_error,
                    error_low=low,
                    error_high=high,
                )
            )
            continue
        points.append(
            CurvePoint(
                stage=costs[k].stage,
                macs=macs,
                parameters=parameters,
                top1_error=means[k],
                top5_error=None if few else means[stages + k],
                loss=_finite(float(predictions.losses[:, k].mean())),
                calibration_error=calibration_error,
                top1_low=low,
                top1_high=high,
                top5_low=None if few else ends[stages + k][0],
                top5_high=None if few else ends[stages + k][1],
            )
        )
    return AnytimeCurve(
        points=tuple(points),
        classes=predictions.classes,
        examples=predictions.examples,
        name=predictions.name,
        overthinking_rate=means[-2],
        overthinking_interval=tuple(ends[-2]),
        average_error_interval=tuple(ends[-1]),
        confidence_level=confidence_level,
        cost=cost,
        stage_costs=tuple(costs),
        guess_error=None if task is None else predictions.guess_error,
        task=task,
        product_answers=predictions.product_answers,
        label_set=predictions.label_set,
    )


def _finite(loss: float) -> float | None:
    """Returns a loss; `None` for that of a label of probability 0."""
    return loss if math.isfinite(loss) else None


def _calibration_error(predictions: Predictions, k: int) -> float | None:
    """Returns the calibration error of answers that are right or wrong."""
    confidences = predictions.confidences
    if confidences is None or not predictions.task.right_or_wrong:
        return None
    return metrics_lib.calibration_error(
        confidences[:, k], predictions.correct[:, k]
    )


def _mean_iou(predictions: Predictions, k: int) -> float | None:
    both, either = predictions.intersections, predictions.unions
    if both is None or either is None:
        return None
    return metrics_lib.mean_iou(both[:, k], either[:, k])
