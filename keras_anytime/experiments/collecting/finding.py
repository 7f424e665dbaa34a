"""Finds the finished runs of an experiment: in run folders, in results files.

Runs are checked against the settings of the experiment's rows.
"""

import collections
import json
import os
import pathlib
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from keras_anytime.evaluation import AnytimeCurve
from keras_anytime.experiments.collecting.finished import FinishedRun
from keras_anytime.experiments.collecting.finished import RowRuns
from keras_anytime.experiments.papers.experiment import Experiment
from keras_anytime.experiments.papers.experiment import Row
from keras_anytime.experiments.queue_results import read_results
from keras_anytime.experiments.run_folder import RunFolder
from keras_anytime.experiments.run_folder import final_curve
from keras_anytime.experiments.train_settings import MAY_DIFFER
from keras_anytime.experiments.train_settings import NOT_COMPARED
from keras_anytime.experiments.train_settings import TrainSettings
from keras_anytime.files import user_path

# These change how a training is run, and not what is trained.
_NOT_COMPARED = (
    *NOT_COMPARED,
    *MAY_DIFFER,
    "deterministic",
    "drop_remainder",
    "seed",
)
# What is wrong with a file whose content is not that of a run.
_DAMAGED = (OSError, ValueError, KeyError, TypeError, AttributeError)


def runs_in_folders(
    experiment: Experiment, workdir: str | os.PathLike
) -> tuple[list[RowRuns], list[str]]:
    """Finds the finished runs of an experiment in run folders.

    Runs with a row's settings are preferred. If a row has only runs with other
    settings, such as those of a quick trial, it gets those that have most in
    common; such a row is marked. Runs of different settings are never mixed.

    Args:
        experiment: The `Experiment`.
        workdir: Path of the folder that holds the run folders, which are called
            `<name of the row>_seed_<seed>`. Other folders are ignored.

    Returns:
        List of `RowRuns` in the order of the experiment's rows, and a list of
        notes about folders that cannot be read or are not finished.

    Raises:
        ValueError: If there is no such folder, or two rows have the same name.
    """
    workdir = user_path(workdir)
    if not workdir.is_dir():
        raise ValueError(
            "--workdir must be the folder that holds the run folders, as "
            f"recipes/run_queue.py fills it. Received: {str(workdir)!r}, which "
            "is no folder"
        )
    rows = _by_name(experiment)
    found: list[tuple[Row, FinishedRun]] = []
    notes, unfinished = [], []
    for path in sorted(workdir.iterdir()):
        name, seed_mark, seed = path.name.rpartition("_seed_")
        if name not in rows or not seed_mark or not seed.isdecimal():
            continue
        folder = RunFolder(path)
        if not folder.results.exists():
            unfinished.append(path.name)
            continue
        try:
            results = folder.read_results()
            run = _finished(path.name, results, rows[name], folder)
            found.append((rows[name], run))
        except _DAMAGED as error:
            notes.append(_left_out(path.name, "its results.json", error))
    if unfinished:
        notes.append(f"Not finished yet: {', '.join(unfinished)}.")
    return _chosen(rows.values(), found), notes


def runs_in_files(
    experiment: Experiment, paths: Sequence[str | os.PathLike]
) -> tuple[list[RowRuns], list[str]]:
    """Finds the runs of an experiment in results files of queues.

    The runs of other experiments in these files are ignored. If files have
    different runs of one row with the same seed and settings, the first is
    taken, and a note says so.

    Args:
        experiment: The `Experiment`.
        paths: Paths of the files, which `recipes/run_queue.py` writes.

    Returns:
        As `runs_in_folders`.

    Raises:
        ValueError: If there is no such file, one is damaged, or two rows have
            the same name.
    """
    rows = _by_name(experiment)
    found: dict[tuple[str, str], tuple[Row, FinishedRun]] = {}
    origins: dict[tuple[str, str], pathlib.Path] = {}
    notes = []
    for path in map(user_path, paths):
        if not path.is_file():
            raise ValueError(
                "--results must be results files of recipes/run_queue.py. "
                f"Received: {str(path)!r}, which is no file"
            )
        for position, results in enumerate(read_results(path)[1], start=1):
            try:
                row = rows.get(results["row"])
                if row is None:
                    continue
                name = f"{row.name}_seed_{results['seed']}"
                run = _finished(name, results, row)
            except _DAMAGED as error:
                notes.append(_left_out(f"Run {position}", str(path), error))
                continue
            key = (name, run.overriding_flags)
            first = found.setdefault(key, (row, run))[1]
            origin = origins.setdefault(key, path)
            if first.curve != run.curve:
                notes.append(
                    f"{name} is there twice; the one in {origin.name} is "
                    f"shown, and that in {path.name} has other results."
                )
    return _chosen(rows.values(), found.values()), notes


def _by_name(experiment: Experiment) -> dict[str, Row]:
    """Returns the rows by their names, which must differ."""
    rows = {row.name: row for row in experiment.rows}
    if len(rows) < len(experiment.rows):
        names = collections.Counter(row.name for row in experiment.rows)
        raise ValueError(
            "Each row of an experiment needs labels of its own. Received: "
            f"{names.most_common(1)[0][0]!r} twice in {experiment.name}"
        )
    return rows


def _left_out(name: str, file: str, error: Exception) -> str:
    return (
        f"{name} is left out, because {file} is damaged "
        f"({type(error).__name__}: {error})."
    )


def _finished(
    name: str,
    results: Mapping[str, Any],
    row: Row,
    folder: RunFolder | None = None,
) -> FinishedRun:
    """Returns a run from its results."""
    int(results["seed"])
    return FinishedRun(
        name,
        results,
        AnytimeCurve.from_dict(final_curve(results)),
        _overrides(row.settings, results["flags"]),
        folder,
    )


def _chosen(
    rows: Iterable[Row], found: Iterable[tuple[Row, FinishedRun]]
) -> list[RowRuns]:
    """Returns all rows, each with runs of the same settings."""
    runs: dict[str, list[FinishedRun]] = {}
    for row, run in found:
        runs.setdefault(row.name, []).append(run)
    return [_choose(row, runs.get(row.name, [])) for row in rows]


def _overrides(
    row_settings: Mapping[str, Any], run_settings: Mapping[str, Any]
) -> dict[str, Any]:
    """Returns the settings of a run that differ from those of its row."""
    # A run that is older than a setting was trained with its default.
    defaults = TrainSettings.defaults()
    expected = {**defaults, **row_settings}
    actual = {**defaults, **run_settings}
    return {
        name: value
        for name, value in actual.items()
        if (name in row_settings or name not in _NOT_COMPARED)
        and name in expected
        and _canonical(value) != _canonical(expected[name])
    }


def _canonical(value: Any) -> Any:
    """Returns a setting in a form that does not depend on how it was given."""
    if isinstance(value, str):
        try:
            parsed = json.loads(value)
        except ValueError:
            parsed = None
        if isinstance(parsed, dict):
            return parsed
        return value.split(",") if "," in value else value
    if isinstance(value, Mapping):
        # Tuples become lists, as JSON has them.
        return json.loads(json.dumps(dict(value)))
    if isinstance(value, (list, tuple)):
        return [str(entry) for entry in value]
    return value


def _choose(row: Row, runs: Sequence[FinishedRun]) -> RowRuns:
    """Returns a row with those of its runs that have the same settings."""
    groups: dict[str, list[FinishedRun]] = {}
    for run in runs:
        groups.setdefault(run.overriding_flags, []).append(run)
    if not groups:
        return RowRuns(row)
    chosen = groups.get("") or max(groups.values(), key=len)
    return RowRuns(
        row,
        tuple(sorted(chosen, key=lambda run: run.seed)),
        tuple(run for run in runs if run not in chosen),
    )
