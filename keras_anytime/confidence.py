"""The confidence of an answer, and the thresholds that make answers final.

Evaluation and devices share these functions, so they need NumPy only.
"""

import numbers
import operator
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike


def log_softmax(logits: ArrayLike) -> np.ndarray:
    """Returns the logarithms of a softmax over the last axis, in float64.

    Args:
        logits: Array `(..., classes)`.

    Returns:
        Float64 array `(..., classes)`.
    """
    shifted = np.asarray(logits, "float64")
    shifted = shifted - shifted.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def confidence(logits: ArrayLike) -> np.ndarray:
    """Returns the probability of the predicted class.

    For several classes it is the largest softmax probability. A single logit
    is a binary answer, and its confidence is the probability of the likelier
    of yes and no.

    Args:
        logits: Array `(..., classes)`.

    Returns:
        Float64 array `(...)` with values in [1 / classes, 1], or in [1/2, 1]
        for a single logit.
    """
    logits = np.asarray(logits, "float64")
    if logits.shape[-1] == 1:
        logits = np.concatenate([logits, np.zeros_like(logits)], axis=-1)
    return np.exp(log_softmax(logits).max(axis=-1))


def check_has_confidence(task: str | None, classes: int) -> None:
    """Raises an error if the answers of a network have no confidence.

    Args:
        task: String or `None`; see `Manifest`.
        classes: Integer. The number of logits.

    Raises:
        ValueError: If the classes do not exclude each other, or if a single
            logit is not a binary answer.
    """
    if task == "multi_label" or (classes == 1 and task != "binary"):
        raise ValueError(
            "A confidence is the probability of one class out of several, or "
            "of yes or no. Decide from the logits that `stream` yields "
            f"instead. Received: a network with {classes} logits and "
            f"task={task!r}"
        )


def check_thresholds(
    thresholds: float | Sequence[float] | np.ndarray, num_stages: int
) -> tuple[float, ...]:
    """Returns one confidence threshold for each stage but the last.

    A stage's answer is final if its confidence exceeds the threshold. A
    threshold of 0 accepts every answer and a threshold of 1 accepts none. The
    last stage needs no threshold because it always answers.

    Args:
        thresholds: A float in [0, 1] for all stages, or a sequence of such
            floats for stages 1 to K - 1.
        num_stages: Integer K.

    Returns:
        Tuple of K - 1 floats.

    Raises:
        ValueError: If the number of thresholds is wrong or one is not a number
            in [0, 1].
    """
    count = operator.index(num_stages) - 1
    given = np.asarray(thresholds, "object")
    # NumPy would convert strings and booleans to numbers.
    numeric = all(
        isinstance(threshold, numbers.Real)
        and not isinstance(threshold, bool | np.bool_)
        for threshold in given.flat
    )
    values = given.astype("float64") if numeric else np.array(np.nan)
    if values.ndim == 0:
        values = np.full(count, values)
    if values.shape != (count,) or not np.all((values >= 0) & (values <= 1)):
        raise ValueError(
            f"Confidence thresholds must be floats in [0, 1]: one, or {count} "
            f"for the stages before the last. Received: {thresholds!r}"
        )
    return tuple(values.tolist())
