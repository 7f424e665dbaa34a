"""Win rates of a training method over another, with bounds for chance."""

import math
from collections.abc import Sequence

import numpy as np


def win_percentage(
    errors: Sequence[float], reference_errors: Sequence[float]
) -> float:
    """Computes in how many percent of experiments a method errs less.

    A tie counts as half a win: with it, Table 6 of the paper gives all numbers
    of its Tables 2a and 5.

    ```python
    ka.evaluation.win_percentage([0.1, 0.2], [0.2, 0.2])  # 75.0
    ```

    Args:
        errors: Sequence of floats, the errors of the method, one for each
            experiment.
        reference_errors: The errors of the other method in the same
            experiments.

    Returns:
        Float in [0, 100].

    Raises:
        ValueError: If there is no experiment, or the methods have different
            numbers of them.

    Reference:
        [Hu et al., 2017, Section 4.4 and Table 2a](
        https://arxiv.org/abs/1708.06832v1)
    """
    if not len(errors) or len(errors) != len(reference_errors):
        raise ValueError(
            "Both methods need an error for each experiment. "
            f"Received: {len(errors)} errors and {len(reference_errors)} "
            "reference errors"
        )
    # Means of equal errors may differ by rounding.
    ties = np.isclose(errors, reference_errors, rtol=1e-9, atol=1e-12)
    wins = np.less(errors, reference_errors) & ~ties
    return float(100 * (wins.sum() + ties.sum() / 2) / len(ties))


def hoeffding_bound(
    percentage: float, experiments: int, relative: bool = False
) -> float:
    """Bounds the probability of so many wins if no method is better.

    `Pr(X >= x) <= exp(-2 n (x - 1/2)^2)` for the share X of wins in n
    independent experiments, each of which is won with a probability of 1/2 at
    most.

    The paper's footnote 4 has `exp(-2 n e^2)` with `e = 2 x - 1`: it puts the
    relative deviation `x / p - 1` where Hoeffding's inequality has the absolute
    one, `x - p`. Its bounds of 0.05 from 59.8% on ("0.0598" in the text is a
    misprint) and of 0.001 from 65% on come from this form, which is too small.
    With 39 experiments, the inequality itself gives these bounds from 69.6% and
    79.8% on.

    ```python
    ka.evaluation.hoeffding_bound(76.92, experiments=39)  # 0.0035
    ```

    Args:
        percentage: Float in [0, 100]; see `win_percentage`.
        experiments: Integer of 1 or more. Number of experiments n.
        relative: Boolean. Whether to compute the paper's form.

    Returns:
        Float in (0, 1]; 1 for half of the experiments or less.

    Raises:
        ValueError: If `percentage` or `experiments` is out of range.

    Reference:
        [Hoeffding, 1963, Theorem 1](https://doi.org/10.2307/2282952);
        [Hu et al., 2017, footnote 4](https://arxiv.org/abs/1708.06832v1)
    """
    if not 0 <= percentage <= 100 or experiments < 1:
        raise ValueError(
            "`percentage` must be in [0, 100], and `experiments` 1 or more. "
            f"Received: percentage={percentage}, experiments={experiments}"
        )
    deviation = max(percentage / 100 - 0.5, 0)
    if relative:
        deviation *= 2
    return math.exp(-2 * experiments * deviation**2)
