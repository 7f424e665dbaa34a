"""Tables with a line for each training: errors of stages, at milestones."""

from collections.abc import Sequence

from keras_anytime.evaluation import AnytimeCurve
from keras_anytime.experiments.collecting.columns import AVERAGE_ERROR
from keras_anytime.experiments.collecting.columns import MILESTONE_COLUMNS
from keras_anytime.experiments.collecting.columns import line_of
from keras_anytime.experiments.collecting.columns import most_stages
from keras_anytime.experiments.collecting.columns import stage_column
from keras_anytime.experiments.collecting.finished import RowRuns
from keras_anytime.experiments.collecting.oracle_rows import STAGE
from keras_anytime.experiments.collecting.oracle_rows import Group
from keras_anytime.experiments.collecting.oracle_rows import group_of
from keras_anytime.experiments.collecting.oracle_rows import oracles_of
from keras_anytime.experiments.collecting.paired import with_differences
from keras_anytime.experiments.collecting.pictures import values_picture
from keras_anytime.experiments.collecting.tables import CollectedReport
from keras_anytime.experiments.collecting.tables import Line
from keras_anytime.experiments.collecting.tables import Table
from keras_anytime.experiments.papers.experiment import Experiment


def stages(experiment: Experiment, rows: Sequence[RowRuns]) -> CollectedReport:
    """Reports the error of each stage.

    Args:
        experiment: The `Experiment`. Top-5 errors are reported if a row has
            published ones, in columns such as `"stage 1 top-5"`, or if
            `options["top5"]` is true. With `options["paired"]`, a method, a
            second table has the differences to it.
        rows: Its `RowRuns`.
    """
    columns = _stage_columns(experiment, rows)
    table = Table(
        "Errors in %, mean (standard deviation) over the seeds",
        tuple(line_of(row, columns) for row in rows),
    )
    report = CollectedReport(
        {"": table}, {"": values_picture(table, "error (%)")}
    )
    return with_differences(report, experiment, rows, columns)


def milestones(
    experiment: Experiment, rows: Sequence[RowRuns]
) -> CollectedReport:
    """Reports the errors at 1/4, 1/2, 3/4 and 1 of the cost, and their mean.

    Rows with a label `stage` are separate networks. Those of the same network
    and data set make up one line, whose number at a milestone is the error of
    the largest network within that share of the anytime network's cost.

    Args:
        experiment: The `Experiment`. `options["paired"]` as for `stages`.
        rows: Its `RowRuns`.
    """
    columns = (*MILESTONE_COLUMNS, AVERAGE_ERROR)
    references: dict[Group, AnytimeCurve] = {}
    for row in rows:
        if STAGE not in row.labels and row.mean:
            references.setdefault(group_of(row.labels), row.mean)
    oracles = oracles_of(rows)
    lines: list[Line] = []
    for row in rows:
        group = group_of(row.labels)
        if STAGE not in row.labels:
            lines.append(line_of(row, columns))
        elif group in oracles:
            # The line stands where the first of the networks is.
            lines.append(oracles.pop(group).line(references.get(group)))
    table = Table(
        "Errors in % at shares of the whole cost, those of a random guess "
        "before the first answer, and mean over all stages "
        "(AE), mean (standard deviation) over the seeds",
        tuple(lines),
    )
    report = CollectedReport(
        {"": table}, {"": values_picture(table, "error (%)")}
    )
    return with_differences(report, experiment, rows, columns)


def _stage_columns(
    experiment: Experiment, rows: Sequence[RowRuns]
) -> list[str]:
    """Returns the columns of all stages that were measured or published."""
    published = {column for row in rows for column in row.row.published}
    measured = most_stages(rows)
    columns = []
    for top5 in (False, True):
        if top5 and not experiment.options.get("top5"):
            if not any(column.endswith("top-5") for column in published):
                break
        stage = 1
        while stage <= measured or stage_column(stage, top5) in published:
            columns.append(stage_column(stage, top5))
            stage += 1
    # Columns with other names are shown as the paper has them.
    return [*columns, *sorted(published - set(columns))]
