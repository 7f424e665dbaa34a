"""The cost inflation of ensembles of exponentially deepening networks."""

import dataclasses
import math


@dataclasses.dataclass(frozen=True)
class CostInflation:
    """The cost of an ensemble, as a multiple of the optimal cost.

    Args:
        supremum: The largest multiple over all times of interruption.
        mean: A bound of the mean multiple for a uniform time of interruption.
    """

    supremum: float
    mean: float


def ensemble_cost_inflation(base: float) -> CostInflation:
    """Computes how much more an EANN costs than an optimal network.

    The formula assumes that each network of the ensemble is `base` times as
    deep as the network before it, and that a network of depth L is as good at
    any depth above L / `base` as a network that was trained for that depth.

    ```python
    ka.evaluation.ensemble_cost_inflation(2)  # supremum 3, mean 2.44
    ```

    Args:
        base: Float above 1. Growth factor b of the depth.

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
