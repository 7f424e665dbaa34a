"""What is measured on the answers to many examples: pure functions."""

import numpy as np

# Enough for the second digit of a 95% interval (Efron and Tibshirani, 1993).
RESAMPLES = 1000
LEVEL = 0.95
# Resampled data sets that are in memory at once.
_AT_ONCE = 50


def worse_with_time(correct):
    """Returns which examples' answer gets worse with more time.

    Args:
        correct: Boolean array `(examples, num_stages)`, whether each stage's
            answer is right.

    Returns:
        Boolean array `(examples,)`: whether some stage is right and a later
        one wrong.
    """
    correct = np.asarray(correct, bool)
    was_right = np.logical_or.accumulate(correct, axis=1)
    return np.any(was_right & ~correct, axis=1)


def calibration_error(confidences, correct, bins=15):
    """Returns how far confidences are from the share of right answers.

    The expected calibration error: examples are put in bins of equal width by
    their confidence, and the gaps between mean confidence and accuracy of the
    bins are averaged with the bins' shares of examples.

    Args:
        confidences: Float array `(examples,)` in [0, 1], the largest
            probability of each answer.
        correct: Boolean array `(examples,)`.
        bins: Integer.

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


def bootstrap_intervals(values, resamples=RESAMPLES, level=LEVEL, seed=0):
    """Returns intervals of means over examples, by the percentile bootstrap.

    All columns are resampled together. Where every example has the same value,
    the interval has no width: the bootstrap cannot tell then.

    Args:
        values: Float array `(examples, columns)`.
        resamples: Integer, data sets drawn with replacement.
        level: Float in (0, 1), the confidence level.
        seed: Integer.

    Returns:
        Float array `(columns, 2)`, lower and upper ends.

    Raises:
        ValueError: If `resamples` or `level` is out of its range.

    Reference:
        [Efron and Tibshirani, 1993, Chapter 13](
        https://doi.org/10.1201/9780429246593)
    """
    if resamples < 1 or not 0 < level < 1:
        raise ValueError(
            "`resamples` must be 1 or more, and `level` in (0, 1). "
            f"Received: resamples={resamples}, level={level}"
        )
    # Of K stages that are right or wrong, there are few kinds of examples, and
    # all that matters is how often each kind is drawn.
    kinds, kind_of = np.unique(values, axis=0, return_inverse=True)
    kinds, kind_of = kinds.astype("float64"), kind_of.reshape(-1)
    rng = np.random.default_rng(seed)
    means = []
    for start in range(0, resamples, _AT_ONCE):
        counts = np.empty((min(_AT_ONCE, resamples - start), len(kinds)))
        for row in counts:
            drawn = kind_of[rng.integers(0, len(values), len(values))]
            row[:] = np.bincount(drawn, minlength=len(kinds))
        means.append(counts @ kinds / len(values))
    means = np.concatenate(means)
    ends = [50 * (1 - level), 50 * (1 + level)]
    return np.percentile(means, ends, axis=0).T
