"""Paired differences: methods beside a reference that had the same seeds."""

import math
from collections.abc import Sequence

from keras_anytime.evaluation import AnytimeCurve
from keras_anytime.evaluation.oracles import check_same_data
from keras_anytime.evaluation.spread import Spread
from keras_anytime.experiments.collecting.columns import measure
from keras_anytime.experiments.collecting.finished import RowRuns
from keras_anytime.experiments.collecting.finished import same_settings
from keras_anytime.experiments.collecting.oracle_rows import anytime_rows
from keras_anytime.experiments.collecting.oracle_rows import group_of
from keras_anytime.experiments.collecting.references import references_of
from keras_anytime.experiments.collecting.tables import Cell
from keras_anytime.experiments.collecting.tables import CollectedReport
from keras_anytime.experiments.collecting.tables import Line
from keras_anytime.experiments.collecting.tables import Table
from keras_anytime.experiments.papers.experiment import Experiment

# The option that names the reference, and the suffix of the table.
PAIRED = "paired"


def with_differences(
    report: CollectedReport,
    experiment: Experiment,
    rows: Sequence[RowRuns],
    columns: Sequence[str],
) -> CollectedReport:
    """Returns a report with a table of paired differences, if it has any.

    Runs of one network and data set with the same seed form a pair: they start
    from the same weights and see the same batches. The differences are in
    percentage points, with the intervals of a paired t test. Rows whose runs
    have other settings are compared only where no row has runs of its own.

    Args:
        report: The `CollectedReport` so far.
        experiment: The `Experiment`. `options["paired"]` is the method that the
            others are compared with; without it, the report stays as it is.
        rows: Its `RowRuns`.
        columns: The columns of the table, as `measure` takes them.

    Raises:
        ValueError: If no row has that method.
    """
    if PAIRED not in experiment.options:
        return report
    rows = anytime_rows(same_settings(rows))
    references = references_of(experiment, rows, option=PAIRED)
    reference_name = experiment.options[PAIRED]
    lines, notes = [], []
    for row in rows:
        reference = references.get(group_of(row.labels))
        if reference is None or row is reference:
            continue
        line, row_notes = _line(row, reference, columns)
        notes += row_notes
        if line:
            lines.append(line)
    if any((line.seeds or 0) < 2 for line in lines):
        notes.append("An interval needs two pairs of runs or more.")
    table = Table(
        f"Difference of the error to {reference_name} in percentage points, "
        "mean (95% interval of a paired t test) over the pairs of runs with "
        "the same seed; below 0, the error is lower",
        tuple(lines),
        counted="pairs",
        signed=True,
    )
    return CollectedReport(
        {**report.tables, PAIRED: table},
        report.pictures,
        (*report.notes, *notes),
    )


def _line(
    row: RowRuns, reference: RowRuns, columns: Sequence[str]
) -> tuple[Line | None, list[str]]:
    """Returns a row's line, `None` without a pair, and notes."""
    if not row.runs or not reference.runs:
        return None, []
    name, other = row.row.name, reference.row.name
    flags, other_flags = (
        side.runs[0].overriding_flags for side in (row, reference)
    )
    if flags != other_flags:
        return None, [
            f"{name} is not compared with {other}, because their runs have "
            f"other flags: `{flags}` and `{other_flags}`."
        ]
    seeds = sorted(set(row.by_seed) & set(reference.by_seed))
    alone = sorted(set(row.by_seed) ^ set(reference.by_seed))
    notes = []
    if alone:
        notes.append(
            f"{name} and {other} do not both have runs of these seeds, which "
            f"form no pairs: {', '.join(map(str, alone))}."
        )
    if not seeds:
        return None, notes
    pairs = [(row.by_seed[seed], reference.by_seed[seed]) for seed in seeds]
    check_same_data([curve for pair in pairs for curve in pair])
    cells = {
        column: found
        for column in columns
        if (found := _cell(pairs, column)) is not None
    }
    return Line(row.labels, cells, len(pairs), row.marked), notes


def _cell(
    pairs: Sequence[tuple[AnytimeCurve, AnytimeCurve]], column: str
) -> Cell | None:
    """Returns the mean difference with its interval, `None` without it."""
    differences = []
    for curve, reference in pairs:
        error, other = (measure(of, column) for of in (curve, reference))
        if error is None or other is None:
            return None
        differences.append(error - other)
    spread = Spread.of(differences)
    if math.isnan(spread.low):
        return Cell(spread.mean)
    return Cell(spread.mean, low=spread.low, high=spread.high)
