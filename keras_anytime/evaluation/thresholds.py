"""Early stopping: confidence thresholds for a mean cost, and their effect."""

import dataclasses
import itertools
from collections.abc import Sequence

import numpy as np

from keras_anytime.confidence import check_has_confidence
from keras_anytime.confidence import check_thresholds
from keras_anytime.evaluation.base import task_beside_classes
from keras_anytime.evaluation.prediction_checks import check_costs
from keras_anytime.evaluation.predictions import Predictions
from keras_anytime.stages.cost import StageCost


@dataclasses.dataclass(frozen=True)
class BudgetPoint:
    """The mean cost and the error of choices of a class that stop early.

    Args:
        mean_macs: Mean multiply-adds per image.
        top1_error: Float in [0, 1].
        thresholds: Tuple of K - 1 floats; see `confidence_thresholds`.
        shares: Tuple of K floats, the share of images that stop at each stage.
    """

    mean_macs: float
    top1_error: float
    thresholds: tuple[float, ...]
    shares: tuple[float, ...]

    @property
    def error(self) -> float:
        """The top-1 error, under the name that all tasks share."""
        return self.top1_error


@dataclasses.dataclass(frozen=True)
class TaskBudgetPoint:
    """The mean cost and the error of answers of other tasks that stop early.

    Args:
        mean_macs: Mean multiply-adds per example.
        error: Float. The mean of the task's errors of the examples.
        thresholds: Tuple of K - 1 floats; see `confidence_thresholds`.
        shares: Tuple of K floats, the share of examples that stop at each
            stage.
    """

    mean_macs: float
    error: float
    thresholds: tuple[float, ...]
    shares: tuple[float, ...]


def confidence_thresholds(
    predictions: Predictions, costs: Sequence[StageCost], mean_macs: float
) -> tuple[float, ...]:
    """Chooses confidence thresholds for a mean cost per image.

    An image stops at the first stage whose confidence, such as the largest
    probability, is above the stage's threshold. As in MSDNet's evaluation, the
    shares of images that stop at stages 1 to K are geometric, with the ratio
    that gives the wanted mean cost. Each threshold is a quantile of the
    confidences of the images that have not stopped before. Images of equal
    confidence stop together, so that many images with a confidence of exactly
    1 change the mean cost.

    ```python
    predictions = ka.evaluation.predict_stages(model, (images, labels))
    costs = ka.evaluation.stage_costs(model)
    whole = sum(cost.step_macs for cost in costs)
    thresholds = ka.evaluation.confidence_thresholds(
        predictions, costs, mean_macs=0.8 * whole
    )
    ```

    Args:
        predictions: `Predictions` on validation data. On its training data, a
            network is too confident.
        costs: List of K `StageCost`. The cost of an image is that of the steps
            up to its last stage.
        mean_macs: The wanted mean of multiply-adds per image.

    Returns:
        Tuple of K - 1 floats in [0, 1]. With a threshold of 0, every image
        stops; with 1, none does. Store them in an export (`thresholds=`), and
        `predict(x, confidence="manifest")` applies them.

    Raises:
        ValueError: If no thresholds can give this mean cost, costs are of
            another number of stages, or the task has no confidence.

    Reference:
        [Huang et al., 2018, Section 5 and Appendix](
        https://arxiv.org/abs/1703.09844)
    """
    cumulative = cumulative_macs(predictions, costs)
    all_confidences = _confidences(predictions)
    if not cumulative[0] <= mean_macs <= cumulative[-1]:
        raise ValueError(
            f"The mean cost must be from {cumulative[0]} multiply-adds (all "
            f"images stop at the first stage) to {cumulative[-1]} (no image "
            f"stops early). Received: mean_macs={mean_macs}"
        )
    shares = _geometric_shares(cumulative, mean_macs)
    running = np.ones(predictions.examples, bool)
    thresholds = []
    # Rounding the cumulative shares keeps rounding errors from adding up.
    stops = np.round(np.cumsum(shares) * predictions.examples).astype(int)
    for k, stop in enumerate(stops[:-1]):
        confidences = np.sort(all_confidences[running, k])
        keep = min(predictions.examples - stop, len(confidences))
        if not keep:
            threshold = 0.0
        elif keep == len(confidences):
            threshold = 1.0
        else:
            # Half way between the most confident image that continues and the
            # least confident one that stops: a device's last bits differ.
            threshold = float(confidences[keep - 1 : keep + 1].mean())
        thresholds.append(threshold)
        running &= all_confidences[:, k] <= threshold
    return tuple(thresholds)


def dynamic_evaluation(
    predictions: Predictions,
    costs: Sequence[StageCost],
    thresholds: float | Sequence[float],
) -> BudgetPoint | TaskBudgetPoint:
    """Stops each image at the first stage that is confident enough.

    ```python
    predictions = ka.evaluation.predict_stages(model, (images, labels))
    costs = ka.evaluation.stage_costs(model)
    point = ka.evaluation.dynamic_evaluation(predictions, costs, 0.9)
    print(point.mean_macs, point.top1_error)
    ```

    Args:
        predictions: `Predictions` on test data.
        costs: List of K `StageCost`.
        thresholds: Confidences above which an image stops: one float in
            [0, 1], or K - 1 of them.

    Returns:
        A `BudgetPoint`; of a task other than the choice of one class, a
        `TaskBudgetPoint`.

    Raises:
        ValueError: If costs or thresholds are of another number of stages, or
            the task has no confidence.
    """
    cumulative = np.array(cumulative_macs(predictions, costs))
    thresholds = check_thresholds(thresholds, predictions.num_stages)
    confident = _confidences(predictions) > np.array([*thresholds, -1.0])
    last_stage = confident.argmax(axis=1)  # The first confident stage.
    errors = predictions.errors[np.arange(len(last_stage)), last_stage]
    counts = np.bincount(last_stage, minlength=len(cumulative))
    kind = (
        BudgetPoint
        if task_beside_classes(predictions.task) is None
        else TaskBudgetPoint
    )
    return kind(
        float(cumulative[last_stage].mean()),
        # Rounded as files of earlier versions have it.
        float(1 - (1 - errors).mean()),
        thresholds,
        tuple((counts / len(last_stage)).tolist()),
    )


def cumulative_macs(
    predictions: Predictions, costs: Sequence[StageCost]
) -> tuple[int, ...]:
    """Returns the cost of running all steps up to each stage.

    Args:
        predictions: `Predictions` of K stages.
        costs: List of K `StageCost`.

    Returns:
        Tuple of K integers: multiply-adds of steps 1 to k for one image.

    Raises:
        ValueError: If costs are of another number of stages.
    """
    check_costs(predictions, costs)
    return tuple(itertools.accumulate(cost.step_macs for cost in costs))


def _confidences(predictions: Predictions) -> np.ndarray:
    """Returns the confidences, or raises a `ValueError` if there are none."""
    check_has_confidence(predictions.task.name, predictions.task.size)
    return np.asarray(predictions.confidences)


def _geometric_shares(
    cumulative: Sequence[int], mean_macs: float
) -> np.ndarray:
    """Returns shares proportional to r^k that give the mean cost."""
    stages = np.arange(len(cumulative))

    def shares(log_ratio: float) -> np.ndarray:
        exponents = log_ratio * stages
        powers = np.exp(exponents - exponents.max())
        return powers / powers.sum()

    # The mean cost increases with r, so its logarithm can be bisected. At the
    # ends, all but e^-100 of the images stop at the first or the last stage.
    low, high = -100.0, 100.0
    for _ in range(100):
        middle = (low + high) / 2
        if shares(middle) @ np.asarray(cumulative) < mean_macs:
            low = middle
        else:
            high = middle
    return shares(high)
