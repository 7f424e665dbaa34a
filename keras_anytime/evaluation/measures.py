"""What is measured on the answers to many examples: pure functions."""

import numpy as np

# Enough for the second digit of a 95% interval (Efron and Tibshirani, 1993).
RESAMPLES = 1000
LEVEL = 0.95


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

    All columns are resampled together. Examples with the same values are
    interchangeable, so only how often each kind is drawn is simulated: of K
    stages that are right or wrong there are at most 2^K kinds, and of 100,000
    examples the intervals take milliseconds. Where every example has the same
    value, the interval has no width: the bootstrap cannot tell then.

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
    kinds, counts = np.unique(values, axis=0, return_counts=True)
    drawn = np.random.default_rng(seed).multinomial(
        len(values), counts / len(values), size=resamples
    )
    means = drawn @ kinds.astype("float64") / len(values)
    ends = [50 * (1 - level), 50 * (1 + level)]
    return np.percentile(means, ends, axis=0).T
