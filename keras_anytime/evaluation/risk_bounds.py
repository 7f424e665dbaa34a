"""Tests of whether a mean loss is below a bound, as pure NumPy functions."""

import math
from collections.abc import Callable

import numpy as np


def wsr_refutes(losses: np.ndarray, risk: float, alpha: float) -> bool:
    """Returns whether the mean loss is below a risk, by betting.

    A gambler bets on each loss in turn that the mean is below `risk`. If it is
    not, the expected wealth never grows, and the probability that it ever
    reaches `1 / alpha` is at most `alpha`. Each stake depends on the losses
    before it only.

    Args:
        losses: Float array `(examples,)`, at most 1, in an order that does not
            depend on them.
        risk: Float in (0, 1).
        alpha: Float in (0, 1), the probability of a wrong result.

    Reference:
        [Waudby-Smith and Ramdas, 2024, Section 4](
        https://arxiv.org/abs/2010.09686), with the stakes of
        [Bates et al., 2021, Section 3.1.3](https://arxiv.org/abs/2101.02703)
    """
    losses = np.asarray(losses, "float64")
    counts = np.arange(2, len(losses) + 2)
    means = (0.5 + np.cumsum(losses)) / counts
    variances = (0.25 + np.cumsum((losses - means) ** 2)) / counts
    before = np.concatenate([[0.25], variances[:-1]])
    stakes = np.sqrt(2 * math.log(1 / alpha) / (len(losses) * before))
    wealth = np.cumsum(np.log1p(-np.minimum(stakes, 1) * (losses - risk)))
    return bool(wealth.max() >= math.log(1 / alpha))


def hoeffding_bentkus_refutes(
    losses: np.ndarray, risk: float, alpha: float
) -> bool:
    """Returns whether the mean of the positive parts of losses is below a risk.

    Args:
        losses: Float array `(examples,)`, at most 1.
        risk: Float in (0, 1).
        alpha: Float in (0, 1), the probability of a wrong result.
    """
    positive = np.maximum(np.asarray(losses, "float64"), 0)
    return hoeffding_bentkus_p_value(positive, risk) <= alpha


def hoeffding_bentkus_p_value(losses: np.ndarray, risk: float) -> float:
    """Returns the p-value of the hypothesis that the mean is `risk` or more.

    Args:
        losses: Float array `(examples,)` with values in [0, 1].
        risk: Float in (0, 1).

    Returns:
        Float in [0, 1]: the smaller one of the p-values of Hoeffding's and of
        Bentkus' inequality; the exact one if all losses are 0 or 1.

    Reference:
        [Angelopoulos et al., 2021, Section 2](
        https://arxiv.org/abs/2110.01052)
    """
    examples, total = len(losses), float(losses.sum())
    # A sum of thirds may be a little above a whole number.
    binomial = binomial_cdf(math.ceil(total - 1e-9), examples, risk)
    if np.all((losses == 0) | (losses == 1)):
        return binomial
    mean = min(total / examples, risk)
    divergence = (1 - mean) * math.log((1 - mean) / (1 - risk))
    if mean:
        divergence += mean * math.log(mean / risk)
    return min(1.0, math.e * binomial, math.exp(-examples * divergence))


def binomial_cdf(successes: int, trials: int, probability: float) -> float:
    """Returns the probability of so many successes or fewer.

    Args:
        successes: Integer from 0 to `trials`.
        trials: Integer.
        probability: Float in (0, 1), of a success.
    """
    counts = np.arange(1, successes + 1)
    odds = probability / (1 - probability)
    ratios = np.log((trials - counts + 1) / counts * odds)
    logs = trials * math.log1p(-probability) + np.concatenate(
        [[0.0], np.cumsum(ratios)]
    )
    return min(1.0, float(np.exp(logs).sum()))


#: Bounds by their names.
BOUNDS: dict[str, Callable[[np.ndarray, float, float], bool]] = {
    "wsr": wsr_refutes,
    "hoeffding_bentkus": hoeffding_bentkus_refutes,
}
