"""Answers of made-up networks, for the tests of what is measured on them."""

import numpy as np

from keras_anytime.evaluation import AnytimeCurve
from keras_anytime.evaluation import Predictions
from keras_anytime.evaluation import TimedPredictions
from keras_anytime.evaluation.curve import CurvePoint
from keras_anytime.stages.cost import StageCost


def random_logits(rng, examples, stages, classes, skill=1.0):
    """Logits `(stages, examples, classes)` that get better, and labels."""
    labels = rng.integers(0, classes, examples)
    logits = rng.standard_normal((stages, examples, classes))
    better = skill * np.arange(stages)[:, None]
    logits[:, np.arange(examples), labels] += better
    return logits, labels


def random_predictions(
    seed=0, examples=200, stages=3, classes=10, skill=1.0, labels=None
):
    """`Predictions` on random logits."""
    rng = np.random.default_rng(seed)
    logits, own = random_logits(rng, examples, stages, classes, skill)
    if labels is not None:
        logits = rng.standard_normal(logits.shape)
        better = skill * np.arange(1, stages + 1)[:, None]
        logits[:, np.arange(examples), labels] += better
        own = labels
    return Predictions.from_logits(logits, own, f"net {seed}")


def timed(predictions, seed=0, fastest=1.0):
    """With random latencies that differ from input to input."""
    rng = np.random.default_rng(seed)
    shape = (predictions.examples, predictions.num_stages)
    steps = fastest * rng.uniform(0.5, 1.5, shape)
    return TimedPredictions(predictions, np.cumsum(steps, axis=1))


def costs(*step_macs):
    """Costs of stages that add so many multiply-adds each."""
    totals = np.cumsum(step_macs).tolist()
    return [
        StageCost(k, total, 2 * total, step, 2 * step)
        for k, (total, step) in enumerate(
            zip(totals, step_macs, strict=True), start=1
        )
    ]


def curve(
    macs=(10, 30, 100),
    errors=(0.5, 0.3, 0.1),
    classes=10,
    examples=200,
    name="net",
):
    """A curve of given costs and errors."""
    return AnytimeCurve(
        points=tuple(
            CurvePoint(k, cost, 2 * cost, error, error / 2)
            for k, (cost, error) in enumerate(
                zip(macs, errors, strict=True), start=1
            )
        ),
        classes=classes,
        examples=examples,
        name=name,
    )
