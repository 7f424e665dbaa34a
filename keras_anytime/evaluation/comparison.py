"""Compares two trainings of one network, run by run."""

import dataclasses
from collections.abc import Sequence

from keras_anytime.evaluation.base import TaskMeasurement
from keras_anytime.evaluation.curve import AnytimeCurve
from keras_anytime.evaluation.metrics import CONFIDENCE_LEVEL
from keras_anytime.evaluation.oracles import check_same_data
from keras_anytime.evaluation.seeds import check_paired
from keras_anytime.evaluation.spread import Spread
from keras_anytime.evaluation.tables import as_table


@dataclasses.dataclass(frozen=True)
class Comparison(TaskMeasurement):
    """The differences in error between two trainings with the same seeds.

    Differences of shares are shares: 0.01 is a percentage point. Those of a
    regression have the units of its labels. Below 0, the first training is
    better. An interval without 0 shows a difference. Each
    interval stands by itself: among many, some are wrong by chance.

    Args:
        names: Names of the two trainings.
        stages: One `Spread` of the difference in error for each stage.
        average_error: The `Spread` of the difference in AE.
        num_runs: Number of pairs of runs.
        confidence_level: Float in (0, 1), of the intervals.
        task: The `tasks.Task`; `None` for the choice of one class.
    """

    names: tuple[str, str]
    stages: tuple[Spread, ...]
    average_error: Spread
    num_runs: int
    confidence_level: float

    def __str__(self) -> str:
        differences = {
            **{f"stage {k}": s for k, s in enumerate(self.stages, start=1)},
            "average error": self.average_error,
        }
        unit = " in percentage points" if self.error_is_share else ""
        return "\n".join(
            [
                f"{self.names[0]} minus {self.names[1]}: {self.error_name}"
                f"{unit}, {self.num_runs} pairs of runs",
                *as_table(
                    {
                        "": name,
                        "difference": self._text(spread.mean),
                        f"{self.confidence_level:.0%} interval": (
                            f"{self._text(spread.low)} to "
                            f"{self._text(spread.high)}"
                        ),
                    }
                    for name, spread in differences.items()
                ),
            ]
        )

    def _text(self, difference: float) -> str:
        if self.error_is_share:
            return f"{100 * difference:+.2f}"
        return f"{difference:+.4g}"


def compare(
    curves: Sequence[AnytimeCurve],
    others: Sequence[AnytimeCurve],
    names: tuple[str, str] = ("first", "second"),
    confidence_level: float = CONFIDENCE_LEVEL,
) -> Comparison:
    """Compares two trainings of one network with a paired t test.

    Runs with the same seed form a pair: they start from the same weights and
    see the same batches, so that much of the variation between seeds cancels.

    Args:
        curves: `AnytimeCurve`s of one training, one for each seed.
        others: `AnytimeCurve`s of the other training, in the same order of
            seeds.
        names: Names of the two trainings.
        confidence_level: Float in (0, 1), of the intervals.

    Returns:
        A `Comparison`.

    Raises:
        ValueError: If there are fewer than two pairs, or the curves are of
            networks with different numbers of stages, of different data or of
            different tasks.
    """
    check_paired(curves, others)
    if len(curves) < 2:
        raise ValueError(
            "An interval needs two pairs of runs or more. "
            f"Received: {len(curves)}"
        )
    check_same_data([*curves, *others])
    counts = sorted({len(curve.points) for curve in [*curves, *others]})
    if len(counts) > 1:
        raise ValueError(
            "All curves must have the same number of stages, because stage k "
            f"is compared with stage k. Received: curves of {counts} stages"
        )
    pairs = list(zip(curves, others, strict=True))
    return Comparison(
        names=(names[0], names[1]),
        stages=tuple(
            Spread.of(
                [
                    first.points[k].error - second.points[k].error
                    for first, second in pairs
                ],
                confidence_level,
            )
            for k in range(counts[0])
        ),
        average_error=Spread.of(
            [a.average_error - b.average_error for a, b in pairs],
            confidence_level,
        ),
        num_runs=len(pairs),
        confidence_level=confidence_level,
        task=curves[0].task,
    )
