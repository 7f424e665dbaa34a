"""Metrics of the answers to many examples, as pure NumPy functions."""

import math

import numpy as np

# The shares of the cost at which the papers report errors.
MILESTONES = {0.25: "1/4", 0.5: "1/2", 0.75: "3/4", 1: "1"}
# Enough for the second digit of a 95% interval (Efron and Tibshirani, 1993).
NUM_RESAMPLES = 1000
CONFIDENCE_LEVEL = 0.95
# Resampled data sets that are in memory at the same time.
_CHUNK = 50


def overthinking(errors: np.ndarray) -> np.ndarray:
    """Returns the examples whose answer gets worse with more time.

    The mean over all examples is the overthinking rate.

    Args:
        errors: Float array `(examples, num_stages)`. The errors of the stages'
            answers; 0 and 1 for right and wrong ones.

    Returns:
        Boolean array `(examples,)`. True if some stage has a smaller error
        than a later one: for right and wrong answers, if some stage is right
        and a later one wrong.

    Reference:
        [Kaya et al., 2019](https://arxiv.org/abs/1810.07052)
    """
    errors = np.asarray(errors, "float64")
    return np.any(errors > np.minimum.accumulate(errors, axis=1), axis=1)


def mean_iou(intersections: np.ndarray, unions: np.ndarray) -> float | None:
    """Returns the mean intersection over union (mIoU) of a data set.

    Intersections and unions are added up over the examples first, as in
    `keras.metrics.MeanIoU`.

    Args:
        intersections: Integer array `(examples, classes)`. Positions where
            both answer and label have the class.
        unions: Integer array `(examples, classes)`. Positions where either has
            it.

    Returns:
        Float in [0, 1], the mean over the classes that occur; `None` if no
        position counts.
    """
    totals = unions.sum(axis=0)
    occurs = totals > 0
    if not occurs.any():
        return None
    return float((intersections.sum(axis=0)[occurs] / totals[occurs]).mean())


def calibration_error(
    confidences: np.ndarray, correct: np.ndarray, bins: int = 15
) -> float:
    """Returns the expected calibration error (ECE) of an answer.

    Examples are put into bins of equal width by their confidence. The error is
    the mean gap between confidence and accuracy of the bins, weighted with the
    bins' shares of examples.

    Args:
        confidences: Float array `(examples,)` in [0, 1]. The largest
            probability of each answer.
        correct: Boolean array `(examples,)`.
        bins: Number of bins.

    Returns:
        Float in [0, 1].

    Reference:
        [Guo et al., 2017, Equation 3](https://arxiv.org/abs/1706.04599)
    """
    confidences = np.asarray(confidences, "float64")
    # Bins are open below and closed above, as in the paper.
    index = np.clip(np.ceil(confidences * bins).astype(int) - 1, 0, bins - 1)
    gaps = np.bincount(
        index, np.asarray(correct, "float64") - confidences, minlength=bins
    )
    return float(np.abs(gaps).sum() / len(confidences))


def bootstrap_intervals(
    values: np.ndarray,
    num_resamples: int = NUM_RESAMPLES,
    confidence_level: float = CONFIDENCE_LEVEL,
    seed: int = 0,
) -> np.ndarray:
    """Returns intervals of means over examples, by the percentile bootstrap.

    All columns are resampled together. An interval has no width if all
    examples have the same value: the bootstrap cannot estimate one then.

    Args:
        values: Float array `(examples, columns)`.
        num_resamples: Number of data sets that are drawn with replacement.
        confidence_level: Float in (0, 1).
        seed: Seed of the draws.

    Returns:
        Float array `(columns, 2)`, the lower and upper ends.

    Raises:
        ValueError: If `num_resamples` or `confidence_level` is out of range.

    Reference:
        [Efron and Tibshirani, 1993, Chapter 13](
        https://doi.org/10.1201/9780429246593)
    """
    if num_resamples < 1 or not 0 < confidence_level < 1:
        raise ValueError(
            "`num_resamples` must be 1 or more, and `confidence_level` must be "
            f"in (0, 1). Received: num_resamples={num_resamples}, "
            f"confidence_level={confidence_level}"
        )
    # With K stages that are right or wrong, only a few distinct rows exist.
    # Only the number of draws of each distinct row matters.
    rows, row_of_example = np.unique(values, axis=0, return_inverse=True)
    rows = rows.astype("float64")
    row_of_example = row_of_example.reshape(-1)
    rng = np.random.default_rng(seed)
    means = []
    for start in range(0, num_resamples, _CHUNK):
        counts = np.empty((min(_CHUNK, num_resamples - start), len(rows)))
        for count in counts:
            draws = rng.integers(0, len(values), len(values))
            count[:] = np.bincount(row_of_example[draws], minlength=len(rows))
        means.append(counts @ rows / len(values))
    ends = [50 * (1 - confidence_level), 50 * (1 + confidence_level)]
    return np.percentile(np.concatenate(means), ends, axis=0).T


def random_guess(measure: str, classes: int) -> float | None:
    """Returns the expected value of a measure for a random guess.

    Args:
        measure: `"error"` or `"top1_error"`, which are the same,
            `"top5_error"` or `"loss"`.
        classes: Number of classes.

    Returns:
        Float, or `None` for the top-5 error among five classes or fewer, which
        is always 0.

    Raises:
        ValueError: If `measure` is another one.
    """
    guesses = {
        "error": 1 - 1 / classes,
        "top1_error": 1 - 1 / classes,
        "top5_error": 1 - 5 / classes if classes > 5 else None,
        "loss": math.log(classes),
    }
    if measure not in guesses:
        raise ValueError(
            f"`measure` must be one of {sorted(guesses)}. "
            f"Received: measure={measure!r}"
        )
    return guesses[measure]
