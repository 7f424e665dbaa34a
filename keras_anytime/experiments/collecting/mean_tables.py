"""Tables of means over networks and data sets: increases, changes, wins."""

import dataclasses
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence

import numpy as np

from keras_anytime.evaluation import AnytimeCurve
from keras_anytime.evaluation import hoeffding_bound
from keras_anytime.evaluation import win_percentage
from keras_anytime.evaluation.metrics import MILESTONES
from keras_anytime.experiments.collecting.columns import AVERAGE_ERROR
from keras_anytime.experiments.collecting.columns import MILESTONE_COLUMNS
from keras_anytime.experiments.collecting.columns import cell
from keras_anytime.experiments.collecting.columns import measure
from keras_anytime.experiments.collecting.finished import RowRuns
from keras_anytime.experiments.collecting.finished import same_settings
from keras_anytime.experiments.collecting.oracle_rows import METHOD
from keras_anytime.experiments.collecting.oracle_rows import Group
from keras_anytime.experiments.collecting.oracle_rows import anytime_rows
from keras_anytime.experiments.collecting.oracle_rows import group_of
from keras_anytime.experiments.collecting.oracle_rows import oracles_of
from keras_anytime.experiments.collecting.pictures import values_picture
from keras_anytime.experiments.collecting.references import references_of
from keras_anytime.experiments.collecting.tables import Cell
from keras_anytime.experiments.collecting.tables import CollectedReport
from keras_anytime.experiments.collecting.tables import Line
from keras_anytime.experiments.collecting.tables import Table
from keras_anytime.experiments.papers.experiment import Experiment

_SUM = "sum"

# For each seed of one network and data set, a dict from columns to numbers.
BySeed = Mapping[int, Mapping[str, float]]


def relative_increase(
    experiment: Experiment, rows: Sequence[RowRuns]
) -> CollectedReport:
    """Reports by how many % methods err more than OPT, over all networks.

    The increase is computed for each network and data set, with the mean error
    of OPT over its seeds, and then averaged: from Table 6 of Hu 2017, this
    gives all numbers of its Table 2b.

    Args:
        experiment: The `Experiment`. OPT's rows have a label `stage`, and must
            be there for the stages at the milestones.
        rows: Its `RowRuns`.
    """
    rows = same_settings(rows)
    oracles = oracles_of(rows)
    increases: dict[str, dict[Group, BySeed]] = {}
    for row in anytime_rows(rows):
        group = group_of(row.labels)
        by_method = increases.setdefault(row.labels[METHOD], {})
        by_method[group] = {}
        if group in oracles:
            by_method[group] = {
                seed: {
                    MILESTONES[share]: percent
                    for share, percent in oracles[group].increase(curve).items()
                }
                for seed, curve in row.by_seed.items()
            }
    return _report(
        experiment,
        rows,
        METHOD,
        increases,
        MILESTONE_COLUMNS,
        "Increase of the error over OPT in %, mean over networks and data sets",
    )


def relative_change(
    experiment: Experiment, rows: Sequence[RowRuns]
) -> CollectedReport:
    """Reports by how many % errors change from a reference method.

    The change is computed for each network and data set, with the mean error
    of the reference over its seeds, and then averaged.

    Args:
        experiment: The `Experiment`. `options["reference"]` is the reference's
            value of the label that is compared, which is `options["label"]`,
            or `method` without it. With `options["part"]` i, the value is part
            i, from 0, of labels such as `adaloss_0.05_0.9_1`, and the other
            parts tell experiments apart. `options["columns"]` are the columns;
            else those at 1/4, 1/2, 3/4 and 1 of the cost. The column `sum` of
            the paper is the sum of all columns.
        rows: Its `RowRuns`.
    """
    label = experiment.options.get("label", METHOD)
    rows = _split(same_settings(rows), label, experiment.options.get("part"))
    columns = tuple(experiment.options.get("columns", MILESTONE_COLUMNS))
    summed = any(_SUM in line for line in experiment.published.values())
    references = references_of(experiment, rows, label)
    changes: dict[str, dict[Group, BySeed]] = {}
    for row in anytime_rows(rows):
        group = group_of(row.labels, label)
        reference = references[group].mean if group in references else None
        by_seed = {
            seed: _percent_more(curve, reference, columns)
            for seed, curve in row.by_seed.items()
            if reference
        }
        for of_seed in by_seed.values() if summed else ():
            if len(of_seed) == len(columns):
                of_seed[_SUM] = sum(of_seed.values())
        changes.setdefault(row.labels[label], {})[group] = by_seed
    return _report(
        experiment,
        rows,
        label,
        changes,
        (*columns, *([_SUM] if summed else [])),
        f"Change of the error from {experiment.options['reference']} in %, "
        "mean over networks and data sets",
    )


def wins(experiment: Experiment, rows: Sequence[RowRuns]) -> CollectedReport:
    """Reports in how many % of all experiments methods err less than another.

    An experiment is a network and a data set; the errors are means over seeds.
    A second table bounds the probability of so many wins by chance.

    Args:
        experiment: The `Experiment`. `options["reference"]` is the method that
            the others are compared with.
        rows: Its `RowRuns`.
    """
    rows = same_settings(rows)
    label = experiment.options.get("label", METHOD)
    references = references_of(experiment, rows, label)
    reference = experiment.options["reference"]
    columns = (*MILESTONE_COLUMNS, AVERAGE_ERROR)
    pairs: dict[str, list[tuple[RowRuns, RowRuns]]] = {}
    totals: dict[str, int] = {}
    for row in anytime_rows(rows):
        method = row.labels[label]
        if method == reference:
            continue
        totals[method] = totals.get(method, 0) + 1
        of_method = pairs.setdefault(method, [])
        other = references.get(group_of(row.labels, label))
        if row.runs and other and other.runs:
            of_method.append((row, other))
    lines, bounds = [], []
    for method in _lines(experiment, pairs):
        compared = pairs.get(method, [])
        published = _published(experiment, method)
        cells = {
            column: Cell(paper=published.get(column)) for column in columns
        }
        chances = {}
        for column in columns if compared else ():
            errors, others = (
                [measure(row.mean, column) or 0.0 for row in side if row.mean]
                for side in zip(*compared, strict=True)
            )
            percentage = win_percentage(errors, others)
            count = len(compared)
            cells[column] = Cell(
                percentage, paper=published.get(column), count=count
            )
            chances[column] = Cell(hoeffding_bound(percentage, count))
            chances[f"{column}, paper's form"] = Cell(
                hoeffding_bound(percentage, count, relative=True)
            )
        labels = {
            label: method,
            "of": f"{len(compared)}/{totals.get(method, 0)}",
        }
        marked = any(row.marked for pair in compared for row in pair)
        lines.append(Line(labels, cells, None, marked))
        bounds.append(Line({label: method}, chances, None, marked))
    table = Table(
        f"Experiments, in %, with a smaller error than {reference}; a tie "
        "counts as half",
        tuple(lines),
    )
    bound_table = Table(
        f"Hoeffding's bound of the probability of so many wins over {reference}"
        " by chance, and the form of the paper's footnote, which is too small",
        tuple(bounds),
        digits=4,
    )
    return CollectedReport(
        {"": table, "bounds": bound_table},
        {"": values_picture(table, f"wins over {reference} (%)")},
    )


def _split(
    rows: Sequence[RowRuns], label: str, part: int | None
) -> list[RowRuns]:
    """Returns rows whose label is its part, with another label for the rest."""
    if part is None:
        return list(rows)
    split = []
    for row in rows:
        parts = row.row.labels[label].split("_")
        labels = {**row.row.labels, label: parts[part]}
        rest = "_".join(parts[:part] + parts[part + 1 :])
        changed = dataclasses.replace(
            row.row, labels={**labels, f"other {label}": rest}
        )
        split.append(dataclasses.replace(row, row=changed))
    return split


def _percent_more(
    curve: AnytimeCurve, reference: AnytimeCurve, columns: Iterable[str]
) -> dict[str, float]:
    """Returns by how many % the errors of two curves differ, by column."""
    changes = {}
    for column in columns:
        ours, theirs = measure(curve, column), measure(reference, column)
        if ours is not None and theirs:
            changes[column] = 100 * (ours / theirs - 1)
    return changes


def _report(
    experiment: Experiment,
    rows: Sequence[RowRuns],
    label: str,
    numbers: Mapping[str, Mapping[Group, BySeed]],
    columns: Sequence[str],
    title: str,
) -> CollectedReport:
    """Returns the report of means, with a table of what they are over."""
    marked = any(row.marked for row in rows)
    lines, details = [], []
    for method in _lines(experiment, numbers):
        by_group = numbers.get(method, {})
        published = _published(experiment, method)
        cells = {
            column: _mean_cell(by_group, column, published.get(column))
            for column in columns
        }
        count = sum(any(by_seed.values()) for by_seed in by_group.values())
        seeds = {len(by_seed) for by_seed in by_group.values() if by_seed}
        lines.append(
            Line(
                {label: method, "of": f"{count}/{len(by_group)}"},
                cells,
                min(seeds, default=0),
                marked and count > 0,
            )
        )
        for group, by_seed in by_group.items():
            values = {
                column: cell([of.get(column) for of in by_seed.values()])
                for column in columns
            }
            labels = {label: method, **dict(group)}
            details.append(Line(labels, values, len(by_seed), marked))
    tables = {"": Table(title, tuple(lines))}
    if details:
        tables["networks"] = Table(
            "The same for each network and data set", tuple(details)
        )
    return CollectedReport(
        tables, {"": values_picture(tables[""], title.partition(",")[0])}
    )


def _mean_cell(
    by_group: Mapping[Group, BySeed], column: str, paper: float | None
) -> Cell:
    """Returns the mean over groups, with the deviation over common seeds."""
    groups = [
        {seed: of[column] for seed, of in by_seed.items() if column in of}
        for by_seed in by_group.values()
    ]
    groups = [group for group in groups if group]
    if not groups:
        return Cell(paper=paper)
    mean = np.mean([np.mean(list(group.values())) for group in groups])
    common = set.intersection(*map(set, groups))
    over_seeds = [
        np.mean([group[seed] for group in groups]) for seed in sorted(common)
    ]
    std = float(np.std(over_seeds, ddof=1)) if len(common) > 1 else None
    return Cell(float(mean), std, paper, count=len(groups))


def _lines(experiment: Experiment, measured: Iterable[str]) -> list[str]:
    """Returns the names of the lines: those of rows, then the paper's."""
    names = list(measured)
    known = {name.lower() for name in names}
    return names + [
        name for name in experiment.published if name.lower() not in known
    ]


def _published(experiment: Experiment, line: str) -> Mapping[str, float]:
    """Returns the paper's numbers of a line, in any case of its name."""
    for name, numbers in experiment.published.items():
        if name.lower() == line.lower():
            return numbers
    return {}
