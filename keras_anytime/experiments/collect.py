"""Collects finished runs: a paper's table beside ours, in three files."""

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
from keras_anytime.experiments.collecting.finished import FinishedRun
from keras_anytime.experiments.collecting.finished import RowRuns
from keras_anytime.experiments.collecting.finished import notes_on_settings
from keras_anytime.experiments.collecting.finished import runs_of
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
    "deadlines": deadline_tables.deadlines,
    "probabilities": epoch_logs.probabilities,
    "weights": epoch_logs.weights,
    "training_loss": epoch_logs.training_loss,
    "branch_norms": trained_networks.branch_norms,
    "label_sets": trained_networks.label_sets,
}


def collect(
    experiment: Experiment,
    workdir: str | os.PathLike,
    output: str | os.PathLike | None = None,
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

    Args:
        experiment: The `Experiment`.
        workdir: Path of the folder that holds the run folders
            `<name of the row>_seed_<seed>`.
        output: Path of the folder to write to; `None` for `workdir`.

    Returns:
        Path of the Markdown file.

    Raises:
        ValueError: If there is no such folder, or the experiment lacks options
            that its report needs.
        ImportError: If Matplotlib is missing; the `plot` extra installs it.
        OSError: If a file cannot be written.
    """
    if experiment.report not in _REPORTS:
        raise ValueError(
            f"`report` must be one of {', '.join(_REPORTS)}. "
            f"Received: {experiment.report!r} of {experiment.name}"
        )
    folder = user_path(workdir if output is None else output)
    rows, notes = runs_of(experiment, user_path(workdir))
    base = folder / experiment.name
    path = base.with_name(f"{base.name}.md")
    check_writable(path)
    report = _REPORTS[experiment.report](experiment, rows)
    pictures = []
    for suffix, draw in report.pictures.items():
        picture = _path(base, suffix, "png")
        draw(picture)
        pictures.append(picture.name)
    for suffix, table in report.tables.items():
        if table.lines:
            write_csv(_path(base, suffix, "csv"), table.to_rows())
    all_notes = [*notes_on_settings(rows), *report.notes, *notes]
    write_text(
        path,
        "\n".join(_markdown(experiment, rows, report, pictures, all_notes)),
    )
    return path


def _markdown(
    experiment: Experiment,
    rows: Sequence[RowRuns],
    report: CollectedReport,
    pictures: Sequence[str],
    notes: Sequence[str],
) -> list[str]:
    """Returns the lines of the Markdown file."""
    finished = [row for row in rows if row.runs]
    lines = [
        f"# {source(experiment)}: {experiment.title}",
        "",
        f"`{experiment.name}`: {len(finished)} of {len(rows)} rows have "
        f"finished runs; the paper trains each row with {experiment.seeds} "
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
    listed = [note.strip() for note in (experiment.notes, *notes) if note]
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
