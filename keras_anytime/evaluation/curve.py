"""The anytime curve: the error of each stage's answer against its cost."""

import dataclasses
import json
import os
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from keras_anytime import tasks
from keras_anytime.evaluation.base import TaskMeasurement
from keras_anytime.evaluation.metrics import MILESTONES
from keras_anytime.evaluation.metrics import random_guess
from keras_anytime.evaluation.points import CurvePoint
from keras_anytime.evaluation.points import Point
from keras_anytime.evaluation.points import TaskPoint
from keras_anytime.evaluation.points import point_from_dict
from keras_anytime.evaluation.tables import as_table
from keras_anytime.evaluation.tables import percent
from keras_anytime.evaluation.tables import short
from keras_anytime.files import user_path
from keras_anytime.files.csv_files import write_csv
from keras_anytime.stages.cost import CUMULATIVE
from keras_anytime.stages.cost import SUBNETWORK
from keras_anytime.stages.cost import StageCost
from keras_anytime.stages.cost import counted_costs

# Fields by their names in files of earlier versions.
_RENAMED = {
    "level": "confidence_level",
    "monotonicity": "overthinking_rate",
    "monotonicity_interval": "overthinking_interval",
}

_COST_WORDS = {
    SUBNETWORK: "cost of each subnetwork alone",
    CUMULATIVE: "cost of all that has run",
}


@dataclasses.dataclass(frozen=True)
class AnytimeCurve(TaskMeasurement):
    """The error of each stage of one network against its cost.

    `print(curve)` shows the curve as a table. A number that was not measured
    is `None`. Errors are those of the network's task; the error of a regression
    has the units of its labels.

    ```python
    curve = ka.evaluation.anytime_curve(model, (images, labels))
    print(curve.average_error, curve.error_at(1 / 2))
    curve.to_json("run/curve.json")
    same = ka.evaluation.AnytimeCurve.from_json("run/curve.json")
    ```

    Args:
        points: Tuple of K `CurvePoint`, the first stage first; of a task other
            than the choice of one class, of K `TaskPoint`.
        classes: Number of classes; of other tasks, the size of the outputs.
        examples: Number of examples that were measured.
        name: Name of the network and, if it has several label sets, of the
            measured one.
        overthinking_rate: Float in [0, 1]. Share of examples whose answer gets
            worse with more time: some stage is right and a later one wrong, or
            has a smaller error than a later one. The best value is 0.
        overthinking_interval: Ends of the interval of `overthinking_rate`.
        average_error_interval: Ends of the interval of `average_error`.
        confidence_level: Float in (0, 1), of all intervals.
        cost: What the points' `macs` and `parameters` count: `"subnetwork"`,
            what the answer needs, or `"cumulative"`, all that has run up to it.
            Files of earlier versions do not say it, and are of subnetworks.
        stage_costs: Tuple of the network's K `StageCost`s, which both ways of
            counting follow from; `None` if they are not known.
        guess_error: Mean error of an answer that has not seen the input;
            `None` for that of a random guess among the classes.
        product_answers: Boolean. Whether the errors are those of product
            answers, and not of each stage alone.
        label_set: String, the measured label set of a network with several;
            `None` for any other network, or if it is not known.
        task: The `tasks.Task`; `None` for the choice of one class.
    """

    points: tuple[Point, ...]
    classes: int
    examples: int
    name: str = "anytime network"
    overthinking_rate: float | None = None
    overthinking_interval: tuple[float, float] | None = None
    average_error_interval: tuple[float, float] | None = None
    confidence_level: float | None = None
    cost: str = SUBNETWORK
    stage_costs: tuple[StageCost, ...] | None = None
    guess_error: float | None = None
    product_answers: bool = False
    label_set: str | None = None

    @property
    def num_runs(self) -> int:
        """Number of runs that the curve is the mean of.

        The intervals of a single run are over its examples; those of several
        runs are over the runs.
        """
        return len(self.points[0].error_runs or (0,))

    @property
    def average_error(self) -> float:
        """The mean of the stages' errors, AE (Hu 2017, Section 4.1)."""
        errors = [point.error for point in self.points]
        return sum(errors) / len(errors)

    def matches(self, costs: Sequence[StageCost], classes: int) -> bool:
        """Returns whether the curve can be that of a network.

        Args:
            costs: The network's K `StageCost`.
            classes: The network's number of classes, in the label set in
                question.
        """
        macs = [point.macs for point in self.points]
        return self.classes == classes and macs == [
            macs for macs, _ in counted_costs(costs, self.cost)
        ]

    def known_costs(self) -> tuple[StageCost, ...]:
        """Returns the costs of the stages, from the points if need be.

        Returns:
            Tuple of K `StageCost`s. A curve without `stage_costs` does not tell
            what the heads cost. They count as 0 then.
        """
        if self.stage_costs is not None:
            return self.stage_costs
        before = [(0, 0)] + [(p.macs, p.parameters) for p in self.points[:-1]]
        return tuple(
            StageCost(
                point.stage,
                point.macs,
                point.parameters,
                point.macs - macs,
                point.parameters - parameters,
            )
            for point, (macs, parameters) in zip(
                self.points, before, strict=True
            )
        )

    def error_at(self, share: float) -> float:
        """Returns the error after a share of the whole cost.

        Args:
            share: Float in [0, 1], of the multiply-adds of the last stage.

        Returns:
            The error of the last stage whose cost is within that share, or of
            a guess without a look at the input if there is none.

        Raises:
            ValueError: If `share` is outside [0, 1].

        Reference:
            [Hu et al., 2017, Section 4.1](https://arxiv.org/abs/1708.06832v1)
        """
        if not 0 <= share <= 1:
            raise ValueError(
                f"`share` must be in [0, 1]. Received: share={share}"
            )
        # A cost of 29 in 100 is within a share of 0.29 in spite of rounding.
        budget = share * self.points[-1].macs * (1 + 1e-9)
        errors = [point.error for point in self.points if point.macs <= budget]
        return errors[-1] if errors else float(self._guess("error") or 0.0)

    def value_at_budget(
        self, macs: float, measure: str = "error"
    ) -> float | None:
        """Returns a measure within a budget of multiply-adds.

        Args:
            macs: The budget, in multiply-adds for one image.
            measure: `"error"`; of the choice of one class also
                `"top1_error"`, which is the same, `"top5_error"` or `"loss"`.

        Returns:
            The measure of the last stage whose cost is within the budget, or
            of a guess if there is none. `None` if it was not measured.

        Raises:
            ValueError: If `measure` is another one.
        """
        value = self._guess(measure)
        for point in self.points:
            if point.macs <= macs:
                value = getattr(point, measure)
        return value

    @property
    def milestones(self) -> dict[float, float]:
        """Dict from 1/4, 1/2, 3/4 and 1 to the error at that share."""
        return {share: self.error_at(share) for share in MILESTONES}

    def _guess(self, measure: str) -> float | None:
        """Returns a measure of answers that have not seen the input."""
        if self.task is None:
            return random_guess(measure, self.classes)
        if measure != "error":
            raise ValueError(
                f"The measure of {self.task.name} is 'error'. "
                f"Received: measure={measure!r}"
            )
        return self.guess_error

    @property
    def answers(self) -> str:
        """What the answers are, in words, such as `"10 classes"`."""
        return (self.task or tasks.Classification(self.classes)).answers

    def _interval(self, low: float | None, high: float | None) -> str | None:
        if low is None or high is None:
            return None
        return f"{self.error_text(low, 1)}-{self.error_text(high, 1)}"

    def __str__(self) -> str:
        # The cost of custom layers may be unknown, which counts as 0.
        whole = self.points[-1].macs or None
        interval = f"{self.confidence_level or 0:.0%} interval"
        lines = [
            f"{self.name}: {self.examples} examples, {self.answers}, "
            f"{_COST_WORDS[self.cost]}"
            + (f", mean of {self.num_runs} runs" if self.num_runs > 1 else ""),
            *as_table(
                {
                    "stage": point.stage,
                    "multiply-adds": short(point.macs),
                    "of the whole": whole and f"{point.macs / whole:.0%}",
                    "parameters": f"{point.parameters:,}",
                    self.error_name: self.error_text(point.error),
                    interval: self._interval(point.error_low, point.error_high),
                    **_further_columns(point),
                    "calibration error": percent(point.calibration_error),
                }
                for point in self.points
            ),
        ]
        if self.overthinking_rate is not None:
            right_or_wrong = self.task is None or self.task.right_or_wrong
            ends = self.overthinking_interval
            lines.append(
                (
                    "right answers that a later stage loses: "
                    if right_or_wrong
                    else "answers that a later stage makes worse: "
                )
                + f"{self.overthinking_rate:.2%}"
                + (f" ({ends[0]:.1%}-{ends[1]:.1%})" if ends else "")
            )
        between = self._interval(*(self.average_error_interval or (None, None)))
        lines.append(
            "average error of the stages: "
            + self.error_text(self.average_error)
            + (f" ({between})" if between else "")
        )
        shares = ", ".join(
            f"{MILESTONES[share]}: {self.error_text(error)}"
            for share, error in self.milestones.items()
        )
        lines.append(f"error if stopped after a share of the work: {shares}")
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """Returns the curve as a dict of plain values, for JSON."""
        content = super().to_dict()
        # What follows from the task, or from the number of classes.
        del content["guess_error" if self.task is None else "classes"]
        # What most curves, and all of earlier versions, do not have.
        for name in ("product_answers", "label_set"):
            if not content[name]:
                del content[name]
        return {
            **content,
            "average_error": self.average_error,
            "milestones": {
                str(share): error for share, error in self.milestones.items()
            },
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> "AnytimeCurve":
        """Makes a curve from the dict that `to_dict` returned.

        Args:
            content: Dict of plain values.

        Returns:
            An `AnytimeCurve`.

        Raises:
            ValueError: If `content` is not the dict of a curve.
        """
        try:
            content = {_RENAMED.get(key, key): content[key] for key in content}
            fields = {
                field.name: content[field.name]
                for field in dataclasses.fields(cls)
                if field.name in content
            }
            for name in ("overthinking_interval", "average_error_interval"):
                fields[name] = fields.get(name) and tuple(fields[name])
            point: type[Point] = CurvePoint
            if "task" in fields:
                point = TaskPoint
                fields["task"] = tasks.get(tasks.deserialize(fields["task"]))
                fields["classes"] = fields["task"].size
            points = tuple(
                point_from_dict(point, p) for p in fields.pop("points")
            )
            if not points:
                raise KeyError("points")
            if fields.get("cost", SUBNETWORK) not in _COST_WORDS:
                raise KeyError(f"cost={fields['cost']!r}")
            if not isinstance(fields.get("product_answers", False), bool):
                raise TypeError(
                    f"product_answers={fields['product_answers']!r}"
                )
            costs = fields.get("stage_costs")
            fields["stage_costs"] = costs and tuple(
                StageCost(**cost) for cost in costs
            )
            return cls(points=points, **fields)
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(
                "This is not an anytime curve as `to_dict` and `to_json` write "
                f"it. Received: {type(error).__name__}: {error}"
            ) from error

    @classmethod
    def from_json(cls, path: str | os.PathLike) -> "AnytimeCurve":
        """Reads a curve that `to_json` wrote.

        Args:
            path: Path of the file.

        Returns:
            An `AnytimeCurve`.

        Raises:
            OSError: If the file cannot be read.
            ValueError: If the file does not hold a curve.
        """
        try:
            return cls.from_dict(json.loads(user_path(path).read_text()))
        except ValueError as error:
            raise ValueError(f"{str(path)!r}: {error}") from error

    def to_csv(self, path: str | os.PathLike) -> None:
        """Writes a CSV file with one line per stage.

        The column `cost` says what `macs` and `parameters` count.

        Args:
            path: Path of the file. An existing file is replaced atomically.
        """
        rows = [dataclasses.asdict(point) for point in self.points]
        write_csv(
            path,
            [
                {
                    name: value
                    for name, value in row.items()
                    if value is not None and not name.endswith("_runs")
                }
                | {"cost": self.cost}
                for row in rows
            ],
        )

    def plot(self, path: str | os.PathLike) -> None:
        """Draws the error against multiply-adds.

        Args:
            path: Path that ends in `.png` or `.svg`. An existing file is
                replaced atomically.

        Raises:
            ValueError: If the path has another suffix.
            ImportError: If Matplotlib is missing; the `plot` extra installs it.
        """
        from keras_anytime.evaluation.plots import style
        from keras_anytime.evaluation.plots.curves import draw_curve

        style.save(draw_curve(self), path)


def _further_columns(point: Point) -> dict[str, str | None]:
    """Returns what a task has beside its error, by column of the table."""
    if isinstance(point, TaskPoint):
        return {"mIoU": percent(point.miou)}
    return {
        "top-5 error": percent(point.top5_error),
        "loss": None if point.loss is None else f"{point.loss:.3f}",
    }
