"""Probabilities and confidences of answers, and what makes answers final.

Evaluation and devices share these functions, so they need NumPy only.
"""

import numbers
import operator
from collections.abc import Mapping
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


def probabilities(logits: ArrayLike, task: str | None = None) -> np.ndarray:
    """Returns the probabilities that logits stand for.

    - A choice of one class, also at each position: the softmax.
    - A binary answer, and each of several labels: the sigmoid of the logit,
      which is the probability of yes.

    Args:
        logits: Array `(..., classes)`.
        task: String, the name of the task, or `None` for the choice of one
            class.

    Returns:
        Float64 array of the shape of the logits.

    Raises:
        ValueError: If the answers of the task have no probabilities.
    """
    logits = np.asarray(logits, "float64")
    check_has_confidence(task, logits.shape[-1])
    if task in ("binary", "multi_label"):
        return np.exp(-np.logaddexp(0.0, -logits))
    return np.exp(log_softmax(logits))


def log_products(
    logits: ArrayLike, previous: np.ndarray | None = None
) -> np.ndarray:
    """Returns the logarithms of the products of positive logits up to a stage.

    They are `log prod_{j <= k} max(z_j, 0)`, for each class. Sums of logarithms
    neither overflow nor underflow, however many stages there are.

    Args:
        logits: Array `(..., classes)`, the logits z_k of the stage.
        previous: What this function returned for the stage before; `None` for
            the first stage.

    Returns:
        Float64 array of the shape of the logits; negative infinity where a
        stage's logit was not positive.
    """
    values = np.asarray(logits, "float64")
    logs = np.full(values.shape, -np.inf)
    # NaN is not hidden as a zero.
    np.log(values, out=logs, where=~(values <= 0))
    return logs if previous is None else previous + logs


def product_probabilities(
    products: np.ndarray, logits: ArrayLike
) -> np.ndarray:
    """Returns the probabilities of product answers to choices of one class.

    The probabilities of stage k are `p_k = s_k / sum(s_k)` with the products
    `s_k = prod_{j <= k} max(z_j, 0)` over the logits of stages 1 to k. A class
    that one stage rules out keeps the probability 0, so that the classes that
    are left only become fewer, and answers change less often from stage to
    stage. The true class loses probability less often than with a softmax; it
    is not guaranteed to keep it.

    Where stages disagree so much that no class is left, the answer is the
    softmax of the stage alone, as in the code of the authors. No temperature
    changes these probabilities. All factors of the products have the exponent
    1: the exponents j / K of the paper's experiments would make an answer
    depend on how many stages follow.

    Args:
        products: Array `(..., classes)`, as from `log_products`.
        logits: Array `(..., classes)`, the logits of the stage.

    Returns:
        Float64 array `(..., classes)`.

    Reference:
        [Jazbec et al., 2023, Section 4](https://arxiv.org/abs/2306.02652)
    """
    largest = products.max(axis=-1, keepdims=True)
    none_left = np.isneginf(largest)
    scores = np.exp(products - np.where(none_left, 0.0, largest))
    totals = np.where(none_left, 1.0, scores.sum(axis=-1, keepdims=True))
    alone = np.exp(log_softmax(logits))
    return np.where(none_left, alone, scores / totals)


def product_answers(logits: Sequence[np.ndarray] | np.ndarray) -> np.ndarray:
    """Returns the probabilities of product answers of all stages.

    Args:
        logits: Sequence of K arrays `(..., classes)`.

    Returns:
        Float64 array `(K, ..., classes)`; see `product_probabilities`.
    """
    products, answers = None, []
    for of_stage in logits:
        products = log_products(of_stage, products)
        answers.append(product_probabilities(products, of_stage))
    return np.stack(answers)


def check_has_products(tasks: Mapping[Any, str | None], classes: int) -> None:
    """Raises an error if a network's answers have no products.

    Args:
        tasks: Dict from label sets to the names of tasks; see `Manifest`.
        classes: Integer. The length of the first outputs' last axis.

    Raises:
        ValueError: If an answer is another one than the choice of one class.
    """
    if any(task is not None for task in tasks.values()) or classes < 2:
        kinds = ", ".join(task or "classification" for task in tasks.values())
        raise ValueError(
            "Product answers multiply the logits of classes, so that each "
            "answer must be the choice of one class. "
            f"Received: a network with {classes} outputs and tasks: {kinds}"
        )


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
    temperatures: Sequence[float] | np.ndarray,
    num_stages: int,
    which: str = "",
) -> tuple[float, ...]:
    """Returns the temperature of each stage, which divides its logits.

    A temperature above 1 makes answers less confident, and one below 1 more.

    Args:
        temperatures: Sequence of K positive floats.
        num_stages: Integer K.
        which: String, which stages these are, for errors.

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
            f"for each {f'of the stages{which}' if which else 'stage'}. "
            f"Received: {temperatures!r}"
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
    thresholds: float | Sequence[float] | np.ndarray,
    num_stages: int,
    which: str = "",
) -> tuple[float, ...]:
    """Returns one confidence threshold for each stage but the last.

    A stage's answer is final if its confidence exceeds the threshold. A
    threshold of 0 accepts every answer and a threshold of 1 accepts none. The
    last stage needs no threshold because it always answers.

    Args:
        thresholds: A float in [0, 1] for all stages, or a sequence of such
            floats for stages 1 to K - 1.
        num_stages: Integer K.
        which: String, which stages these are, for errors.

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
            f"for the stages{which} before the last. Received: {thresholds!r}"
        )
    return tuple(values.tolist())


def check_flag(name: str, value: Any) -> bool:
    """Returns a boolean.

    Args:
        name: String. The argument's name, for errors.
        value: The argument's value.

    Raises:
        ValueError: If the value is something else, such as `"false"`.
    """
    if not isinstance(value, bool | np.bool_):
        raise ValueError(
            f"`{name}` must be True or False. Received: {name}={value!r}"
        )
    return bool(value)


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
