"""What an ensemble of exponentially deepening networks costs more."""

import dataclasses
import math


@dataclasses.dataclass(frozen=True)
class CostInflation:
    """How many times the cost of the optimal an ensemble takes.

    Args:
        supremum: Float. The most, over all times of interruption.
        mean: Float. A bound of the mean, over a uniform time of interruption.
    """

    supremum: float
    mean: float


def ensemble_cost_inflation(base):
    """Returns how much costlier an EANN is than the network it keeps up with.

    It holds where each network of the ensemble is `base` times as deep as the
    one before it, and where each of them, of depth L, is at any depth above
    L / `base` as good as a network that was trained for that depth alone.

    ```python
    ensemble_cost_inflation(2)   # supremum 3, mean 2.44
    ```

    Args:
        base: Float above 1.

    Returns:
        A `CostInflation`: `2 + 1 / (b - 1)` and
        `1 - 1 / (2 b) + (1 + ln b) / (b - 1)`.

    Raises:
        ValueError: If `base` is not above 1.

    Reference:
        [Hu et al., 2019, Proposition 4.1](https://arxiv.org/abs/1708.06832)
    """
    if not isinstance(base, (int, float)) or not 1 < base < math.inf:
        raise ValueError(
            f"`base` must be a number above 1. Received: base={base!r}"
        )
    return CostInflation(
        supremum=2 + 1 / (base - 1),
        mean=1 - 1 / (2 * base) + (1 + math.log(base)) / (base - 1),
    )
