"""Oracles (OPT): the rows that train a network for a single stage."""

import dataclasses
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence

from keras_anytime.evaluation import AnytimeCurve
from keras_anytime.evaluation import oracle_curve
from keras_anytime.evaluation import relative_increase
from keras_anytime.evaluation.metrics import MILESTONES
from keras_anytime.experiments.collecting.columns import AVERAGE_ERROR
from keras_anytime.experiments.collecting.columns import MILESTONE_COLUMNS
from keras_anytime.experiments.collecting.columns import cell
from keras_anytime.experiments.collecting.columns import share_of
from keras_anytime.experiments.collecting.finished import RowRuns
from keras_anytime.experiments.collecting.tables import Cell
from keras_anytime.experiments.collecting.tables import Line

METHOD = "method"
# A row with this label trains a separate network for the stage.
STAGE = "stage"

# What tells networks and data sets apart: pairs of labels and values.
Group = tuple[tuple[str, str], ...]


def group_of(labels: Mapping[str, str], *varied: str) -> Group:
    """Returns the labels but those that are varied: net, data and so on.

    Args:
        labels: The labels of a row.
        *varied: The label that is compared; the stage is left out, too.
    """
    left_out = {*(varied or (METHOD,)), STAGE}
    return tuple(
        (name, value) for name, value in labels.items() if name not in left_out
    )


# The stage at 25% of the cost is labeled `at_25`, others by their numbers.
_AT = "at_"


def share_of_stage(stage: str) -> float | None:
    """Returns the share of the cost that labels a stage, such as `at_25`.

    Args:
        stage: String, a label.

    Returns:
        Float in (0, 1], or `None` for a number.
    """
    return int(stage.removeprefix(_AT)) / 100 if stage.startswith(_AT) else None


def position(stage: str) -> float:
    """Returns the number of a stage, or its share, to sort stages by.

    Args:
        stage: String, a label.
    """
    share = share_of_stage(stage)
    return int(stage) if share is None else share


class Oracle:
    """The separate networks of one network and data set: OPT.

    Args:
        rows: Sequence of `RowRuns` that have a label `stage`.
    """

    def __init__(self, rows: Sequence[RowRuns]) -> None:
        self.rows = {
            row.labels[STAGE]: row
            for row in sorted(rows, key=lambda row: position(row.labels[STAGE]))
        }
        self.labels = {
            name: value
            for name, value in rows[0].labels.items()
            if name != STAGE
        }

    @property
    def finished(self) -> dict[str, AnytimeCurve]:
        """Dict from labels of stages to the finished networks' mean curves."""
        means = {stage: row.mean for stage, row in self.rows.items()}
        return {stage: mean for stage, mean in means.items() if mean}

    @property
    def marked(self) -> bool:
        """Whether a run has other settings than its row."""
        return any(row.marked for row in self.rows.values())

    @property
    def seeds(self) -> int:
        """The smallest number of seeds of the finished networks."""
        return min(
            (len(r.runs) for r in self.rows.values() if r.runs), default=0
        )

    def curve(self, best_so_far: bool = False) -> AnytimeCurve | None:
        """Joins the finished networks to a curve; `None` without any.

        Args:
            best_so_far: As for `oracle_curve`.
        """
        curves = list(self.finished.values())
        if not curves:
            return None
        return oracle_curve(curves, best_so_far, " ".join(self.labels.values()))

    def network_at(
        self, share: float, reference: AnytimeCurve | None
    ) -> str | None:
        """Returns the network that the oracle runs within a share of the cost.

        Args:
            share: Float in [0, 1], of the whole cost of the anytime network.
            reference: The curve of an anytime network with these stages. If it
                is `None`, the largest network stands for the whole, and all
                must be finished.

        Returns:
            The label of its stage, or `None` if that is not known, it is not
            finished, or no network is within the share.
        """
        finished = self.finished
        for stage in self.rows:
            if share_of_stage(stage) == share:
                return stage if stage in finished else None
        last: float
        if reference is not None:
            last = _last_stage(reference, share)
        elif len(finished) < len(self.rows):
            return None
        else:
            whole = max(curve.points[-1].macs for curve in finished.values())
            last = max(
                (
                    position(stage)
                    for stage, curve in finished.items()
                    if curve.points[-1].macs <= share * whole * (1 + 1e-9)
                ),
                default=0,
            )
        numbered = [k for k in self.rows if share_of_stage(k) is None]
        network = next(
            (k for k in reversed(numbered) if position(k) <= last), None
        )
        return network if network in finished else None

    def increase(self, curve: AnytimeCurve) -> dict[float, float]:
        """Computes the % by which an anytime network errs more, at milestones.

        Args:
            curve: The `AnytimeCurve` of the anytime network.

        Returns:
            Dict from those shares of the cost at which the oracle's network is
            finished to percentages.
        """
        finished = self.finished
        costs = {point.stage: point.macs for point in curve.points}
        increases = {}
        for share in MILESTONES:
            network = self.network_at(share, curve)
            last = _last_stage(curve, share)
            if network is None or not last:
                continue
            # The network stands for the stage, even if it costs a little more.
            point = dataclasses.replace(
                finished[network].points[-1], macs=costs[last]
            )
            optimal = dataclasses.replace(finished[network], points=(point,))
            increases[share] = relative_increase(curve, optimal)[share]
        return increases

    def line(self, reference: AnytimeCurve | None) -> Line:
        """Returns the oracle's line in a table of milestones.

        Args:
            reference: As for `network_at`.
        """
        published: dict[str, float] = {}
        for row in self.rows.values():
            published |= row.row.published
        cells = {}
        for column in MILESTONE_COLUMNS:
            network = self.network_at(share_of(column) or 1, reference)
            errors = (
                [
                    100 * run.curve.points[-1].error
                    for run in self.rows[network].runs
                ]
                if network
                else []
            )
            cells[column] = cell(errors, published.get(column))
        cells[AVERAGE_ERROR] = self._average(
            reference, published.get(AVERAGE_ERROR)
        )
        return Line(self.labels, cells, self.seeds, self.marked)

    def _average(
        self, reference: AnytimeCurve | None, paper: float | None
    ) -> Cell:
        """Returns the mean error over all stages, if each has a network."""
        finished = self.finished
        stages = len(reference.points) if reference else len(self.rows)
        if list(finished) != [str(k) for k in range(1, stages + 1)]:
            return Cell(paper=paper)
        errors = [curve.points[-1].error for curve in finished.values()]
        return Cell(100 * sum(errors) / stages, paper=paper)


def oracles_of(
    rows: Iterable[RowRuns],
    group: Callable[[Mapping[str, str]], Group] = group_of,
) -> dict[Group, Oracle]:
    """Returns the oracles of an experiment.

    Args:
        rows: `RowRuns`. Those without a label `stage` are ignored.
        group: Function from labels to the group whose networks are joined.
    """
    groups: dict[Group, list[RowRuns]] = {}
    for row in rows:
        if STAGE in row.labels:
            groups.setdefault(group(row.labels), []).append(row)
    return {key: Oracle(of_group) for key, of_group in groups.items()}


def anytime_rows(rows: Iterable[RowRuns]) -> list[RowRuns]:
    """Returns the rows that are no networks of an oracle."""
    return [row for row in rows if STAGE not in row.labels]


def _last_stage(curve: AnytimeCurve, share: float) -> int:
    """Returns the last stage within a share of the cost; 0 without any."""
    # A cost of 29 in 100 is within a share of 0.29 in spite of rounding.
    budget = share * curve.points[-1].macs * (1 + 1e-9)
    return max((p.stage for p in curve.points if p.macs <= budget), default=0)
