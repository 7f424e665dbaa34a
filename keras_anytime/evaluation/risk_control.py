"""Confidence thresholds whose loss of accuracy is bounded with a guarantee."""

import dataclasses
import numbers
from typing import Any

import numpy as np

from keras_anytime.confidence import check_flag
from keras_anytime.confidence import check_has_confidence
from keras_anytime.confidence import check_temperatures
from keras_anytime.confidence import check_thresholds
from keras_anytime.evaluation.base import Measurement
from keras_anytime.evaluation.prediction_checks import check_predictions
from keras_anytime.evaluation.predictions import Predictions
from keras_anytime.evaluation.risk_bounds import BOUNDS
from keras_anytime.evaluation.selection import check_stages
from keras_anytime.tasks.base import check_size

# Thresholds are tried in this order, which no data may influence: from nearly 1
# down to 0, evenly spaced in their logits, because confidences crowd near 1.
_GRID = (*(1 / (1 + np.exp(-np.arange(16, -5.01, -0.05)))).tolist(), 0.0)


@dataclasses.dataclass(frozen=True)
class RiskControl(Measurement):
    """Thresholds with a bound on what early answers lose, and how sure it is.

    Give it to an export (`risk=`) with the thresholds. The bound is that of
    the answers that it was chosen on, so that an export of others is refused.

    ```python
    import json

    predictions = ka.evaluation.predict_stages(model, (images, labels))
    control = ka.evaluation.risk_controlled_thresholds(predictions, risk=0.2)
    control.to_json("run/control.json")
    with open("run/control.json") as file:
        same = ka.evaluation.RiskControl(**json.load(file))
    ```

    Args:
        thresholds: Tuple of K - 1 equal floats in [0, 1], for `thresholds=` of
            an export.
        risk: Float in (0, 1), the bound of the loss.
        level: Float in (0, 1), the probability that the bound holds.
        examples: Integer, the number of examples they were chosen on.
        bound: String, the name of the bound.
        stages: Tuple of the numbers of the K stages; 1 to K, if not given.
        temperatures: Tuple of K floats that divided the logits, or `None`.
        product_answers: Boolean. Whether the answers were products.
        label_set: String, the label set of a network with several; `None` for
            any other network, or if it is not known.

    Raises:
        ValueError: If a field is not such.
    """

    thresholds: tuple[float, ...]
    risk: float
    level: float
    examples: int
    bound: str
    stages: tuple[int, ...] = ()
    temperatures: tuple[float, ...] | None = None
    product_answers: bool = False
    label_set: str | None = None

    def __post_init__(self) -> None:
        count = len(self.stages) or len(self.thresholds) + 1
        stages = check_stages(self.stages, count)
        thresholds = check_thresholds(self.thresholds, count)
        if len(set(thresholds)) > 1:
            raise ValueError(
                "Thresholds that control a risk are equal for all stages. "
                f"Received: thresholds={self.thresholds!r}"
            )
        check_risk(self.risk, self.level)
        _check_bound(self.bound)
        temperatures = self.temperatures
        if temperatures is not None:
            temperatures = check_temperatures(temperatures, count)
        if self.label_set is not None and not isinstance(self.label_set, str):
            raise ValueError(
                "`label_set` must be a string, or None. "
                f"Received: label_set={self.label_set!r}"
            )
        checked = {
            "thresholds": thresholds,
            "risk": float(self.risk),
            "level": float(self.level),
            "examples": check_size("examples", self.examples, 1),
            "stages": stages,
            "temperatures": temperatures,
            "product_answers": check_flag(
                "product_answers", self.product_answers
            ),
        }
        for name, value in checked.items():
            object.__setattr__(self, name, value)

    @property
    def record(self) -> dict[str, Any]:
        """What a manifest says about the thresholds."""
        return {
            "risk": self.risk,
            "level": self.level,
            "examples": self.examples,
        }


def risk_controlled_thresholds(
    predictions: Predictions,
    risk: float,
    level: float = 0.9,
    bound: str = "wsr",
    seed: int = 0,
) -> RiskControl:
    """Chooses the lowest thresholds whose loss is bounded with a guarantee.

    An answer is final at the first stage whose confidence is above a threshold,
    which is the same for all stages. The loss of an example is the error of its
    final answer less that of the last stage, of the given predictions: it is
    below 0 where the early answer is better. The risk is the mean loss over all
    images that could come, of which the given ones are a random sample. With
    probability `level` over this sample, the risk of the chosen thresholds is
    below `risk`.

    The thresholds are tested from 1 downward, each by the hypothesis that its
    risk is `risk` or more, until the first one for which that is not refuted
    (fixed-sequence testing). No correction for many tests is needed, and none
    of the losses must grow with the threshold.

    The bound `"wsr"` (Waudby-Smith and Ramdas) adapts to the variance of the
    losses. Most of them are 0, so that it allows much lower thresholds than
    Hoeffding's inequality, and it takes losses below 0 as they are.
    `"hoeffding_bentkus"` counts them as 0: it bounds the share of the answers
    that get worse by stopping early, whatever others gain. It is exact for
    answers that are right or wrong, and does not depend on the examples' order.

    ```python
    predictions = ka.evaluation.predict_stages(model, (images, labels))
    control = ka.evaluation.risk_controlled_thresholds(predictions, risk=0.2)
    ka.export.tflite(
        model,
        "run/controlled.tflite",
        thresholds=control.thresholds,
        risk=control,
    )
    ```

    The promise is about the answers that it was given. An export with other
    thresholds, temperatures or stages, or with product answers where these
    were none, is refused. What no export can know is whether its file gives
    these answers: the confidences of a quantized file are others. Control such
    a file on its own answers, as `TimedPredictions.from_answers` has them.

    Args:
        predictions: `Predictions` on images that neither training nor
            `fit_temperatures` has seen. If the device divides logits by
            temperatures or multiplies answers, take `calibrated` or `product`
            predictions; if it has some stages only, take `of_stages` first. Of
            several label sets, take those of the first, whose confidence
            decides on a device.
        risk: Float in (0, 1). The largest mean loss, such as 0.01 for one
            percentage point of accuracy.
        level: Float in (0, 1). The probability that the bound holds.
        bound: `"wsr"` or `"hoeffding_bentkus"`.
        seed: Seed of the order in which `"wsr"` takes the examples; it must not
            depend on them, as that of sorted data would.

    Returns:
        A `RiskControl`. Its thresholds are 1, so that no answer is early, if
        there are too few examples to refute anything.

    Raises:
        ValueError: If an argument is out of range, there are several label
            sets, the task has no confidence, or its errors are no shares.

    Reference:
        [Jazbec et al., 2024, Sections 3 and 4](
        https://arxiv.org/abs/2405.20915);
        [Waudby-Smith and Ramdas, 2024](https://arxiv.org/abs/2010.09686);
        [Bates et al., 2021](https://arxiv.org/abs/2101.02703)
    """
    check_predictions(predictions)
    check_has_confidence(predictions.task.name, predictions.task.size)
    check_risk(risk, level)
    _check_bound(bound)
    seed = check_size("seed", seed, 0)
    order = np.random.default_rng(seed).permutation(predictions.examples)
    shuffled = predictions.part(order)
    chosen = 1.0
    for threshold in _GRID:
        losses = early_losses(shuffled, threshold)
        if not BOUNDS[bound](losses, risk, 1 - level):
            break
        chosen = threshold
    return RiskControl(
        thresholds=(chosen,) * (predictions.num_stages - 1),
        risk=float(risk),
        level=float(level),
        examples=predictions.examples,
        bound=bound,
        stages=predictions.stages,
        temperatures=predictions.temperatures,
        product_answers=predictions.product_answers,
        label_set=predictions.label_set,
    )


def early_losses(predictions: Predictions, threshold: float) -> np.ndarray:
    """Returns what each example loses by an answer before the last stage.

    Args:
        predictions: `Predictions` of a task with confidences.
        threshold: Float. The confidence above which an answer is final.

    Returns:
        Float array `(examples,)` in [-1, 1]: the error of the final answer less
        that of the last stage.
    """
    final = np.asarray(predictions.confidences) > threshold
    final[:, -1] = True
    stages = final.argmax(axis=1)
    errors = predictions.errors
    return errors[np.arange(len(errors)), stages] - errors[:, -1]


def _check_bound(bound: Any) -> None:
    if not isinstance(bound, str) or bound not in BOUNDS:
        raise ValueError(
            f"`bound` must be one of {sorted(BOUNDS)}. "
            f"Received: bound={bound!r}"
        )


def check_risk(risk: Any, level: Any) -> None:
    """Raises an error if a risk or a level is no number between 0 and 1.

    Args:
        risk: Float.
        level: Float.

    Raises:
        ValueError: If one is not.
    """
    for value in (risk, level):
        if (
            not isinstance(value, numbers.Real)
            or isinstance(value, bool)
            or not 0 < float(value) < 1
        ):
            raise ValueError(
                "`risk` and `level` must be numbers between 0 and 1. "
                f"Received: risk={risk!r}, level={level!r}"
            )
