"""Columns of the papers' tables: how each is read from an anytime curve."""

import math
from collections.abc import Iterable
from collections.abc import Sequence

from keras_anytime.evaluation import AnytimeCurve
from keras_anytime.evaluation.metrics import MILESTONES
from keras_anytime.evaluation.spread import Spread
from keras_anytime.experiments.collecting.finished import RowRuns
from keras_anytime.experiments.collecting.tables import Cell
from keras_anytime.experiments.collecting.tables import Line

# The mean error of all stages (Hu 2017, Section 4.1).
AVERAGE_ERROR = "AE"
MILESTONE_COLUMNS = tuple(MILESTONES.values())
_SHARES = {name: share for share, name in MILESTONES.items()}
_TOP5 = " top-5"


def stage_column(stage: int, top5: bool = False) -> str:
    """Returns the name of a stage's column, such as `stage 1 top-5`."""
    return f"stage {stage}" + (_TOP5 if top5 else "")


def most_stages(rows: Iterable[RowRuns]) -> int:
    """Returns the largest number of stages that a run has; 0 without runs."""
    return max(
        (len(run.curve.points) for row in rows for run in row.runs), default=0
    )


def share_of(column: str) -> float | None:
    """Returns the share of the cost of a milestone's column, else `None`."""
    return _SHARES.get(column)


def measure(curve: AnytimeCurve, column: str) -> float | None:
    """Reads a column's number from a curve.

    Args:
        curve: An `AnytimeCurve`.
        column: `"stage k"`, `"stage k top-5"`, `"1/4"`, `"1/2"`, `"3/4"`,
            `"1"` or `"AE"`.

    Returns:
        The error in %; `None` if the curve has no such stage or column, or the
        error was not measured.
    """
    if column == AVERAGE_ERROR:
        return 100 * curve.average_error
    if column in _SHARES:
        return 100 * curve.error_at(_SHARES[column])
    for point in curve.points:
        if column == stage_column(point.stage):
            return 100 * point.error
        if column == stage_column(point.stage, top5=True):
            error = getattr(point, "top5_error", None)
            return None if error is None else 100 * error
    return None


def line_of(row: RowRuns, columns: Iterable[str]) -> Line:
    """Returns a row's line: the errors of its runs beside the paper's.

    Args:
        row: A `RowRuns`.
        columns: The columns of the table.
    """
    return Line(
        row.labels,
        {
            column: cell(
                [measure(run.curve, column) for run in row.runs],
                row.row.published.get(column),
                row.row.deviations.get(column),
            )
            for column in columns
        },
        len(row.runs),
        row.marked,
    )


def cell(
    values: Sequence[float | None],
    paper: float | None = None,
    paper_std: float | None = None,
    count: int | None = None,
) -> Cell:
    """Returns the cell of a number of several seeds.

    Args:
        values: One number for each seed. The cell is empty if there is none,
            or a seed lacks it.
        paper: As for `Cell`.
        paper_std: As for `Cell`.
        count: As for `Cell`.
    """
    known = [value for value in values if value is not None]
    if not known or len(known) < len(values):
        return Cell(paper=paper, paper_std=paper_std, count=count)
    spread = Spread.of(known)
    std = None if math.isnan(spread.std) else spread.std
    return Cell(spread.mean, std, paper, paper_std, count)
