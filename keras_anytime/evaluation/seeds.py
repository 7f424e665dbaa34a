"""Aggregates the curves of one network over several training seeds."""

import dataclasses
import os
from collections.abc import Iterable
from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_anytime.evaluation.base import Measurement
from keras_anytime.evaluation.curve import AnytimeCurve
from keras_anytime.evaluation.metrics import CONFIDENCE_LEVEL
from keras_anytime.evaluation.metrics import MILESTONES
from keras_anytime.evaluation.oracles import check_same_data
from keras_anytime.evaluation.oracles import relative_increase
from keras_anytime.evaluation.spread import Spread
from keras_anytime.evaluation.tables import as_table
from keras_anytime.evaluation.tables import short
from keras_anytime.files.csv_files import write_csv


@dataclasses.dataclass(frozen=True)
class CurveAggregate(Measurement):
    """The anytime curves of one network over several runs; see `aggregate`.

    `print(aggregate)` shows mean and standard deviation as a table.

    Args:
        curves: Tuple of `AnytimeCurve`s, one for each run.
        confidence_level: Float in (0, 1), of all intervals.
    """

    curves: tuple[AnytimeCurve, ...]
    confidence_level: float = CONFIDENCE_LEVEL

    @property
    def average_error(self) -> Spread:
        """The `Spread` of AE."""
        return self._spread(curve.average_error for curve in self.curves)

    @property
    def milestones(self) -> dict[float, Spread]:
        """Dict from 1/4, 1/2, 3/4 and 1 of the cost to `Spread`s of errors."""
        return {
            share: self._spread(curve.error_at(share) for curve in self.curves)
            for share in MILESTONES
        }

    def at_stages(self, measure: str = "top1_error") -> list[Any]:
        """Computes the spread of a measure at each stage.

        Args:
            measure: Name of an attribute of the curves' points, such as
                `"top1_error"` or `"loss"`.

        Returns:
            List of K `Spread`s; `None` if a run lacks the measure.
        """
        spreads = []
        for points in zip(
            *(curve.points for curve in self.curves), strict=True
        ):
            values = [getattr(point, measure) for point in points]
            spreads.append(None if None in values else self._spread(values))
        return spreads

    def relative_increase(
        self,
        optimal: AnytimeCurve | Sequence[AnytimeCurve],
        by: str = "cost",
        measure: str = "top1_error",
    ) -> dict[float, Spread]:
        """Computes the spread of the increase over the optimum.

        Args:
            optimal: The curve of the oracle, or one curve for each run.
            by: As for the function `relative_increase`.
            measure: As for the function `relative_increase`.

        Returns:
            Dict from shares or stages to `Spread`s of percentages.

        Raises:
            ValueError: As the function `relative_increase`, or if there is not
                one oracle for each run.
        """
        if isinstance(optimal, AnytimeCurve) or optimal is None:
            optimal = [optimal] * len(self.curves)
        check_paired(self.curves, optimal)
        increases = [
            relative_increase(curve, run_optimal, by, measure)
            for curve, run_optimal in zip(self.curves, optimal, strict=True)
        ]
        return {
            key: self._spread(increase[key] for increase in increases)
            for key in increases[0]
        }

    @property
    def mean(self) -> AnytimeCurve:
        """The mean `AnytimeCurve`, with intervals over the runs.

        The curve of a single run is returned unchanged, with its intervals
        over examples.
        """
        first = self.curves[0]
        if len(self.curves) == 1:
            return first
        top1 = self.at_stages("top1_error")
        top5 = self.at_stages("top5_error")
        average = self.average_error
        points = tuple(
            dataclasses.replace(
                run_points[0],
                top1_error=top1[k].mean,
                top5_error=top5[k] and top5[k].mean,
                top1_low=top1[k].low,
                top1_high=top1[k].high,
                top5_low=top5[k] and top5[k].low,
                top5_high=top5[k] and top5[k].high,
                top1_runs=top1[k].values,
                loss=_mean(point.loss for point in run_points),
                calibration_error=_mean(
                    point.calibration_error for point in run_points
                ),
            )
            for k, run_points in enumerate(
                zip(*(curve.points for curve in self.curves), strict=True)
            )
        )
        return dataclasses.replace(
            first,
            points=points,
            overthinking_rate=_mean(
                curve.overthinking_rate for curve in self.curves
            ),
            overthinking_interval=None,
            average_error_interval=(average.low, average.high),
            confidence_level=self.confidence_level,
        )

    def __str__(self) -> str:
        stages = zip(
            self.curves[0].points,
            self.at_stages("top1_error"),
            self.at_stages("top5_error"),
            strict=True,
        )
        shares = "  ".join(
            f"at {MILESTONES[share]} {spread:.2%}"
            for share, spread in self.milestones.items()
        )
        return "\n".join(
            [
                f"{self.curves[0].name}: {len(self.curves)} runs, mean "
                "(standard deviation)",
                *as_table(
                    {
                        "stage": point.stage,
                        "multiply-adds": short(point.macs),
                        "top-1 error": f"{top1:.2%}",
                        "top-5 error": top5 and f"{top5:.2%}",
                    }
                    for point, top1, top5 in stages
                ),
                f"average error {self.average_error:.2%}",
                f"error by share of the cost: {shares}",
            ]
        )

    def to_dict(self) -> dict[str, Any]:
        """Returns mean, spread and all runs as plain values, for JSON."""
        return {
            "confidence_level": self.confidence_level,
            "average_error": dataclasses.asdict(self.average_error),
            "top1_error": [
                dataclasses.asdict(spread) for spread in self.at_stages()
            ],
            "milestones": {
                str(share): dataclasses.asdict(spread)
                for share, spread in self.milestones.items()
            },
            "runs": [curve.to_dict() for curve in self.curves],
        }

    def to_csv(self, path: str | os.PathLike) -> None:
        """Writes a CSV file with one line per stage: the spread of errors.

        Args:
            path: Path of the file. An existing file is replaced atomically.
        """
        rows: list[dict[str, float]] = [
            {"stage": point.stage, "macs": point.macs}
            for point in self.curves[0].points
        ]
        for measure in ("top1_error", "top5_error"):
            for row, spread in zip(rows, self.at_stages(measure), strict=True):
                for name in ("mean", "std", "low", "high") if spread else ():
                    row[f"{measure}_{name}"] = getattr(spread, name)
        write_csv(path, rows)

    def plot(self, path: str | os.PathLike) -> None:
        """Draws the mean top-1 error against multiply-adds.

        The plot shows intervals over the runs; for two runs, it shows the
        error of each run instead.

        Args:
            path: Path that ends in `.png` or `.svg`. An existing file is
                replaced atomically.

        Raises:
            ValueError: If the path has another suffix.
            ImportError: If Matplotlib is missing; the `plot` extra installs it.
        """
        self.mean.plot(path)

    def _spread(self, values: Iterable[float]) -> Spread:
        return Spread.of(values, self.confidence_level)


def aggregate(
    curves: Iterable[AnytimeCurve], confidence_level: float = CONFIDENCE_LEVEL
) -> CurveAggregate:
    """Aggregates the curves of one network that was trained several times.

    ```python
    curves = [
        ka.evaluation.anytime_curve(model, (images[half], labels[half]))
        for half in (slice(0, 16), slice(16, 32))  # in place of two seeds
    ]
    print(ka.evaluation.aggregate(curves))
    ```

    Args:
        curves: `AnytimeCurve`s, one for each seed.
        confidence_level: Float in (0, 1), of all intervals.

    Returns:
        A `CurveAggregate`.

    Raises:
        ValueError: If there is no curve, or the curves are of networks with
            different stages or of different data.
    """
    curves = tuple(curves)
    check_same_data(curves)
    costs = {tuple(point.macs for point in curve.points) for curve in curves}
    if len(costs) > 1:
        raise ValueError(
            "The stages of all runs must have the same costs. Received: "
            f"curves of {sorted({len(macs) for macs in costs})} stages with "
            "MACs " + " and ".join(str(list(macs)) for macs in sorted(costs))
        )
    return CurveAggregate(curves, confidence_level)


def check_paired(curves: Sequence, others: Sequence) -> None:
    """Raises an error if not every run has a counterpart.

    Args:
        curves: The runs of one training.
        others: The runs of another training, or their counterparts.

    Raises:
        ValueError: If they are of different numbers.
    """
    if len(curves) != len(others):
        raise ValueError(
            "Runs are compared in pairs, seed by seed. "
            f"Received: {len(curves)} curves and {len(others)}"
        )


def _mean(values: Iterable[float | None]) -> float | None:
    known = []
    for value in values:
        if value is None:
            return None
        known.append(value)
    return float(np.mean(known))
