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
    one before it, and is as good as a network for one depth from its own
    depth divided by `base` on.

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
    if not base > 1 or math.isinf(base):
        raise ValueError(
            f"`base` must be a number above 1. Received: base={base}"
        )
    return CostInflation(
        supremum=2 + 1 / (base - 1),
        mean=1 - 1 / (2 * base) + (1 + math.log(base)) / (base - 1),
    )
