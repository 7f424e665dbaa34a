"""The anytime curve: how good each stage's answer is, and what it costs."""

import dataclasses
import json
import math

from keras_anytime.evaluation.base import Result
from keras_anytime.evaluation.csv_files import write_csv
from keras_anytime.evaluation.tables import as_table
from keras_anytime.evaluation.tables import percent
from keras_anytime.evaluation.tables import short
from keras_anytime.files import user_path

# The shares of the cost at which the papers report errors.
MILESTONES = {0.25: "1/4", 0.5: "1/2", 0.75: "3/4", 1: "1"}
# Names in files that were written before the fields got theirs.
_RENAMED = {
    "monotonicity": "overthinking_rate",
    "monotonicity_interval": "overthinking_interval",
}


@dataclasses.dataclass(frozen=True)
class CurvePoint:
    """One stage of an anytime curve.

    What was not measured is `None`.

    Args:
        stage: Integer, counted from 1.
        macs: Integer. Multiply-adds of the subnetwork, for one image.
        parameters: Integer. Trainable parameters of the subnetwork.
        top1_error: Float in [0, 1]. Share of examples whose label is not the
            largest logit. A tie is an error: a stage that says the same of all
            classes errs always, and does not guess.
        top5_error: Float in [0, 1]. Share of examples whose label is not among
            the five largest logits; `None` of five classes or fewer.
        loss: Float. Mean cross entropy in nats, without regularizers.
        calibration_error: Float in [0, 1]. How far the confidences are from
            the share of right answers; see `measures.calibration_error`.
        top1_low: Float. Lower end of the interval of the top-1 error.
        top1_high: Float. Its upper end.
        top5_low: Float. Lower end of the interval of the top-5 error.
        top5_high: Float. Its upper end.
        top1_runs: Tuple of floats, the top-1 errors of the runs that it is the
            mean of; `None` of a single run.
    """

    stage: int
    macs: int
    parameters: int
    top1_error: float
    top5_error: float | None
    loss: float | None = None
    calibration_error: float | None = None
    top1_low: float | None = None
    top1_high: float | None = None
    top5_low: float | None = None
    top5_high: float | None = None
    top1_runs: tuple[float, ...] | None = None


@dataclasses.dataclass(frozen=True)
class AnytimeCurve(Result):
    """Error against cost over the stages of one network.

    `print(curve)` shows it as a table. What was not measured is `None`.

    Args:
        points: Tuple of K `CurvePoint`, the first stage first.
        classes: Integer. Number of classes.
        examples: Integer. Examples measured on.
        name: String. The network's name; with label sets, and which of them
            was measured.
        overthinking_rate: Float in [0, 1]. Share of examples whose answer gets
            worse with more time: some stage is right and a later one wrong.
            Best is 0.
        overthinking_interval: Pair of floats, the ends of its interval.
        average_error_interval: Pair of floats, those of `average_error`.
        level: Float in (0, 1), the confidence level of all intervals.
    """

    points: tuple[CurvePoint, ...]
    classes: int
    examples: int
    name: str = "anytime network"
    overthinking_rate: float | None = None
    overthinking_interval: tuple[float, float] | None = None
    average_error_interval: tuple[float, float] | None = None
    level: float | None = None

    @property
    def runs(self):
        """Number of runs it is the mean of: intervals are over several runs.

        Those of a single run are over its examples.
        """
        return len(self.points[0].top1_runs or (0,))

    @property
    def average_error(self):
        """AE: the mean of the stages' top-1 errors (Hu 2017, Section 4.1)."""
        errors = [point.top1_error for point in self.points]
        return sum(errors) / len(errors)

    def fits(self, costs, classes):
        """Returns whether it can have been measured on a network.

        Args:
            costs: List of the network's `StageCost`.
            classes: Integer, the network's number of classes; of several
                label sets, those of the one in question.
        """
        macs = [point.macs for point in self.points]
        return self.classes == classes and macs == [c.macs for c in costs]

    def error_at(self, share):
        """Returns the top-1 error when a share of the whole cost is spent.

        Args:
            share: Float in [0, 1], of the multiply-adds of the last stage.

        Returns:
            Float: the error of the last stage whose cost is within that
            share, or of a random guess where none is.

        Raises:
            ValueError: If `share` is outside [0, 1].

        Reference:
            [Hu et al., 2017, Section 4.1](https://arxiv.org/abs/1708.06832v1)
        """
        if not 0 <= share <= 1:
            raise ValueError(
                f"`share` must be in [0, 1]. Received: share={share}"
            )
        # A stage of 29 in 100 is within a share of 0.29, whatever its last bit.
        return self.within(share * self.points[-1].macs * (1 + 1e-9))

    def within(self, macs, measure="top1_error"):
        """Returns what a budget of multiply-adds achieves.

        Args:
            macs: Float. The budget, in multiply-adds for one image.
            measure: String. `"top1_error"`, `"top5_error"` or `"loss"`.

        Returns:
            Float: the measure of the last stage whose cost is within the
            budget, or of a random guess where none is. `None` if it was not
            measured.
        """
        value = _random_guess(measure, self.classes)
        for point in self.points:
            if point.macs <= macs:
                value = getattr(point, measure)
        return value

    @property
    def milestones(self):
        """Dict from 1/4, 1/2, 3/4 and 1 to the error at that share."""
        return {share: self.error_at(share) for share in MILESTONES}

    def __str__(self):
        # Nothing is known of what layers of the user's own cost.
        whole = self.points[-1].macs or None
        level = f"{self.level or 0:.0%} interval"
        lines = [
            f"{self.name}: {self.examples} examples, {self.classes} classes"
            + (f", mean of {self.runs} runs" if self.runs > 1 else ""),
            *as_table(
                {
                    "stage": point.stage,
                    "MACs": short(point.macs),
                    "of all": whole and f"{point.macs / whole:.0%}",
                    "parameters": f"{point.parameters:,}",
                    "top-1 error": percent(point.top1_error),
                    level: _interval(point.top1_low, point.top1_high),
                    "top-5 error": percent(point.top5_error),
                    "loss": None if point.loss is None else f"{point.loss:.3f}",
                    "calibration error": percent(point.calibration_error),
                }
                for point in self.points
            ),
        ]
        if self.overthinking_rate is not None:
            lines.append(
                "answers that get worse with more time "
                + _with_interval(
                    self.overthinking_rate, self.overthinking_interval
                )
            )
        lines.append(
            "average error "
            + _with_interval(self.average_error, self.average_error_interval)
        )
        shares = "  ".join(
            f"at {MILESTONES[share]} {percent(error)}"
            for share, error in self.milestones.items()
        )
        lines.append(f"error by share of the cost: {shares}")
        return "\n".join(lines)

    def to_dict(self):
        """Returns the curve as a dict of plain values, for JSON."""
        return {
            **dataclasses.asdict(self),
            "average_error": self.average_error,
            "milestones": {
                str(share): error for share, error in self.milestones.items()
            },
        }

    @classmethod
    def from_dict(cls, content):
        """Makes a curve of what `to_dict` gave.

        Args:
            content: Dict.

        Raises:
            ValueError: If it is no curve.
        """
        try:
            content = {_RENAMED.get(key, key): content[key] for key in content}
            own = {
                field.name: content[field.name]
                for field in dataclasses.fields(cls)
                if field.name in content
            }
            for name in ("overthinking_interval", "average_error_interval"):
                own[name] = own.get(name) and tuple(own[name])
            points = tuple(CurvePoint(**one) for one in own.pop("points"))
            points = tuple(
                dataclasses.replace(
                    point, top1_runs=point.top1_runs and tuple(point.top1_runs)
                )
                for point in points
            )
            if not points:
                raise KeyError("points")
            return cls(points=points, **own)
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(
                "This is no anytime curve as `to_dict` and `to_json` give it. "
                f"Received: {type(error).__name__}: {error}"
            ) from error

    @classmethod
    def from_json(cls, path):
        """Reads a curve that `to_json` wrote.

        Args:
            path: String or path.

        Raises:
            OSError: If the file cannot be read.
            ValueError: If it holds no curve.
        """
        try:
            return cls.from_dict(json.loads(user_path(path).read_text()))
        except ValueError as error:
            raise ValueError(f"{str(path)!r}: {error}") from error

    def to_csv(self, path):
        """Writes one line per stage to a CSV file.

        Args:
            path: String or path. A file there is replaced at once.
        """
        rows = [dataclasses.asdict(point) for point in self.points]
        write_csv(
            path,
            [
                {
                    name: one
                    for name, one in row.items()
                    if one is not None and name != "top1_runs"
                }
                for row in rows
            ],
        )

    def plot(self, path):
        """Draws top-1 error against multiply-adds.

        Args:
            path: String or path that ends in `.png` or `.svg`. A file there
                is replaced at once.

        Raises:
            ValueError: If the path ends in anything else.
            ImportError: If Matplotlib is missing; the `plot` extra brings it.
        """
        from keras_anytime.evaluation.plots.curves import plot_curve

        plot_curve(self, path)


def _random_guess(measure, classes):
    guesses = {
        "top1_error": 1 - 1 / classes,
        "top5_error": 1 - 5 / classes if classes > 5 else None,
        "loss": math.log(classes),
    }
    if measure not in guesses:
        raise ValueError(
            f"`measure` must be one of {sorted(guesses)}. "
            f"Received: measure={measure!r}"
        )
    return guesses[measure]


def _interval(low, high):
    return None if low is None else f"{low:.1%}-{high:.1%}"


def _with_interval(value, ends):
    return percent(value) + (f" ({_interval(*ends)})" if ends else "")
