"""Finished runs of an experiment's rows, checked against the rows' settings."""

import collections
import dataclasses
import functools
import json
import pathlib
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from keras_anytime.evaluation import AnytimeCurve
from keras_anytime.evaluation import CurveAggregate
from keras_anytime.evaluation import aggregate
from keras_anytime.experiments.papers.experiment import Experiment
from keras_anytime.experiments.papers.experiment import Row
from keras_anytime.experiments.run_folder import RunFolder
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


@dataclasses.dataclass(frozen=True, eq=False)
class FinishedRun:
    """The results of one run.

    Args:
        folder: Its `RunFolder`.
        results: Dict, the content of `results.json`.
        curve: Its `AnytimeCurve`.
        overrides: Dict from the settings that differ from the row's to the
            run's values.
    """

    folder: RunFolder
    results: Mapping[str, Any]
    curve: AnytimeCurve
    overrides: Mapping[str, Any]

    @property
    def seed(self) -> int:
        """The seed of the training."""
        return int(self.results["seed"])

    @property
    def overriding_flags(self) -> str:
        """The settings that differ from the row's, as flags."""
        return " ".join(
            f"--{name}={value}"
            for name, value in sorted(self.overrides.items())
        )


@dataclasses.dataclass(frozen=True, eq=False)
class RowRuns:
    """A row with its finished runs, all of the same settings.

    Args:
        row: The `Row`.
        runs: Tuple of `FinishedRun`s, by seed; empty if none is finished.
        left_out: Tuple of `FinishedRun`s with other settings than `runs`.
    """

    row: Row
    runs: tuple[FinishedRun, ...] = ()
    left_out: tuple[FinishedRun, ...] = ()

    @property
    def labels(self) -> dict[str, str]:
        """The row's labels but for the paper, which all rows share."""
        labels = dict(self.row.labels)
        labels.pop("paper", None)
        return labels

    @property
    def marked(self) -> bool:
        """Whether the runs have other settings than the row."""
        return bool(self.runs and self.runs[0].overrides)

    @functools.cached_property
    def curves(self) -> CurveAggregate | None:
        """The curves of all runs, or `None` if there is no run."""
        if not self.runs:
            return None
        return aggregate([run.curve for run in self.runs])

    @property
    def mean(self) -> AnytimeCurve | None:
        """The mean curve over the seeds, or `None` if there is no run."""
        return self.curves.mean if self.curves else None

    @property
    def by_seed(self) -> dict[int, AnytimeCurve]:
        """Dict from seeds to curves."""
        return {run.seed: run.curve for run in self.runs}


def runs_of(
    experiment: Experiment, workdir: str | pathlib.Path
) -> tuple[list[RowRuns], list[str]]:
    """Finds the finished runs of an experiment.

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
    rows = {row.name: row for row in experiment.rows}
    if len(rows) < len(experiment.rows):
        names = collections.Counter(row.name for row in experiment.rows)
        raise ValueError(
            "Each row of an experiment needs labels of its own. Received: "
            f"{names.most_common(1)[0][0]!r} twice in {experiment.name}"
        )
    found: dict[str, list[FinishedRun]] = {name: [] for name in rows}
    notes, unfinished = [], []
    for folder in sorted(workdir.iterdir()):
        name, seed_mark, seed = folder.name.rpartition("_seed_")
        if name not in rows or not seed_mark or not seed.isdecimal():
            continue
        if not (folder / "results.json").exists():
            unfinished.append(folder.name)
            continue
        try:
            found[name].append(_read(folder, rows[name]))
        except (OSError, ValueError, KeyError, TypeError) as error:
            notes.append(
                f"{folder.name} is left out, because its results.json is "
                f"damaged ({type(error).__name__}: {error})."
            )
    if unfinished:
        notes.append(f"Not finished yet: {', '.join(unfinished)}.")
    return [_choose(row, found[name]) for name, row in rows.items()], notes


def same_settings(rows: Sequence[RowRuns]) -> list[RowRuns]:
    """Returns the rows that may enter the same mean.

    Rows whose runs have other settings lose them, unless no row has runs with
    its own settings.

    Args:
        rows: Sequence of `RowRuns`.
    """
    if not any(row.runs and not row.marked for row in rows):
        return list(rows)
    return [
        dataclasses.replace(row, runs=(), left_out=(*row.left_out, *row.runs))
        if row.marked
        else row
        for row in rows
    ]


def notes_on_settings(rows: Sequence[RowRuns]) -> list[str]:
    """Returns notes that name the runs with other settings than their rows.

    Args:
        rows: Sequence of `RowRuns`.
    """
    marked: dict[str, list[str]] = {}
    left_out: dict[str, list[str]] = {}
    for row in rows:
        for run in row.runs if row.marked else ():
            marked.setdefault(run.overriding_flags, []).append(run.folder.name)
        for run in row.left_out:
            left_out.setdefault(run.overriding_flags, []).append(
                run.folder.name
            )
    return [
        f"\\* Trained with other settings than the paper's row, `{flags}`: "
        f"{', '.join(names)}."
        for flags, names in marked.items()
    ] + [
        f"Left out, because trained with `{flags}`, unlike the runs that are "
        f"shown: {', '.join(names)}."
        for flags, names in left_out.items()
    ]


def _read(folder: pathlib.Path, row: Row) -> FinishedRun:
    run_folder = RunFolder(folder)
    results = run_folder.read_results()
    int(results["seed"])
    return FinishedRun(
        run_folder,
        results,
        AnytimeCurve.from_dict(run_folder.read_curve()),
        _overrides(row.settings, results["flags"]),
    )


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
