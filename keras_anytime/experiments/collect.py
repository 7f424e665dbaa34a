"""Collects finished runs: a paper's table beside ours, in three files."""

import dataclasses
import os
import pathlib
from collections.abc import Callable
from collections.abc import Sequence
from typing import Any

from keras_anytime.experiments.collecting import cost_curves
from keras_anytime.experiments.collecting import deadline_tables
from keras_anytime.experiments.collecting import epoch_logs
from keras_anytime.experiments.collecting import mean_tables
from keras_anytime.experiments.collecting import pivoted
from keras_anytime.experiments.collecting import row_tables
from keras_anytime.experiments.collecting import trained_networks
from keras_anytime.experiments.collecting.finding import runs_in_files
from keras_anytime.experiments.collecting.finding import runs_in_folders
from keras_anytime.experiments.collecting.finished import FinishedRun
from keras_anytime.experiments.collecting.finished import RowRuns
from keras_anytime.experiments.collecting.finished import notes_on_settings
from keras_anytime.experiments.collecting.tables import CollectedReport
from keras_anytime.experiments.papers.experiment import Experiment
from keras_anytime.experiments.papers.text import source
from keras_anytime.files import check_writable
from keras_anytime.files import user_path
from keras_anytime.files import write_text
from keras_anytime.files.csv_files import write_csv

_REPORTS: dict[
    str, Callable[[Experiment, Sequence[RowRuns]], CollectedReport]
] = {
    "stages": row_tables.stages,
    "milestones": row_tables.milestones,
    "relative_increase": mean_tables.relative_increase,
    "relative_change": mean_tables.relative_change,
    "wins": mean_tables.wins,
    "curves": cost_curves.curves,
    "pivoted_curves": pivoted.pivoted_curves,
    "ensemble": cost_curves.ensemble,
    "label_sets": trained_networks.label_sets,
    "deadlines": deadline_tables.deadlines,
    "probabilities": epoch_logs.probabilities,
    "weights": epoch_logs.weights,
    "training_loss": epoch_logs.training_loss,
    "branch_norms": trained_networks.branch_norms,
}
# These read what only run folders have.
_OF_FOLDERS = {
    "deadlines": "evaluations under deadlines",
    "probabilities": "logs of epochs",
    "weights": "logs of epochs",
    "training_loss": "logs of epochs",
    "branch_norms": "trained networks",
}


def collect(
    experiment: Experiment,
    workdir: str | os.PathLike | None = None,
    output: str | os.PathLike | None = None,
    results: Sequence[str | os.PathLike] = (),
) -> pathlib.Path:
    """Writes the report of an experiment: our numbers beside the paper's.

    `<output>/<name of the experiment>.md` holds the tables and notes, and
    `.csv` and `.png` hold the paper's table and its picture. Further tables and
    pictures are files whose names continue with an underscore. Rows without a
    finished run have the paper's numbers only.

    ```python
    from keras_anytime.experiments.collect import collect
    from keras_anytime.experiments.papers.experiment import Experiment
    from keras_anytime.experiments.papers.experiment import Row

    row = Row({"net": "small", "method": "osgd"}, {}, {"stage 1": 9.3})
    table = Experiment("paper_table1", "A table", (row,), "stages")
    # The folder holds run folders such as `run/small_osgd_seed_1`.
    print(collect(table, "run").read_text())
    ```

    Runs are read from run folders, or from the results files of
    `recipes/run_queue.py`. These lack networks and logs: a report that needs
    them has the errors of each stage instead, and says so.

    Args:
        experiment: The `Experiment`.
        workdir: Path of the folder that holds the run folders
            `<name of the row>_seed_<seed>`; `None` to read results files.
        output: Path of the folder to write to; `None` for `workdir`.
        results: Sequence of paths of results files, in place of `workdir`.
            Runs of other experiments in them are ignored.

    Returns:
        Path of the Markdown file.

    Raises:
        ValueError: If there is no such folder or file, not exactly one of
            `workdir` and `results` is given, there is no folder to write to, or
            the experiment lacks options that its report needs.
        ImportError: If Matplotlib is missing; the `plot` extra installs it.
        OSError: If a file cannot be written.
    """
    rows, make_report = _read(experiment, workdir, results)
    folder = output or workdir
    if not folder:
        raise ValueError(
            "Without --workdir, --output must name the folder to write to. "
            "Received: nothing"
        )
    base = user_path(folder) / experiment.name
    path = base.with_name(f"{base.name}.md")
    check_writable(path)
    report = make_report()
    pictures = []
    for suffix, draw in report.pictures.items():
        picture = _path(base, suffix, "png")
        draw(picture)
        pictures.append(picture.name)
    for suffix, table in report.tables.items():
        if table.lines:
            write_csv(_path(base, suffix, "csv"), table.to_rows())
    write_text(path, "\n".join(_markdown(experiment, rows, report, pictures)))
    return path


def report_of(
    experiment: Experiment,
    workdir: str | os.PathLike | None = None,
    results: Sequence[str | os.PathLike] = (),
) -> CollectedReport:
    """Makes the report that `collect` writes.

    Args:
        experiment: As for `collect`.
        workdir: As for `collect`.
        results: As for `collect`.

    Returns:
        A `CollectedReport`.

    Raises:
        ValueError: As `collect`.
    """
    return _read(experiment, workdir, results)[1]()


def _read(
    experiment: Experiment,
    workdir: str | os.PathLike | None,
    results: Sequence[str | os.PathLike],
) -> tuple[list[RowRuns], Callable[[], CollectedReport]]:
    """Returns the rows with their runs, and a function that reports them."""
    if experiment.report not in _REPORTS:
        raise ValueError(
            f"`report` must be one of {', '.join(_REPORTS)}. "
            f"Received: {experiment.report!r} of {experiment.name}"
        )
    if bool(workdir) == bool(results):
        raise ValueError(
            "Give the folder of the run folders (--workdir), or results files "
            "of a queue (--results), and not both. "
            f"Received: workdir={workdir!r} and results={list(results)}"
        )
    make = _REPORTS[experiment.report]
    if workdir:
        rows, notes = runs_in_folders(experiment, workdir)
    else:
        rows, notes = runs_in_files(experiment, results)
        if experiment.report in _OF_FOLDERS:
            make = row_tables.stages
            notes.append(
                f"The report {experiment.report!r} needs "
                f"{_OF_FOLDERS[experiment.report]}, which only run folders "
                "have (--workdir): the errors of each stage are shown."
            )

    def make_report() -> CollectedReport:
        report = make(experiment, rows)
        all_notes = (*notes_on_settings(rows), *report.notes, *notes)
        return dataclasses.replace(report, notes=all_notes)

    return rows, make_report


def _markdown(
    experiment: Experiment,
    rows: Sequence[RowRuns],
    report: CollectedReport,
    pictures: Sequence[str],
) -> list[str]:
    """Returns the lines of the Markdown file."""
    finished = [row for row in rows if row.runs]
    who = "the paper trains" if experiment.of_paper else "the queue trains"
    lines = [
        f"# {source(experiment)}: {experiment.title}",
        "",
        f"`{experiment.name}`: {len(finished)} of {len(rows)} rows have "
        f"finished runs; {who} each row with {experiment.seeds} "
        f"seed{'' if experiment.seeds == 1 else 's'}.",
        "",
    ]
    for table in report.tables.values():
        shown = (
            table.to_markdown() if table.lines else [f"{table.title}: none."]
        )
        lines += [*shown, ""]
    for picture in pictures:
        lines += [f"![{experiment.title}]({picture})", ""]
    listed = [
        note.strip() for note in (experiment.notes, *report.notes) if note
    ]
    if listed:
        lines += ["Notes:", "", *(f"- {note}" for note in listed), ""]
    return [*lines, *_origin([run for row in rows for run in row.runs])]


def _origin(runs: Sequence[FinishedRun]) -> list[str]:
    """Returns lines that say where the numbers come from."""
    if not runs:
        return []

    def distinct(name: str) -> str:
        values = [run.results.get(name) for run in runs]
        return ", ".join(dict.fromkeys(str(value) for value in values if value))

    versions: dict[str, Any] = {}
    for run in runs:
        for package, version in (run.results.get("versions") or {}).items():
            versions.setdefault(package, {})[version] = None
    minutes = sum(float(run.results.get("minutes") or 0) for run in runs)
    return [
        f"{len(runs)} runs, {minutes:,.0f} minutes of training; hardware: "
        f"{distinct('hardware')}; commit: {distinct('commit')}; "
        + ", ".join(f"{name} {', '.join(of)}" for name, of in versions.items())
        + ".",
        "",
    ]


def _path(base: pathlib.Path, suffix: str, form: str) -> pathlib.Path:
    """Returns the path of a file of the report."""
    safe = "".join(c if c.isalnum() or c in "-." else "_" for c in suffix)
    return base.with_name(base.name + (f"_{safe}" if safe else "") + f".{form}")
