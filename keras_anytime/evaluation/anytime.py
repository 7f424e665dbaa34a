"""Measuring a model: from its answers to its anytime curve."""

import numpy as np

from keras_anytime.evaluation import metrics as metrics_lib
from keras_anytime.evaluation.curve import AnytimeCurve
from keras_anytime.evaluation.curve import CurvePoint
from keras_anytime.evaluation.predictions import check_costs
from keras_anytime.evaluation.predictions import predict_label_sets
from keras_anytime.stages.checks import check_anytime_model
from keras_anytime.stages.cost import stage_costs


def anytime_curve(
    model,
    data,
    batch_size=128,
    label_set=None,
    resamples=metrics_lib.RESAMPLES,
    level=metrics_lib.LEVEL,
    seed=0,
):
    """Measures every stage of a model in one pass over the data.

    Costs are those of each stage's subnetwork alone, as in the papers; of an
    ensemble, of all that runs before its answer. See `stage_costs`.

    Intervals of errors are by the bootstrap over examples: they tell how well
    the examples tell about others like them, and nothing of how another seed
    would train. For that, see `aggregate`.

    Args:
        model: An `AnytimeModel`.
        data: A `tf.data.Dataset` of batches of (images, integer labels), or a
            pair of arrays. Labels of a hierarchical network are a dict from
            label sets to integer labels.
        batch_size: Integer. Images per batch where `data` is arrays.
        label_set: String. Which labels of a hierarchical network to measure;
            `None` for any other.
        resamples: Integer. Data sets drawn for the intervals.
        level: Float in (0, 1). Their confidence level.
        seed: Integer, of the draws.

    Returns:
        An `AnytimeCurve`.

    Raises:
        ValueError: If there is no data, the network has a single class, labels
            are not integers among the classes, logits are not finite, or
            `label_set` is none of the network's.
    """
    check_anytime_model(model)
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
    found = predict_label_sets(model, data, [label_set], batch_size)
    return curve_of(
        found[label_set], stage_costs(model), resamples, level, seed
    )


def curve_of(
    predictions,
    costs,
    resamples=metrics_lib.RESAMPLES,
    level=metrics_lib.LEVEL,
    seed=0,
):
    """Returns the anytime curve of answers that were given before.

    Args:
        predictions: `Predictions`, as from `predict_stages`.
        costs: List of K `StageCost`, as from `stage_costs`.
        resamples: Integer. Data sets drawn for the intervals.
        level: Float in (0, 1). Their confidence level.
        seed: Integer, of the draws.

    Returns:
        An `AnytimeCurve`.

    Raises:
        ValueError: If costs and answers are of different numbers of stages.
    """
    check_costs(predictions, costs)
    stages = predictions.num_stages
    top1, top5 = ~predictions.correct, ~predictions.top5
    worse = metrics_lib.worse_with_time(predictions.correct)
    values = np.column_stack([top1, top5, worse, top1.mean(axis=1)])
    # Among five classes, the label is among the five largest logits.
    few = predictions.classes <= 5
    means = values.mean(axis=0).tolist()
    ends = metrics_lib.bootstrap_intervals(
        values, resamples, level, seed
    ).tolist()
    return AnytimeCurve(
        points=tuple(
            CurvePoint(
                stage=cost.stage,
                macs=cost.macs,
                parameters=cost.parameters,
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
            for k, cost in enumerate(costs)
        ),
        classes=predictions.classes,
        examples=predictions.examples,
        name=predictions.name,
        overthinking_rate=means[-2],
        overthinking_interval=tuple(ends[-2]),
        average_error_interval=tuple(ends[-1]),
        level=level,
    )
