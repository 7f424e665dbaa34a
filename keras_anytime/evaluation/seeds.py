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
from keras_anytime.evaluation.points import Point
from keras_anytime.evaluation.points import TaskPoint
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

    def at_stages(self, measure: str = "error") -> list[Any]:
        """Computes the spread of a measure at each stage.

        Args:
            measure: Name of an attribute of the curves' points, such as
                `"error"` or `"loss"`.

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
        measure: str = "error",
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
        average = self.average_error
        guesses = _mean(curve.guess_error for curve in self.curves)
        return dataclasses.replace(
            first,
            points=tuple(
                self._mean_point(k, run_points)
                for k, run_points in enumerate(
                    zip(*(curve.points for curve in self.curves), strict=True)
                )
            ),
            guess_error=guesses,
            overthinking_rate=_mean(
                curve.overthinking_rate for curve in self.curves
            ),
            overthinking_interval=None,
            average_error_interval=(average.low, average.high),
            confidence_level=self.confidence_level,
        )

    def _mean_point(self, k: int, run_points: Sequence[Any]) -> Point:
        """Returns the mean of the points of a stage."""
        error = self.at_stages()[k]
        calibration_error = _mean(p.calibration_error for p in run_points)
        if isinstance(run_points[0], TaskPoint):
            return dataclasses.replace(
                run_points[0],
                error=error.mean,
                error_low=error.low,
                error_high=error.high,
                error_runs=error.values,
                miou=_mean(point.miou for point in run_points),
                calibration_error=calibration_error,
            )
        top5 = self.at_stages("top5_error")[k]
        return dataclasses.replace(
            run_points[0],
            top1_error=error.mean,
            top5_error=top5 and top5.mean,
            top1_low=error.low,
            top1_high=error.high,
            top5_low=top5 and top5.low,
            top5_high=top5 and top5.high,
            top1_runs=error.values,
            loss=_mean(point.loss for point in run_points),
            calibration_error=calibration_error,
        )

    def _further(self) -> tuple[str, str]:
        """Returns the measure beside the error, and its name in words."""
        of_classes = self.curves[0].task is None
        return ("top5_error", "top-5 error") if of_classes else ("miou", "mIoU")

    def __str__(self) -> str:
        first = self.curves[0]
        form = first.error_format()
        further, further_name = self._further()
        stages = zip(
            first.points,
            self.at_stages(),
            self.at_stages(further),
            strict=True,
        )
        shares = "  ".join(
            f"at {MILESTONES[share]} {spread:{form}}"
            for share, spread in self.milestones.items()
        )
        return "\n".join(
            [
                f"{first.name}: {len(self.curves)} runs, mean "
                "(standard deviation)",
                *as_table(
                    {
                        "stage": point.stage,
                        "multiply-adds": short(point.macs),
                        first.error_name: f"{error:{form}}",
                        further_name: other and f"{other:.2%}",
                    }
                    for point, error, other in stages
                ),
                f"average error {self.average_error:{form}}",
                f"error by share of the cost: {shares}",
            ]
        )

    def to_dict(self) -> dict[str, Any]:
        """Returns mean, spread and all runs as plain values, for JSON."""
        return {
            "confidence_level": self.confidence_level,
            "average_error": dataclasses.asdict(self.average_error),
            self.curves[0].error_column: [
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
        for measure in (self.curves[0].error_column, self._further()[0]):
            for row, spread in zip(rows, self.at_stages(measure), strict=True):
                for name in ("mean", "std", "low", "high") if spread else ():
                    row[f"{measure}_{name}"] = getattr(spread, name)
        write_csv(path, rows)

    def plot(self, path: str | os.PathLike) -> None:
        """Draws the mean error against multiply-adds.

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
            different stages, of different data or of different tasks, or only
            some are of product answers.
    """
    curves = tuple(curves)
    check_same_data(curves)
    if len({curve.product_answers for curve in curves}) > 1:
        raise ValueError(
            "The mean is that of runs which answer alike. Received: curves of "
            "product answers, and of answers of each stage alone"
        )
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
