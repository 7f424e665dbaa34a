"""Budgeted batch classification: easy images stop early, hard ones run on."""

import dataclasses
import itertools

import numpy as np

from keras_anytime.confidence import check_thresholds
from keras_anytime.evaluation.base import Result
from keras_anytime.evaluation.csv_files import write_csv
from keras_anytime.evaluation.predictions import check_costs
from keras_anytime.evaluation.tables import as_table
from keras_anytime.evaluation.tables import percent
from keras_anytime.evaluation.tables import short


@dataclasses.dataclass(frozen=True)
class BudgetPoint:
    """What dynamic evaluation with some thresholds takes and achieves.

    Args:
        mean_macs: Float. Mean multiply-adds that an image took.
        top1_error: Float in [0, 1].
        thresholds: Tuple of K - 1 floats; see `confidence_thresholds`.
        shares: Tuple of K floats, the share of images that each stage
            answered.
    """

    mean_macs: float
    top1_error: float
    thresholds: tuple[float, ...]
    shares: tuple[float, ...]


@dataclasses.dataclass(frozen=True)
class BudgetCurve(Result):
    """Error against mean cost; see `budget_curve`.

    `print(curve)` shows it as a table.

    Args:
        points: Tuple of `BudgetPoint`, the cheapest first.
        budgets: Tuple of floats, the mean multiply-adds wanted of each.
        examples: Integer. Examples measured on.
        name: String. The network's name.
    """

    points: tuple[BudgetPoint, ...]
    budgets: tuple[float, ...]
    examples: int
    name: str

    def __str__(self):
        rows = (
            {
                "budget": short(budget),
                "mean MACs": short(point.mean_macs),
                "top-1 error": percent(point.top1_error),
                "answered by stage": " ".join(
                    f"{share:.0%}" for share in point.shares
                ),
                "thresholds": " ".join(f"{t:.3f}" for t in point.thresholds),
            }
            for budget, point in zip(self.budgets, self.points, strict=True)
        )
        return "\n".join(
            [
                f"{self.name}: budgeted classification of {self.examples} "
                "examples",
                *as_table(rows),
            ]
        )

    def to_csv(self, path):
        """Writes one line per budget to a CSV file.

        Args:
            path: String or path. A file there is replaced at once.
        """
        rows = []
        for budget, point in zip(self.budgets, self.points, strict=True):
            row = {
                "budget": budget,
                "mean_macs": point.mean_macs,
                "top1_error": point.top1_error,
            }
            for k, share in enumerate(point.shares, start=1):
                row[f"share_{k}"] = share
            for k, threshold in enumerate(point.thresholds, start=1):
                row[f"threshold_{k}"] = threshold
            rows.append(row)
        write_csv(path, rows)


def reaching_macs(costs):
    """Returns what it takes to reach each stage's answer, step by step.

    Args:
        costs: List of K `StageCost`.

    Returns:
        Tuple of K integers: multiply-adds of steps 1 to k for one image.
    """
    return tuple(itertools.accumulate(cost.step_macs for cost in costs))


def confidence_thresholds(predictions, costs, mean_macs):
    """Chooses confidences so that images take a wanted cost on average.

    An image's answer is final at the first stage whose confidence, the largest
    probability, is above its threshold. As in MSDNet's evaluation, the shares
    of images that stop at stages 1 to K are geometric, with the ratio at which
    the mean cost is the wanted one; each threshold is the quantile of the
    confidences of the images still on their way. Images that are equally sure
    stop together, so that many with a confidence of exactly 1 cost more.

    Args:
        predictions: `Predictions` on validation data. Data that the network
            was trained on would make it look too sure.
        costs: List of K `StageCost`. What counts is the cost of running step
            after step.
        mean_macs: Float. The wanted mean of multiply-adds per image.

    Returns:
        Tuple of K - 1 floats in [0, 1]: above 0 every answer is, above 1 none.
        Store them in an export (`thresholds=`), and `predict(x,
        confidence="manifest")` honors them.

    Raises:
        ValueError: If the network cannot be so cheap or so costly, or costs
            are of another number of stages.

    Reference:
        [Huang et al., 2018, Section 5 and Appendix](
        https://arxiv.org/abs/1703.09844)
    """
    reach = _reach(predictions, costs)
    if not reach[0] <= mean_macs <= reach[-1]:
        raise ValueError(
            f"The mean cost can be from {reach[0]} multiply-adds, all images "
            f"stopping at the first stage, to {reach[-1]}, none stopping "
            f"early. Received: mean_macs={mean_macs}"
        )
    shares = _geometric_shares(reach, mean_macs)
    left = np.ones(predictions.examples, bool)
    thresholds = []
    # What was rounded away at one stage is made up for at the next.
    stops = np.round(np.cumsum(shares) * predictions.examples).astype(int)
    for k, stop in enumerate(stops[:-1]):
        confidences = np.sort(predictions.confidences[left, k])
        keep = min(predictions.examples - stop, len(confidences))
        if not keep:
            threshold = 0.0
        elif keep == len(confidences):
            threshold = 1.0
        else:
            # Half way between the most confident one that goes on and the
            # least confident that stops: a device's last bits differ.
            threshold = float(confidences[keep - 1 : keep + 1].mean())
        thresholds.append(threshold)
        left &= predictions.confidences[:, k] <= threshold
    return tuple(thresholds)


def dynamic_evaluation(predictions, costs, thresholds):
    """Lets each image stop at the first stage that is sure enough.

    Args:
        predictions: `Predictions` on test data.
        costs: List of K `StageCost`.
        thresholds: Confidences above which an answer is final: one float in
            [0, 1], or K - 1 of them.

    Returns:
        A `BudgetPoint`.

    Raises:
        ValueError: If costs or thresholds are of another number of stages.
    """
    reach = np.array(_reach(predictions, costs))
    thresholds = check_thresholds(thresholds, predictions.num_stages)
    sure = predictions.confidences > np.array([*thresholds, -1.0])
    stopped = sure.argmax(axis=1)  # The first that is.
    correct = predictions.correct[np.arange(len(stopped)), stopped]
    counts = np.bincount(stopped, minlength=len(reach))
    return BudgetPoint(
        mean_macs=float(reach[stopped].mean()),
        top1_error=float(1 - correct.mean()),
        thresholds=thresholds,
        shares=tuple((counts / len(stopped)).tolist()),
    )


def budget_curve(validation, test, costs, budgets=None):
    """Measures a network under budgets for the mean cost of an image.

    Args:
        validation: `Predictions` that decide the thresholds.
        test: `Predictions` that are measured.
        costs: List of K `StageCost`.
        budgets: Increasing floats, wanted means of multiply-adds per image;
            `None` for 9, evenly spaced from the first stage's cost to the cost
            of all.

    Returns:
        A `BudgetCurve`.

    Raises:
        ValueError: If a budget is out of reach, or the arguments do not fit
            one another.

    Reference:
        [Huang et al., 2018, Section 5](https://arxiv.org/abs/1703.09844)
    """
    if (validation.num_stages, validation.classes) != (
        test.num_stages,
        test.classes,
    ):
        raise ValueError(
            "Thresholds serve the network that they were chosen for. Received: "
            f"answers of {validation.num_stages} stages in "
            f"{validation.classes} classes, and of {test.num_stages} in "
            f"{test.classes}"
        )
    if budgets is None:
        reach = _reach(validation, costs)
        budgets = np.unique(np.linspace(reach[0], reach[-1], 9)).tolist()
    return BudgetCurve(
        points=tuple(
            dynamic_evaluation(
                test, costs, confidence_thresholds(validation, costs, budget)
            )
            for budget in budgets
        ),
        budgets=tuple(float(budget) for budget in budgets),
        examples=test.examples,
        name=test.name,
    )


def _reach(predictions, costs):
    check_costs(predictions, costs)
    return reaching_macs(costs)


def _geometric_shares(reach, mean_macs):
    """Returns shares proportional to r^k whose mean cost is the wanted one."""
    stages = np.arange(len(reach))

    def shares(logarithm):
        exponents = logarithm * stages
        powers = np.exp(exponents - exponents.max())
        return powers / powers.sum()

    # The mean cost increases with r: bisect its logarithm. At the ends, all
    # but e^-100 of the images stop at the first, or at the last stage.
    low, high = -100.0, 100.0
    for _ in range(100):
        middle = (low + high) / 2
        if shares(middle) @ reach < mean_macs:
            low = middle
        else:
            high = middle
    return shares(high)
