"""Several runs of one training: mean, spread, and comparison with another."""

import dataclasses
import math

import numpy as np

from keras_anytime.evaluation.base import Result
from keras_anytime.evaluation.csv_files import write_csv
from keras_anytime.evaluation.curve import MILESTONES
from keras_anytime.evaluation.curve import AnytimeCurve
from keras_anytime.evaluation.metrics import LEVEL
from keras_anytime.evaluation.oracles import check_same_data
from keras_anytime.evaluation.oracles import relative_increase
from keras_anytime.evaluation.tables import as_table
from keras_anytime.evaluation.tables import short


@dataclasses.dataclass(frozen=True)
class Spread:
    """One number over several runs.

    Args:
        mean: Float.
        std: Float. The standard deviation of the runs, with one degree of
            freedom less than runs; NaN for a single run.
        low: Float. Lower end of the interval of the mean, by Student's t
            distribution; NaN for a single run.
        high: Float. Its upper end.
        values: Tuple of floats, the numbers of the runs; empty where only the
            others are known.
    """

    mean: float
    std: float
    low: float
    high: float
    values: tuple[float, ...] = ()

    @classmethod
    def of(cls, values, level=LEVEL):
        """Returns the spread of some numbers.

        Args:
            values: Sequence of floats, one for each run.
            level: Float in (0, 1), the confidence level.
        """
        if not 0 < level < 1:
            raise ValueError(
                f"`level` must be in (0, 1). Received: level={level}"
            )
        values = list(map(float, values))
        mean, runs = float(np.mean(values)), len(values)
        if runs < 2 or not all(map(math.isfinite, values)):
            return cls(mean, math.nan, math.nan, math.nan, tuple(values))
        from scipy import stats

        std = float(np.std(values, ddof=1))
        quantile = float(stats.t.ppf((1 + level) / 2, runs - 1))
        half = quantile * std / math.sqrt(runs)
        return cls(mean, std, mean - half, mean + half, tuple(values))

    def __format__(self, form):
        """Mean and, of several runs, standard deviation: `12.3% (0.4%)`."""
        if math.isnan(self.std):
            return format(self.mean, form)
        return f"{self.mean:{form}} ({self.std:{form}})"


@dataclasses.dataclass(frozen=True)
class CurveAggregate(Result):
    """The anytime curves of one network over several runs; see `aggregate`.

    `print(aggregate)` shows it as a table.

    Args:
        curves: Tuple of `AnytimeCurve`s, one for each run.
        level: Float in (0, 1), the confidence level of all intervals.
    """

    curves: tuple[AnytimeCurve, ...]
    level: float = LEVEL

    @property
    def average_error(self):
        """The `Spread` of AE."""
        return self._spread(curve.average_error for curve in self.curves)

    @property
    def milestones(self):
        """Dict from 1/4, 1/2, 3/4 and 1 of the cost to `Spread`s of errors."""
        return {
            share: self._spread(curve.error_at(share) for curve in self.curves)
            for share in MILESTONES
        }

    def at_stages(self, measure="top1_error"):
        """Returns the `Spread` of a measure at each stage, in a list.

        Args:
            measure: String, the name of an attribute of `CurvePoint`.

        Returns:
            List of K `Spread`s; `None` where a run lacks the measure.
        """
        return [
            self._spread(getattr(point, measure) for point in points)
            for points in zip(
                *(curve.points for curve in self.curves), strict=True
            )
        ]

    def relative_increase(self, optimal, by="cost", measure="top1_error"):
        """Returns the `Spread`s of the increase over the optimal.

        Args:
            optimal: The curve of the oracle, or a sequence of one for each run.
            by: As for the function `relative_increase`.
            measure: Likewise.

        Returns:
            Dict from shares or stages to `Spread`s of percentages.
        """
        if isinstance(optimal, AnytimeCurve) or optimal is None:
            optimal = [optimal] * len(self.curves)
        check_paired(self.curves, optimal)
        found = [
            relative_increase(curve, one, by, measure)
            for curve, one in zip(self.curves, optimal, strict=True)
        ]
        return {
            key: self._spread(one[key] for one in found) for key in found[0]
        }

    @property
    def mean(self):
        """The mean `AnytimeCurve`, whose intervals are those over the runs.

        A single run is returned as it is, with intervals over examples.
        """
        first = self.curves[0]
        if len(self.curves) == 1:
            return first
        top1 = self.at_stages("top1_error")
        top5 = self.at_stages("top5_error")
        average = self.average_error
        points = tuple(
            dataclasses.replace(
                same[0],
                top1_error=top1[k].mean,
                top5_error=top5[k] and top5[k].mean,
                top1_low=top1[k].low,
                top1_high=top1[k].high,
                top5_low=top5[k] and top5[k].low,
                top5_high=top5[k] and top5[k].high,
                top1_runs=top1[k].values,
                loss=_mean(one.loss for one in same),
                calibration_error=_mean(one.calibration_error for one in same),
            )
            for k, same in enumerate(
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
            level=self.level,
        )

    def __str__(self):
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
                        "MACs": short(point.macs),
                        "top-1 error": f"{top1:.2%}",
                        "top-5 error": top5 and f"{top5:.2%}",
                    }
                    for point, top1, top5 in stages
                ),
                f"average error {self.average_error:.2%}",
                f"error by share of the cost: {shares}",
            ]
        )

    def to_dict(self):
        """Returns mean, spread and all runs as plain values, for JSON."""
        return {
            "level": self.level,
            "average_error": dataclasses.asdict(self.average_error),
            "top1_error": [dataclasses.asdict(s) for s in self.at_stages()],
            "milestones": {
                str(share): dataclasses.asdict(spread)
                for share, spread in self.milestones.items()
            },
            "runs": [curve.to_dict() for curve in self.curves],
        }

    def to_csv(self, path):
        """Writes one line per stage to a CSV file, with the spread of errors.

        Args:
            path: String or path. A file there is replaced at once.
        """
        rows = [
            {"stage": point.stage, "macs": point.macs}
            for point in self.curves[0].points
        ]
        for measure in ("top1_error", "top5_error"):
            for row, spread in zip(rows, self.at_stages(measure), strict=True):
                for name in ("mean", "std", "low", "high") if spread else ():
                    row[f"{measure}_{name}"] = getattr(spread, name)
        write_csv(path, rows)

    def plot(self, path):
        """Draws the mean top-1 error against multiply-adds.

        With intervals over the runs; of two runs, with the errors of each.

        Args:
            path: String or path that ends in `.png` or `.svg`. A file there
                is replaced at once.

        Raises:
            ValueError: If the path ends in anything else.
            ImportError: If Matplotlib is missing; the `plot` extra brings it.
        """
        self.mean.plot(path)

    def _spread(self, values):
        values = list(values)
        return None if None in values else Spread.of(values, self.level)


def aggregate(curves, level=LEVEL):
    """Joins the curves of one network, trained several times.

    Args:
        curves: Sequence of `AnytimeCurve`s, one for each seed.
        level: Float in (0, 1), the confidence level of intervals.

    Returns:
        A `CurveAggregate`.

    Raises:
        ValueError: If there is no curve, or they are of networks with
            different stages or of different data.
    """
    curves = tuple(curves)
    check_same_data(curves)
    found = {tuple(point.macs for point in curve.points) for curve in curves}
    if len(found) > 1:
        raise ValueError(
            "Runs of one network have stages of the same costs. Received: "
            f"curves of {sorted({len(one) for one in found})} stages with MACs "
            + " and ".join(str(list(one)) for one in sorted(found))
        )
    return CurveAggregate(curves, level)


@dataclasses.dataclass(frozen=True)
class Comparison(Result):
    """How much more one training errs than another, with the same seeds.

    All differences are of shares: 0.01 is a percentage point. Below 0, the
    first is better. An interval that does not hold 0 tells a difference, each
    interval by itself: of many, some miss by chance.

    Args:
        names: Pair of strings.
        stages: Tuple of one `Spread` per stage, of top-1 error.
        average_error: `Spread`, of AE.
        runs: Integer, the number of pairs.
        level: Float in (0, 1), the confidence level of the intervals.
    """

    names: tuple[str, str]
    stages: tuple[Spread, ...]
    average_error: Spread
    runs: int
    level: float

    def __str__(self):
        rows = [
            *((f"stage {k}", one) for k, one in enumerate(self.stages, 1)),
            ("average error", self.average_error),
        ]
        return "\n".join(
            [
                f"{self.names[0]} minus {self.names[1]}: top-1 error in "
                f"percentage points, {self.runs} pairs of runs",
                *as_table(
                    {
                        "": name,
                        "difference": f"{100 * one.mean:+.2f}",
                        f"{self.level:.0%} interval": (
                            f"{100 * one.low:+.2f} to {100 * one.high:+.2f}"
                        ),
                    }
                    for name, one in rows
                ),
            ]
        )


def compare(curves, others, names=("first", "second"), level=LEVEL):
    """Compares two trainings of one network, run by run.

    Runs with the same seed are a pair: they start from the same weights and
    see the same batches, so that much of what differs between seeds cancels.
    The intervals are those of the paired t test.

    Args:
        curves: Sequence of `AnytimeCurve`s of one training, one for each seed.
        others: Those of the other training, in the same order of seeds.
        names: Pair of strings, what the trainings are called.
        level: Float in (0, 1), the confidence level.

    Returns:
        A `Comparison`.

    Raises:
        ValueError: If there are fewer than two pairs, or the curves are of
            networks with different numbers of stages or of different data.
    """
    check_paired(curves, others)
    if len(curves) < 2:
        raise ValueError(
            "An interval needs two pairs of runs or more. "
            f"Received: {len(curves)}"
        )
    check_same_data([*curves, *others])
    counts = sorted({len(one.points) for one in [*curves, *others]})
    if len(counts) > 1:
        raise ValueError(
            "Stage is compared with stage: all curves must have as many. "
            f"Received: curves of {counts} stages"
        )
    pairs = list(zip(curves, others, strict=True))
    return Comparison(
        names=tuple(names),
        stages=tuple(
            Spread.of(
                [
                    a.points[k].top1_error - b.points[k].top1_error
                    for a, b in pairs
                ],
                level,
            )
            for k in range(counts[0])
        ),
        average_error=Spread.of(
            [a.average_error - b.average_error for a, b in pairs], level
        ),
        runs=len(pairs),
        level=level,
    )


def check_paired(curves, others):
    """Raises a `ValueError` if not every run has its counterpart."""
    if len(curves) != len(others):
        raise ValueError(
            "Runs are compared in pairs, seed by seed. "
            f"Received: {len(curves)} curves and {len(others)}"
        )


def _mean(values):
    values = list(values)
    return None if None in values else float(np.mean(values))
