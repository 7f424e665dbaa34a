"""The cost inflation of ensembles of exponentially deepening networks."""

import dataclasses
import math

from keras_anytime.evaluation.curve import AnytimeCurve

ANYTIME = "anytime"
REGULAR = "regular"


@dataclasses.dataclass(frozen=True)
class CostInflation:
    """The cost of an ensemble, as a multiple of the optimal cost.

    Args:
        supremum: The largest multiple over all times of interruption.
        mean: A bound of the mean multiple for a uniform time of interruption.
    """

    supremum: float
    mean: float


def ensemble_cost_inflation(
    base: float, networks: str = ANYTIME, workers: int = 1
) -> CostInflation:
    """Computes how much more an ensemble costs than an optimal network.

    The formulas assume that each network of the ensemble is `base` times as
    deep as the network before it. An anytime network of depth L is taken to be
    as good at any depth above L / `base` as a network that was trained for that
    depth. A regular network answers at its end only.

    With b = `base`, anytime networks have the supremum `2 + 1 / (b - 1)` and
    the mean `1 - 1 / (2 b) + (1 + ln b) / (b - 1)`. Regular networks have
    `b^2 / (b - 1)`, which is 4 or more, and `1.5 + (b - 1) / 2 + 1 / (b - 1)`,
    which is 1.5 + sqrt(2) = 2.91 or more.

    M = `workers` run networks in parallel, each starting the next network as
    soon as it has finished its own. The multiples are then of time instead of
    multiply-adds. For anytime networks, b^M takes the place of b, as in the
    paper; both results are upper bounds. For regular networks, which the paper
    leaves out here, the same schedule gives `b b^M / (b^M - 1)` and
    `(b + 1) / 2 * b^M / (b^M - 1)`; for a single worker, these are the formulas
    above.

    ```python
    ka.evaluation.ensemble_cost_inflation(2)  # supremum 3, mean 2.44
    ka.evaluation.ensemble_cost_inflation(2, "regular")  # 4 and 3
    ka.evaluation.ensemble_cost_inflation(2, workers=2)  # 2.33 and 1.67
    ```

    Args:
        base: Float above 1. Growth factor b of the depth.
        networks: `"anytime"` or `"regular"`.
        workers: Integer of 1 or more. Networks that run at the same time.

    Returns:
        A `CostInflation`.

    Raises:
        ValueError: If an argument is out of range.

    Reference:
        [Hu et al., 2019, Proposition 4.1 and Appendix A](
        https://arxiv.org/abs/1708.06832);
        [Hu et al., 2017, Section 3.3](https://arxiv.org/abs/1708.06832v1)
    """
    if not isinstance(base, (int, float)) or not 1 < base < math.inf:
        raise ValueError(
            f"`base` must be a number above 1. Received: base={base!r}"
        )
    if networks not in (ANYTIME, REGULAR):
        raise ValueError(
            f"`networks` must be {ANYTIME!r} or {REGULAR!r}. "
            f"Received: networks={networks!r}"
        )
    if not isinstance(workers, int) or workers < 1:
        raise ValueError(
            "`workers` must be an integer of 1 or more. "
            f"Received: workers={workers!r}"
        )
    try:
        growth = float(base) ** workers
    except OverflowError:
        growth = math.inf
    # Without the rounding of b^M / (b^M - 1), and with its limit.
    delay = 1 / (growth - 1)
    if networks == REGULAR:
        return CostInflation(
            supremum=base * (1 + delay), mean=(base + 1) / 2 * (1 + delay)
        )
    # (1 + ln x) / (x - 1) vanishes for infinite x.
    later = (1 + workers * math.log(base)) * delay
    return CostInflation(supremum=2 + delay, mean=1 - 1 / (2 * growth) + later)


def divide_costs(
    curve: AnytimeCurve, divisor: float, name: str
) -> AnytimeCurve:
    """Returns a curve whose multiply-adds are divided, as in Hu 2017, Fig. 2e.

    Args:
        curve: The curve of an ensemble.
        divisor: Float, such as the expected cost inflation E[C].
        name: The name of the result.
    """
    return dataclasses.replace(
        curve,
        points=tuple(
            dataclasses.replace(point, macs=round(point.macs / divisor))
            for point in curve.points
        ),
        name=name,
        stage_costs=None,
    )
