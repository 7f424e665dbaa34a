"""Reports of error against cost: trainings, oracles, ensembles."""

import functools
import pathlib
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from keras_anytime.evaluation import AnytimeCurve
from keras_anytime.evaluation import ensemble_cost_inflation
from keras_anytime.evaluation import ensemble_curve
from keras_anytime.evaluation import oracle_curve
from keras_anytime.evaluation import plots
from keras_anytime.evaluation.inflation import divide_costs
from keras_anytime.experiments.collecting.columns import AVERAGE_ERROR
from keras_anytime.experiments.collecting.columns import MILESTONE_COLUMNS
from keras_anytime.experiments.collecting.columns import cell
from keras_anytime.experiments.collecting.columns import measure
from keras_anytime.experiments.collecting.columns import most_stages
from keras_anytime.experiments.collecting.columns import stage_column
from keras_anytime.experiments.collecting.finished import RowRuns
from keras_anytime.experiments.collecting.finished import same_settings
from keras_anytime.experiments.collecting.oracle_rows import Oracle
from keras_anytime.experiments.collecting.oracle_rows import anytime_rows
from keras_anytime.experiments.collecting.oracle_rows import oracles_of
from keras_anytime.experiments.collecting.paired import with_differences
from keras_anytime.experiments.collecting.tables import Cell
from keras_anytime.experiments.collecting.tables import CollectedReport
from keras_anytime.experiments.collecting.tables import Line
from keras_anytime.experiments.collecting.tables import Table
from keras_anytime.experiments.papers.experiment import Experiment

_DATA = "data"
_NET = "net"

Picture = Callable[[pathlib.Path], None]


def curves(experiment: Experiment, rows: Sequence[RowRuns]) -> CollectedReport:
    """Reports errors against costs, a line for each training.

    The separate networks of an oracle are joined to one line; a network with a
    single stage is a point. There is one picture for each data set.

    Args:
        experiment: The `Experiment`. With `options["paired"]`, a method, a
            second table has the differences to it at each stage.
        rows: Its `RowRuns`.
    """
    lines = []
    drawn: dict[str, dict[str, Any]] = {}
    networks: dict[str, dict[str, Any]] = {}
    for row in anytime_rows(rows):
        labels = row.labels
        lines += _point_lines(labels, row)
        if row.mean:
            of_data = drawn.setdefault(labels.get(_DATA, ""), {})
            of_data[Line(labels, {}, marked=row.marked).name] = row.mean
    for oracle in oracles_of(
        rows, lambda labels: _all_but_stage(labels)
    ).values():
        lines += _oracle_lines(oracle)
        curve = oracle.curve()
        if curve:
            name = curve.name + ("*" if oracle.marked else "")
            data = oracle.labels.get(_DATA, "")
            networks.setdefault(data, {})[name] = curve
    table = Table(
        "Error in % of each answer, with its cost in multiply-adds",
        tuple(lines),
    )
    return with_differences(
        CollectedReport({"": table}, _pictures(drawn, networks)),
        experiment,
        rows,
        [stage_column(k) for k in range(1, most_stages(rows) + 1)],
    )


def ensemble(
    experiment: Experiment, rows: Sequence[RowRuns]
) -> CollectedReport:
    """Reports networks that run one after another, beside OPT+.

    The members of an ensemble differ in their net only. OPT+ is the best error
    of all separate networks of the data set within a cost. A second line
    divides an ensemble's costs by E[C] of Proposition 3.1.

    Args:
        experiment: The `Experiment`. `options["members"]` lists the nets, in
            the order in which they run, or is a dict from names of ensembles to
            such lists; `options["base"]` is the growth of their depth, 2
            without it; `options["rule"]`, if it is there, is passed to
            `ensemble_curve`. `published` has lines such as `EANN` and `OPT+`,
            or `cifar10 eann` and `cifar10 opt_plus` if there are several data
            sets.
        rows: Its `RowRuns`.
    """
    options = experiment.options
    if not options.get("members"):
        raise ValueError(
            "The report 'ensemble' needs options['members'], the nets in the "
            f"order in which they run. Received: {dict(options)}"
        )
    rows = same_settings(rows)
    members = options["members"]
    if not isinstance(members, Mapping):
        members = {"EANN": members}
    inflation = ensemble_cost_inflation(options.get("base", 2)).mean
    rule = {"rule": options["rule"]} if "rule" in options else {}
    in_ensembles = {net for nets in members.values() for net in nets}
    drawn: dict[str, dict[str, AnytimeCurve]] = {}
    optimal: dict[str, dict[str, AnytimeCurve]] = {}
    lines, notes = [], []
    for name, nets in members.items():
        for group, by_net in _by_group(rows, nets).items():
            labels = {"ensemble": name, **dict(group)}
            missing = [
                net for net in nets if net not in by_net or not by_net[net].runs
            ]
            marked = any(row.marked for row in by_net.values())
            line_name = Line(labels, {}, marked=marked).name
            published = _published(experiment, labels.values())
            curve = None
            if missing:
                notes.append(f"{line_name}: no run of {', '.join(missing)}.")
            else:
                curve = ensemble_curve(
                    [_mean(by_net[net]) for net in nets], name=name, **rule
                )
                of_data = drawn.setdefault(labels.get(_DATA, ""), {})
                of_data[line_name] = curve
                of_data[f"{line_name}, costs divided by E[C]"] = divide_costs(
                    curve, inflation, name
                )
            lines.append(_milestones(labels, curve, published, marked))
    for row in anytime_rows(rows):
        labels = row.labels
        if row.mean and labels.get(_NET) not in in_ensembles:
            of_data = drawn.setdefault(labels.get(_DATA, ""), {})
            of_data[Line(labels, {}, marked=row.marked).name] = row.mean
    for data, curve in best_of_all(rows).items():
        optimal[data] = {"OPT+": curve}
        labels = {"ensemble": "OPT+"} | ({_DATA: data} if data else {})
        published = _published(experiment, labels.values())
        marked = any(oracle.marked for oracle in oracles_of(rows).values())
        lines.append(_milestones(labels, curve, published, marked))
    table = Table(
        "Errors in % at shares of each line's own whole cost, and mean of all "
        f"answers (AE); E[C] = {inflation:.2f}",
        tuple(lines),
    )
    return CollectedReport({"": table}, _pictures(drawn, optimal), tuple(notes))


def best_of_all(rows: Sequence[RowRuns]) -> dict[str, AnytimeCurve]:
    """Returns OPT+ of each data set: the best network within each cost.

    Args:
        rows: `RowRuns`. Those with a label `stage` are separate networks.
    """
    by_data: dict[str, list[AnytimeCurve]] = {}
    for oracle in oracles_of(rows).values():
        of_data = by_data.setdefault(oracle.labels.get(_DATA, ""), [])
        of_data += oracle.finished.values()
    return {
        data: oracle_curve(networks, best_so_far=True, name="OPT+")
        for data, networks in by_data.items()
        if networks
    }


def _by_group(
    rows: Sequence[RowRuns], nets: Sequence[str]
) -> dict[tuple, dict[str, RowRuns]]:
    """Returns the members' rows by net, for each of the other labels."""
    groups: dict[tuple, dict[str, RowRuns]] = {}
    for row in anytime_rows(rows):
        if row.labels.get(_NET) in nets:
            group = tuple(
                item for item in row.labels.items() if item[0] != _NET
            )
            groups.setdefault(group, {})[row.labels[_NET]] = row
    return groups


def _published(
    experiment: Experiment, labels: Iterable[str]
) -> Mapping[str, float]:
    """Returns the paper's numbers of the line that names only such labels."""
    known = {label.lower().replace("+", "_plus") for label in labels}
    fitting = {
        len(words): numbers
        for line, numbers in experiment.published.items()
        if (words := set(line.lower().replace("+", "_plus").split())) <= known
    }
    # The line that says most.
    return fitting[max(fitting)] if fitting else {}


def _milestones(
    labels: Mapping[str, str],
    curve: AnytimeCurve | None,
    published: Mapping[str, float],
    marked: bool,
) -> Line:
    cells = {
        column: cell(
            [] if curve is None else [measure(curve, column)],
            published.get(column),
        )
        for column in (*MILESTONE_COLUMNS, AVERAGE_ERROR)
    }
    return Line(labels, cells, None, marked and curve is not None)


def _point_lines(labels: Mapping[str, str], row: RowRuns) -> list[Line]:
    """Returns a line for each answer of a training."""
    published = row.row.published
    if not row.curves:
        known = {
            column: Cell(paper=number) for column, number in published.items()
        }
        return [Line({**labels, "stage": "", "cost": ""}, known, 0)]
    lines = []
    for point in row.curves.curves[0].points:
        column = stage_column(point.stage)
        errors = [measure(run.curve, column) for run in row.runs]
        lines.append(
            Line(
                {
                    **labels,
                    "stage": str(point.stage),
                    "cost": point.macs,
                },
                {"error": cell(errors, published.get(column))},
                len(row.runs),
                row.marked,
            )
        )
    return lines


def _oracle_lines(oracle: Oracle) -> list[Line]:
    """Returns a line for each separate network of an oracle."""
    lines = []
    for stage, row in oracle.rows.items():
        points = [run.curve.points[-1] for run in row.runs]
        published = row.row.published
        lines.append(
            Line(
                {
                    **oracle.labels,
                    "stage": stage,
                    "cost": points[0].macs if points else "",
                },
                {
                    "error": cell(
                        [100 * point.error for point in points],
                        published.get(f"stage {stage}"),
                    )
                },
                len(points),
                row.marked,
            )
        )
    return lines


def _pictures(
    drawn: Mapping[str, Mapping[str, Any]],
    optimal: Mapping[str, Mapping[str, Any]],
) -> dict[str, Picture]:
    """Returns a picture of curves for each data set."""
    data_sets = list(dict.fromkeys([*drawn, *optimal]))
    pictures: dict[str, Picture] = {}
    for data in data_sets:
        suffix = data if len(data_sets) > 1 else ""
        lines, oracles = drawn.get(data, {}), optimal.get(data, {})
        pictures[suffix] = (
            functools.partial(_draw, lines, oracles)
            if lines
            else functools.partial(_draw, oracles, {})
        )
    return pictures


def _draw(lines: Any, oracles: Any, path: pathlib.Path) -> None:
    plots.plot_curves(lines, path, oracle=oracles or None)


def _all_but_stage(labels: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple(item for item in labels.items() if item[0] != "stage")


def _mean(row: RowRuns) -> AnytimeCurve:
    mean = row.mean
    assert mean is not None
    return mean
