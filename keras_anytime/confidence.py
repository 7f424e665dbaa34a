"""The confidence of an answer, and the thresholds that make answers final.

Evaluation and devices share these functions, so they need NumPy only.
"""

import numbers
import operator
from collections.abc import Sequence
from typing import Any

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


def confidence(logits: ArrayLike, task: str | None = None) -> np.ndarray:
    """Returns the confidence of each answer.

    - A choice of one class: the largest softmax probability.
    - A binary answer, which is a single logit: the probability of the likelier
      of yes and no.
    - Several labels per example: the smallest such probability of a label. The
      answer as a whole is no more certain than each of its parts.
    - A class at each position: the mean over positions of the largest softmax
      probability.

    Args:
        logits: Array `(..., classes)`; for a class at each position
            `(batch, ..., classes)`.
        task: String, the name of the task, or `None` for the choice of one
            class or a binary answer.

    Returns:
        Float64 array `(...)` with values in [1 / classes, 1], or in [1/2, 1]
        for answers of yes or no; `(batch,)` for a class at each position.

    Raises:
        ValueError: If the answers of the task have no confidence.
    """
    logits = np.asarray(logits, "float64")
    if task is not None:
        check_has_confidence(task, logits.shape[-1])
    if task == "multi_label":
        return confidence(logits[..., None]).min(axis=-1)
    if logits.shape[-1] == 1:
        logits = np.concatenate([logits, np.zeros_like(logits)], axis=-1)
    largest = np.exp(log_softmax(logits).max(axis=-1))
    if task == "segmentation":
        return largest.reshape(len(largest), -1).mean(axis=1)
    return largest


def check_temperatures(
    temperatures: Sequence[float] | np.ndarray, num_stages: int
) -> tuple[float, ...]:
    """Returns the temperature of each stage, which divides its logits.

    A temperature above 1 makes answers less confident, and one below 1 more.

    Args:
        temperatures: Sequence of K positive floats.
        num_stages: Integer K.

    Returns:
        Tuple of K floats.

    Raises:
        ValueError: If the number of temperatures is wrong or one is not a
            finite number above 0.
    """
    values = _as_floats(temperatures)
    if values.shape != (num_stages,) or not np.all(
        np.isfinite(values) & (values > 0)
    ):
        raise ValueError(
            f"Temperatures must be {num_stages} finite numbers above 0, one "
            f"for each stage. Received: {temperatures!r}"
        )
    return tuple(values.tolist())


def check_has_confidence(task: str | None, classes: int) -> None:
    """Raises an error if the answers of a network have no confidence.

    Args:
        task: String or `None`; see `Manifest`.
        classes: Integer. The length of the outputs' last axis.

    Raises:
        ValueError: If an answer is a number, or a single output of unknown
            task, which may be one.
    """
    answers_yes_or_no = task in ("binary", "multi_label")
    if task == "regression" or (classes == 1 and not answers_yes_or_no):
        raise ValueError(
            "A confidence is the probability of a class, or of yes or no, and "
            "plain numbers have none. Decide by deadlines, or from the outputs "
            "that `stream` yields. "
            f"Received: a network with {classes} outputs and task={task!r}"
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
    values = _as_floats(thresholds)
    if values.ndim == 0:
        values = np.full(count, values)
    if values.shape != (count,) or not np.all((values >= 0) & (values <= 1)):
        raise ValueError(
            f"Confidence thresholds must be floats in [0, 1]: one, or {count} "
            f"for the stages before the last. Received: {thresholds!r}"
        )
    return tuple(values.tolist())


def _as_floats(given: Any) -> np.ndarray:
    """Returns numbers as a float64 array, and NaN for anything else."""
    entries = np.asarray(given, "object")
    # NumPy would convert strings and booleans to numbers.
    numeric = all(
        isinstance(entry, numbers.Real)
        and not isinstance(entry, bool | np.bool_)
        for entry in entries.flat
    )
    return entries.astype("float64") if numeric else np.array(np.nan)
