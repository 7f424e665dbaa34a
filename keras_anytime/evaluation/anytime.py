"""Measures the anytime curve of a model."""

from collections.abc import Iterable
from collections.abc import Sequence

import keras
import numpy as np

from keras_anytime.evaluation import metrics as metrics_lib
from keras_anytime.evaluation.curve import AnytimeCurve
from keras_anytime.evaluation.curve import CurvePoint
from keras_anytime.evaluation.inference import measuring
from keras_anytime.evaluation.inference import predict_label_sets
from keras_anytime.evaluation.predictions import Predictions
from keras_anytime.evaluation.predictions import check_costs
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
) -> AnytimeCurve:
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
        data: A `tf.data.Dataset` of batches of (images, integer labels), or a
            pair of arrays. The labels of a hierarchical network are a dict
            from label sets to integer labels.
        batch_size: Images per batch if `data` is a pair of arrays.
        label_set: The label set of a hierarchical network to measure; `None`
            for any other network.
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
        An `AnytimeCurve`.

    Raises:
        ValueError: If there is no data or the network has a single class, if
            labels are not integers in `[0, classes)`, if a logit is not
            finite, if the network does not have `label_set`, or if `cost` is
            none of these.
    """
    check_anytime_model(model)
    check_cost(cost)
    sets = model.label_sets
    if not sets and label_set is not None:
        raise ValueError(
            "The network has one set of labels: leave `label_set` out. "
            f"Received: label_set={label_set!r}"
        )
    if sets and label_set not in sets:
        raise ValueError(
            f"`label_set` must be one of {sets}, the label sets of this "
            f"network. Received: label_set={label_set!r}"
        )
    with measuring(model, data, verbose):
        predictions = predict_label_sets(model, data, [label_set], batch_size)
        return curve_from_predictions(
            predictions[label_set],
            stage_costs(model),
            num_resamples,
            confidence_level,
            seed,
            cost,
        )


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
    top1, top5 = ~predictions.correct, ~predictions.top5
    # One row per example, so that the bootstrap resamples all measures
    # together: top-1 errors, top-5 errors, overthinking, average error.
    values = np.column_stack(
        [
            top1,
            top5,
            metrics_lib.overthinking(predictions.correct),
            top1.mean(axis=1),
        ]
    )
    means = values.mean(axis=0).tolist()
    ends = metrics_lib.bootstrap_intervals(
        values, num_resamples, confidence_level, seed
    ).tolist()
    # Among five classes, the label is always among the five largest logits.
    few = predictions.classes <= 5
    return AnytimeCurve(
        points=tuple(
            CurvePoint(
                stage=costs[k].stage,
                macs=macs,
                parameters=parameters,
                top1_error=means[k],
                top5_error=None if few else means[stages + k],
                loss=float(predictions.losses[:, k].mean()),
                calibration_error=metrics_lib.calibration_error(
                    predictions.confidences[:, k], predictions.correct[:, k]
                ),
                top1_low=ends[k][0],
                top1_high=ends[k][1],
                top5_low=None if few else ends[stages + k][0],
                top5_high=None if few else ends[stages + k][1],
            )
            for k, (macs, parameters) in enumerate(counted_costs(costs, cost))
        ),
        classes=predictions.classes,
        examples=predictions.examples,
        name=predictions.name,
        overthinking_rate=means[-2],
        overthinking_interval=tuple(ends[-2]),
        average_error_interval=tuple(ends[-1]),
        confidence_level=confidence_level,
        cost=cost,
        stage_costs=tuple(costs),
    )
