"""Reports that need the trained networks: norms of branches, label sets."""

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from keras import ops

from keras_anytime.evaluation import AnytimeCurve
from keras_anytime.evaluation import HierarchicalCurve
from keras_anytime.evaluation import aggregate
from keras_anytime.experiments.collecting.columns import cell
from keras_anytime.experiments.collecting.columns import measure
from keras_anytime.experiments.collecting.columns import stage_column
from keras_anytime.experiments.collecting.finished import FinishedRun
from keras_anytime.experiments.collecting.finished import RowRuns
from keras_anytime.experiments.collecting.pictures import values_picture
from keras_anytime.experiments.collecting.tables import CollectedReport
from keras_anytime.experiments.collecting.tables import Line
from keras_anytime.experiments.collecting.tables import Table
from keras_anytime.experiments.papers.experiment import Experiment
from keras_anytime.loading import load_model

# The kernels of a ResNeXt's unit: block, unit in the block, place, stage.
_KERNEL = re.compile(r"block(\d+)_unit(\d+)_(?:kernel|conv)([23])_stage(\d+)")


def branch_norms(
    experiment: Experiment, rows: Sequence[RowRuns]
) -> CollectedReport:
    """Reports the l1 norms of the branches' last kernels in one unit.

    Args:
        experiment: The `Experiment`. `options["block"]` is the number of the
            residual block, counted over all of them; 5 without it, as in the
            paper.
        rows: Its `RowRuns`, of ResNeXts.

    Reference:
        [Lee and Shin, 2018, Figure 3b](https://arxiv.org/abs/1807.02609)
    """
    unit = experiment.options.get("block", 5)
    lines, notes = [], []
    for row in rows:
        norms = []
        for run in row.runs:
            try:
                norms.append(
                    norms_of_branches(load_model(run.folder.model), unit)
                )
            except (OSError, ValueError) as error:
                notes.append(f"{run.name}: {error}")
        count = min(map(len, norms), default=0)
        cells = {
            f"branch {index + 1}": cell([of_run[index] for of_run in norms])
            for index in range(count)
        }
        lines.append(Line(row.labels, cells, len(norms), row.marked))
    table = Table(
        f"l1 norm of the third convolution of each branch in unit {unit}",
        tuple(lines),
        digits=3,
    )
    return CollectedReport(
        {"": table},
        {"": values_picture(table, "l1 norm of the weights")},
        tuple(notes),
    )


def norms_of_branches(model: Any, unit: int) -> list[float]:
    """Computes the l1 norms of the third convolution of a unit's branches.

    Args:
        model: A ResNeXt of `ka.nets`: `inclusive_resnext`, plain with a single
            stage, or `inclusive_sparse_resnext`.
        unit: Integer from 1, counted over all blocks.

    Returns:
        List of floats, one for each branch.

    Raises:
        ValueError: If the network has no such unit with branches.
    """
    # (block, unit) -> place in the unit -> kernels in the order of the stages.
    kernels: dict[tuple[int, int], dict[int, dict[int, np.ndarray]]] = {}
    for layer in model.layers:
        match = _KERNEL.fullmatch(layer.name)
        if match and getattr(layer, "kernel", None) is not None:
            block, index, place, stage = map(int, match.groups())
            of_unit = kernels.setdefault((block, index), {})
            of_unit.setdefault(place, {})[stage] = ops.convert_to_numpy(
                layer.kernel
            )
    units = sorted(kernels)
    if not 1 <= unit <= len(units) or set(kernels[units[unit - 1]]) != {2, 3}:
        raise ValueError(
            "The network has no such unit of branches, as `inclusive_resnext` "
            "and `inclusive_sparse_resnext` have. "
            f"Received: unit={unit}, and {model.name!r} with {len(units)} units"
        )
    grouped, last = (kernels[units[unit - 1]][place] for place in (2, 3))
    norms: list[float] = []
    for stage in sorted(last):
        # A branch has as many channels as its convolution reads.
        channels = grouped[stage].shape[-2]
        inputs = last[stage].shape[-2]
        norms += [
            float(np.abs(last[stage][:, :, start : start + channels]).sum())
            for start in range(0, inputs, channels)
        ]
    return norms


def label_sets(
    experiment: Experiment, rows: Sequence[RowRuns]
) -> CollectedReport:
    """Reports the error of each stage in each label set.

    A second table names the finest labels with at most a wanted error.

    Args:
        experiment: The `Experiment`. `options["wanted_error"]` is in [0, 1].
            A row's published columns are such as `"fine stage 1"`.
        rows: Its `RowRuns`, with label sets.
    """
    wanted = experiment.options.get("wanted_error")
    lines, finest, notes = [], [], []
    for row in rows:
        hierarchies = []
        for run in row.runs:
            if "curves" in run.results:
                hierarchies.append(_hierarchy(run))
            else:
                notes.append(
                    f"{run.name} has the finest labels only; measure the "
                    "others with keras-anytime-evaluate --runs=..., its folder."
                )
        sets = list(hierarchies[0].curves) if hierarchies else []
        for label_set in sets or [""]:
            columns = [
                stage_column(point.stage)
                for curve in (
                    [hierarchies[0].curves[label_set]] if hierarchies else []
                )
                for point in curve.points
            ] or [c.partition(" ")[2] for c in row.row.published]
            lines.append(
                Line(
                    {**row.labels, "labels": label_set},
                    {
                        column: cell(
                            [
                                measure(of_run.curves[label_set], column)
                                for of_run in hierarchies
                            ],
                            row.row.published.get(f"{label_set} {column}"),
                        )
                        for column in columns
                    },
                    len(hierarchies),
                    row.marked,
                )
            )
        if wanted is not None and hierarchies:
            mean = _mean_hierarchy(hierarchies)
            labels = dict(row.labels)
            for stage, name in enumerate(mean.finest(wanted), start=1):
                labels[stage_column(stage)] = name or "none"
            finest.append(Line(labels, {}, len(hierarchies), row.marked))
    tables = {"": Table("Error in % in each label set", tuple(lines))}
    if finest:
        tables["finest"] = Table(
            f"Finest labels with an error of {wanted:.1%} at most",
            tuple(finest),
        )
    return CollectedReport(
        tables, {"": values_picture(tables[""], "error (%)")}, tuple(notes)
    )


def _hierarchy(run: FinishedRun) -> HierarchicalCurve:
    curves = run.results.get("test_curves", run.results["curves"])
    return HierarchicalCurve(
        {
            label_set: AnytimeCurve.from_dict(content)
            for label_set, content in curves.items()
        }
    )


def _mean_hierarchy(
    hierarchies: Sequence[HierarchicalCurve],
) -> HierarchicalCurve:
    """Returns the mean curves over the seeds."""
    return HierarchicalCurve(
        {
            label_set: aggregate(
                [of_run.curves[label_set] for of_run in hierarchies]
            ).mean
            for label_set in hierarchies[0].curves
        }
    )
