"""Finished runs of an experiment's rows, a row's with the same settings."""

import dataclasses
import functools
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from keras_anytime.evaluation import AnytimeCurve
from keras_anytime.evaluation import CurveAggregate
from keras_anytime.evaluation import aggregate
from keras_anytime.experiments.papers.experiment import Row
from keras_anytime.experiments.run_folder import RunFolder


@dataclasses.dataclass(frozen=True, eq=False)
class FinishedRun:
    """The results of one run.

    Args:
        name: String, `<name of the row>_seed_<seed>`.
        results: Dict, as `results.json` and the results file of a queue have
            them.
        curve: Its `AnytimeCurve`.
        overrides: Dict from the settings that differ from the row's to the
            run's values.
        kept_in: Its `RunFolder`; `None` for a run of a results file.
    """

    name: str
    results: Mapping[str, Any]
    curve: AnytimeCurve
    overrides: Mapping[str, Any]
    kept_in: RunFolder | None = None

    @property
    def folder(self) -> RunFolder:
        """Its run folder, which has the trained network and the logs.

        Raises:
            ValueError: If the run is known from a results file only.
        """
        if self.kept_in is None:
            raise ValueError(
                "A results file has no networks and no logs of epochs: give "
                f"the folder of the run folders. Received: {self.name}"
            )
        return self.kept_in

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
            marked.setdefault(run.overriding_flags, []).append(run.name)
        for run in row.left_out:
            left_out.setdefault(run.overriding_flags, []).append(run.name)
    return [
        f"\\* Trained with other settings than those of the row, `{flags}`: "
        f"{', '.join(names)}."
        for flags, names in marked.items()
    ] + [
        f"Left out, because trained with `{flags}`, unlike the runs that are "
        f"shown: {', '.join(names)}."
        for flags, names in left_out.items()
    ]
