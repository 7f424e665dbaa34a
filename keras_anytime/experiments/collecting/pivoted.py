"""Curves relative to the last answer of a small network."""

import functools
import pathlib
from collections.abc import Sequence

import numpy as np

from keras_anytime.evaluation import AnytimeCurve
from keras_anytime.evaluation.plots import style
from keras_anytime.evaluation.plots.pivoted import draw_pivoted
from keras_anytime.experiments.collecting.finished import RowRuns
from keras_anytime.experiments.collecting.finished import same_settings
from keras_anytime.experiments.collecting.oracle_rows import METHOD
from keras_anytime.experiments.collecting.oracle_rows import anytime_rows
from keras_anytime.experiments.collecting.tables import Cell
from keras_anytime.experiments.collecting.tables import CollectedReport
from keras_anytime.experiments.collecting.tables import Line
from keras_anytime.experiments.collecting.tables import Table
from keras_anytime.experiments.papers.experiment import Experiment

_SHARES = (0.25, 0.5, 0.75, 1.0, 1.5, 2.0)

# Relative costs and relative errors in %.
Steps = tuple[np.ndarray, np.ndarray]


def pivoted_curves(
    experiment: Experiment, rows: Sequence[RowRuns]
) -> CollectedReport:
    """Reports costs and errors relative to the last answer of a small network.

    Each pair is a small network that is trained with the pivot's method, and a
    big one that is trained with another. The point (0.5, 200) has half of the
    cost of the small network's last answer, and an error that is 200% larger
    than its error. Curves are averaged over the pairs of a data set, from the
    cost on at which each pair has an answer.

    Args:
        experiment: The `Experiment`. `options["pivot"]` is the method of the
            small networks; `options["pairs"]` lists pairs of nets, the small
            one first.
        rows: Its `RowRuns`.

    Reference:
        [Hu et al., 2019, Figure 5](https://arxiv.org/abs/1708.06832)
    """
    options = experiment.options
    for name in ("pivot", "pairs"):
        if not options.get(name):
            raise ValueError(
                f"The report 'pivoted_curves' needs options[{name!r}]. "
                f"Received: {dict(options)}"
            )
    rows = anytime_rows(same_settings(rows))
    by_labels = {_key(row): row for row in rows}
    data_sets = list(dict.fromkeys(row.labels["data"] for row in rows))
    methods = list(dict.fromkeys(row.labels[METHOD] for row in rows))
    panels: dict[str, dict[str, Steps]] = {}
    lines, notes = [], []
    for data in data_sets:
        panels[data] = {}
        for method in methods:
            curves = []
            for small, big in options["pairs"]:
                net = small if method == options["pivot"] else big
                pivot = by_labels.get((small, data, options["pivot"]))
                row = by_labels.get((net, data, method))
                if row and row.mean and pivot and pivot.mean:
                    curves.append(pivoted(row.mean, pivot.mean))
                elif row:
                    notes.append(
                        f"{data}, {method}: no pair {small}, {big} yet."
                    )
            cells = {f"at {share:g}": Cell() for share in _SHARES}
            if curves:
                costs, errors = panels[data][method] = mean_steps(curves)
                cells = {
                    f"at {share:g}": Cell(value_at(costs, errors, share))
                    for share in _SHARES
                }
            labels = {
                "data": data,
                METHOD: method,
                "of": f"{len(curves)}/{len(options['pairs'])}",
            }
            marked = any(row.marked for row in rows) and bool(curves)
            lines.append(Line(labels, cells, None, marked))
    table = Table(
        f"Increase of the error in % over the last one of {options['pivot']} "
        "on the small network, at multiples of that network's cost, mean over "
        "pairs",
        tuple(lines),
    )
    return CollectedReport(
        {"": table},
        {"": functools.partial(_draw, panels)},
        tuple(dict.fromkeys(notes)),
    )


def pivoted(curve: AnytimeCurve, pivot: AnytimeCurve) -> Steps:
    """Returns a curve relative to the last answer of another one.

    Args:
        curve: An `AnytimeCurve`.
        pivot: The `AnytimeCurve` whose last answer is the point (1, 0).

    Returns:
        Float arrays `(K,)`: the costs as multiples, and the increases of the
        errors in %.
    """
    last = pivot.points[-1]
    costs = np.array([point.macs for point in curve.points]) / last.macs
    errors = np.array([point.error for point in curve.points])
    with np.errstate(divide="ignore", invalid="ignore"):
        return costs, 100 * (errors / last.error - 1)


def mean_steps(curves: Sequence[Steps]) -> Steps:
    """Averages step functions from where all of them have begun.

    Args:
        curves: Sequence of pairs of float arrays: increasing costs, and the
            numbers from these costs on.

    Returns:
        Pair of float arrays: all costs at which the mean changes, and means.
    """
    start = max(costs[0] for costs, _ in curves)
    costs = np.unique(np.concatenate([costs for costs, _ in curves]))
    costs = costs[costs >= start]
    means = np.mean(
        [
            numbers[np.searchsorted(own, costs, side="right") - 1]
            for own, numbers in curves
        ],
        axis=0,
    )
    return costs, means


def value_at(costs: np.ndarray, numbers: np.ndarray, at: float) -> float | None:
    """Returns the number of the last cost that is within another.

    Args:
        costs: Float array, increasing.
        numbers: Float array of the same length.
        at: Float.

    Returns:
        Float, or `None` if no cost is within `at`.
    """
    index = int(np.searchsorted(costs, at * (1 + 1e-9), side="right"))
    return float(numbers[index - 1]) if index else None


def _key(row: RowRuns) -> tuple[str, str, str]:
    labels = row.labels
    return labels["net"], labels["data"], labels[METHOD]


def _draw(panels: dict[str, dict[str, Steps]], path: pathlib.Path) -> None:
    style.save(draw_pivoted(panels), path)
