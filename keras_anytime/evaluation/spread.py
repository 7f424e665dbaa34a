"""The spread of a number over several runs: mean, deviation, interval."""

import dataclasses
import math
from collections.abc import Iterable

import numpy as np

from keras_anytime.evaluation.metrics import CONFIDENCE_LEVEL


@dataclasses.dataclass(frozen=True)
class Spread:
    """The mean of a number over several runs, and its spread.

    Args:
        mean: Mean of the runs.
        std: Standard deviation of the runs, with runs - 1 degrees of freedom;
            NaN for a single run.
        low: Lower end of the interval of the mean, by Student's t
            distribution; NaN for a single run.
        high: Upper end of the interval of the mean.
        values: The number of each run; empty if only the statistics are known.
    """

    mean: float
    std: float
    low: float
    high: float
    values: tuple[float, ...] = ()

    @classmethod
    def of(
        cls,
        values: Iterable[float],
        confidence_level: float = CONFIDENCE_LEVEL,
    ) -> "Spread":
        """Computes the spread of the numbers of several runs.

        Args:
            values: One float for each run.
            confidence_level: Float in (0, 1), of the interval.

        Returns:
            A `Spread`.

        Raises:
            ValueError: If `confidence_level` is outside (0, 1).
        """
        if not 0 < confidence_level < 1:
            raise ValueError(
                "`confidence_level` must be in (0, 1). "
                f"Received: confidence_level={confidence_level}"
            )
        values = tuple(map(float, values))
        mean, runs = float(np.mean(values)), len(values)
        if runs < 2 or not all(map(math.isfinite, values)):
            return cls(mean, math.nan, math.nan, math.nan, values)
        from scipy import stats

        std = float(np.std(values, ddof=1))
        quantile = float(stats.t.ppf((1 + confidence_level) / 2, runs - 1))
        half = quantile * std / math.sqrt(runs)
        return cls(mean, std, mean - half, mean + half, values)

    def __format__(self, form: str) -> str:
        """Formats the mean and, if known, the deviation: `12.3% (0.4%)`."""
        if math.isnan(self.std):
            return format(self.mean, form)
        return f"{self.mean:{form}} ({self.std:{form}})"
