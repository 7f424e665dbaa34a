"""Reports of what trainings logged in each epoch: draws, weights, losses."""

import functools
import pathlib
import re
from collections.abc import Mapping
from collections.abc import Sequence

from keras_anytime.evaluation.epoch_files import read_columns
from keras_anytime.evaluation.plots import style
from keras_anytime.evaluation.plots.sampler_probabilities import (
    draw_sampler_probabilities,
)
from keras_anytime.experiments.collecting.columns import cell
from keras_anytime.experiments.collecting.columns import stage_column
from keras_anytime.experiments.collecting.finished import FinishedRun
from keras_anytime.experiments.collecting.finished import RowRuns
from keras_anytime.experiments.collecting.finished import same_settings
from keras_anytime.experiments.collecting.oracle_rows import anytime_rows
from keras_anytime.experiments.collecting.oracle_rows import group_of
from keras_anytime.experiments.collecting.oracle_rows import oracles_of
from keras_anytime.experiments.collecting.oracle_rows import share_of_stage
from keras_anytime.experiments.collecting.pictures import values_picture
from keras_anytime.experiments.collecting.tables import CollectedReport
from keras_anytime.experiments.collecting.tables import Line
from keras_anytime.experiments.collecting.tables import Table
from keras_anytime.experiments.papers.experiment import Experiment

# A column of the history: the training loss of a stage.
_LOSS = re.compile(r"stage_([1-9]\d*)_loss")


def probabilities(
    experiment: Experiment, rows: Sequence[RowRuns]
) -> CollectedReport:
    """Reports how likely samplers draw each stage.

    The table has the probabilities at the end of training, in %, and the
    picture those of all epochs, of the first seed.

    Args:
        experiment: The `Experiment`.
        rows: Its `RowRuns`.
    """
    lines, notes = _last_lines(rows, "probabilities", "probability", 100)
    sources = {}
    for row in rows:
        for run in row.runs[:1]:
            if run.folder.probabilities.exists():
                name = Line(row.labels, {}, marked=row.marked).name
                sources[name] = run.folder.probabilities
    table = Table(
        "Probability of drawing each stage at the end of training, in %",
        tuple(lines),
    )
    pictures = {}
    if sources:
        pictures[""] = functools.partial(_draw_probabilities, sources)
    return CollectedReport({"": table}, pictures, tuple(notes))


def weights(experiment: Experiment, rows: Sequence[RowRuns]) -> CollectedReport:
    """Reports the mean loss weight of each stage in the last epoch.

    Args:
        experiment: The `Experiment`.
        rows: Its `RowRuns`.
    """
    lines, notes = _last_lines(rows, "weights", "weight", 1)
    table = Table(
        "Weight of each stage's loss, mean over the last epoch",
        tuple(lines),
        digits=3,
    )
    return CollectedReport(
        {"": table}, {"": values_picture(table, "loss weight")}, tuple(notes)
    )


def training_loss(
    experiment: Experiment, rows: Sequence[RowRuns]
) -> CollectedReport:
    """Reports the training loss of each stage in the last epoch.

    With rows of OPT, whose label `stage` is a number, these are the increases
    over the losses of OPT in %; stages without a network of OPT are left out.
    A second table has the losses themselves. Without such rows, or if
    `options["relative"]` is false, these are the cross entropies in nats. The
    losses are means over the last epoch of training,
    with augmentation, and without regularizers.

    Args:
        experiment: The `Experiment`.
        rows: Its `RowRuns`.
    """
    rows = same_settings(rows)
    oracles = oracles_of(rows)
    relative = bool(oracles) and experiment.options.get("relative", True)
    lines: list[Line] = []
    losses_in_nats: list[Line] = []
    notes: list[str] = []
    for row in anytime_rows(rows):
        optimal: dict[int, float] = {}
        group = group_of(row.labels)
        if group in oracles:
            for label, of_stage in oracles[group].rows.items():
                if share_of_stage(label) is not None:
                    continue
                # A network of one stage calls it stage 1 or by its number.
                losses = [
                    next(iter(of_run.values()))
                    for of_run in _of_runs(of_stage, "history", _LOSS, notes)
                ]
                if losses:
                    optimal[int(label)] = sum(losses) / len(losses)
        of_runs = _of_runs(row, "history", _LOSS, notes)
        stages = list(of_runs[0]) if of_runs else []
        cells, absolute = {}, {}
        for stage in stages:
            values = [losses[stage] for losses in of_runs]
            absolute[stage_column(stage)] = cell(values)
            if relative:
                if not optimal.get(stage):
                    continue
                values = [
                    100 * (value / optimal[stage] - 1) for value in values
                ]
            cells[stage_column(stage)] = cell(values)
        count = len(of_runs)
        lines.append(Line(row.labels, cells, count, row.marked))
        losses_in_nats.append(Line(row.labels, absolute, count, row.marked))
    quantity = (
        "increase of the training loss over OPT (%)"
        if relative
        else "training loss (nats)"
    )
    table = Table(
        f"{quantity[0].upper()}{quantity[1:]} in the last epoch",
        tuple(lines),
        digits=2 if relative else 4,
    )
    tables = {"": table}
    pictures = {"": values_picture(table, quantity)}
    if relative:
        tables["nats"] = Table(
            "Training loss in nats in the last epoch",
            tuple(losses_in_nats),
            digits=4,
        )
        pictures["nats"] = values_picture(
            tables["nats"], "training loss (nats)"
        )
    return CollectedReport(tables, pictures, tuple(notes))


def _last_lines(
    rows: Sequence[RowRuns], log: str, prefix: str, factor: float
) -> tuple[list[Line], list[str]]:
    """Returns lines of the last epoch's numbers, and notes."""
    lines: list[Line] = []
    notes: list[str] = []
    pattern = re.compile(rf"{prefix}_([1-9]\d*)")
    for row in rows:
        of_runs = _of_runs(row, log, pattern, notes)
        stages = list(of_runs[0]) if of_runs else []
        cells = {
            stage_column(stage): cell(
                [factor * values[stage] for values in of_runs],
                row.row.published.get(stage_column(stage)),
            )
            for stage in stages
        }
        lines.append(Line(row.labels, cells, len(of_runs), row.marked))
    return lines, notes


def _of_runs(
    row: RowRuns, log: str, pattern: re.Pattern, notes: list[str]
) -> list[dict[int, float]]:
    """Returns the last epoch's numbers of each run that logged them.

    Args:
        row: A `RowRuns`.
        log: Name of the attribute of a `RunFolder` with the file's path.
        pattern: Regular expression of the columns, with the stage as a group.
        notes: List that gets a note for each run without the file.
    """
    found = []
    for run in row.runs:
        path = getattr(run.folder, log)
        try:
            found.append(_last(path, pattern, run))
        except ValueError as error:
            notes.append(f"{run.name} has no usable {path.name}: {error}")
    return found


def _last(
    path: pathlib.Path, pattern: re.Pattern, run: FinishedRun
) -> dict[int, float]:
    """Returns the numbers of the last epoch, by stage."""
    _, columns = read_columns(path, f"`epoch` and `{pattern.pattern}`")
    numbers = {}
    for name, values in columns.items():
        if match := pattern.fullmatch(name):
            numbers[int(match[1])] = values[-1]
    if not numbers:
        raise ValueError(
            f"The file lacks the columns `{pattern.pattern}`. "
            f"Received: {str(path)!r} of {run.name}"
        )
    return dict(sorted(numbers.items()))


def _draw_probabilities(
    sources: Mapping[str, pathlib.Path], path: pathlib.Path
) -> None:
    style.save(draw_sampler_probabilities(sources), path)
