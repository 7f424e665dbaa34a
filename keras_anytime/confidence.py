"""How sure a stage is of its answer, and when that is enough.

Evaluation and devices decide with these same functions: NumPy only.
"""

import numbers
import operator
from collections.abc import Sequence

import numpy as np


def log_softmax(logits) -> np.ndarray:
    """Returns the logarithms of the probabilities, in float64.

    Args:
        logits: Array `(..., classes)`.
    """
    shifted = np.asarray(logits, "float64")
    shifted = shifted - shifted.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def confidence(logits) -> np.ndarray:
    """Returns the probability of the answer.

    It is the largest of a softmax over the classes; of a single logit, that of
    the likelier one of yes and no.

    Args:
        logits: Array `(..., classes)`.

    Returns:
        Array `(...)` of floats in [1 / classes, 1]; from 1/2 for one logit.
    """
    logits = np.asarray(logits, "float64")
    if logits.shape[-1] == 1:
        logits = np.concatenate([logits, np.zeros_like(logits)], axis=-1)
    return np.exp(log_softmax(logits).max(axis=-1))


def check_confident(task: str | None, classes: int) -> None:
    """Raises a `ValueError` if answers have no confidence.

    Args:
        task: String or `None`; see `Manifest`.
        classes: Integer, the number of logits.
    """
    if task == "multi_label" or (classes == 1 and task != "binary"):
        raise ValueError(
            "A confidence is the probability of one class out of several, or "
            "of yes or no. Decide on the logits that `stream` gives. "
            f"Received: a network with {classes} logits and task={task!r}"
        )


def check_thresholds(
    thresholds: float | Sequence[float], num_stages: int
) -> tuple[float, ...]:
    """Returns the confidences above which each stage's answer is final.

    Args:
        thresholds: One float in [0, 1] for all stages, or a sequence of them
            for stages 1 to K - 1; the last stage always answers. Above 0
            every answer is, and above 1 none.
        num_stages: Integer K.

    Returns:
        Tuple of K - 1 floats.

    Raises:
        ValueError: If they are of another number or range.
    """
    count = operator.index(num_stages) - 1
    given = np.asarray(thresholds, "object")
    # Neither texts of numbers nor truths are what NumPy would make of them.
    numeric = all(
        isinstance(one, numbers.Real) and not isinstance(one, bool | np.bool_)
        for one in given.flat
    )
    values = given.astype("float64") if numeric else np.array(np.nan)
    if values.ndim == 0:
        values = np.full(count, values)
    if values.shape != (count,) or not np.all((values >= 0) & (values <= 1)):
        raise ValueError(
            f"Confidences are floats in [0, 1]: one, or {count} for the "
            f"stages before the last. Received: {thresholds!r}"
        )
    return tuple(values.tolist())
