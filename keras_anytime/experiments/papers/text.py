"""Experiments and rows as text: lists, and flag files."""

import textwrap
from collections.abc import Sequence

from keras_anytime.experiments.papers import experiments
from keras_anytime.experiments.papers import find
from keras_anytime.experiments.papers import find_row
from keras_anytime.experiments.papers.experiment import Experiment
from keras_anytime.experiments.papers.experiment import Row
from keras_anytime.experiments.papers.protocol import flag_lines
from keras_anytime.experiments.queue_settings import ShowSettings

_PAPERS = {
    "wan2020": "Wan et al., 2020",
    "hu2017": "Hu et al., 2017",
    "hu2019": "Hu et al., 2019",
    "lee2018": "Lee and Shin, 2018",
    "small": "Small experiments",
}


def show(settings: ShowSettings) -> str:
    """Returns what `recipes/show_experiment.py` prints.

    Args:
        settings: The settings of the recipe.

    Returns:
        A flag file, the rows of an experiment, or the list of experiments.

    Raises:
        ValueError: If there is no such experiment or row.
    """
    if settings.row is not None:
        return flag_file(*find_row(settings.row)).rstrip()
    if settings.experiment is not None:
        return describe(find(settings.experiment))
    return "\n".join(
        _aligned(
            [
                (
                    experiment.name,
                    f"{len(experiment.rows)} row"
                    + ("" if len(experiment.rows) == 1 else "s"),
                    experiment.title,
                )
                for experiment in experiments().values()
            ]
        )
    )


def describe(experiment: Experiment) -> str:
    """Returns the title, notes and rows of an experiment as text."""
    return "\n".join(
        [
            *textwrap.wrap(f"{source(experiment)}: {experiment.title}."),
            *textwrap.wrap(experiment.notes),
            "",
            *_aligned([(row.name, published(row)) for row in experiment.rows]),
        ]
    )


def flag_file(experiment: Experiment, row: Row) -> str:
    """Returns the flag file of a row, with the paper's numbers in comments.

    Args:
        experiment: The experiment that has the row.
        row: The row.
    """
    comment = f"{source(experiment)}: {experiment.title}."
    if row.published:
        comment += f" The paper's numbers in %: {published(row)}."
    return "\n".join(
        [
            *textwrap.wrap(
                comment,
                width=79,
                initial_indent="# ",
                subsequent_indent="# ",
                break_on_hyphens=False,
            ),
            *flag_lines(row.settings),
            "",
        ]
    )


def source(experiment: Experiment) -> str:
    """Returns the paper and the table or figure, such as `Table 1`."""
    _, _, part = experiment.name.partition("_")
    for kind in ("table", "figure"):
        if part.startswith(kind):
            part = f"{kind.title()} {part.removeprefix(kind)}"
    return f"{_PAPERS.get(experiment.paper, experiment.paper)}, {part}"


def published(row: Row) -> str:
    """Returns the paper's numbers of a row, such as `stage 1: 12.3 (0.1)`."""
    return ", ".join(
        f"{column}: {number:g}"
        + (f" ({row.deviations[column]:g})" if column in row.deviations else "")
        for column, number in row.published.items()
    )


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Returns lines whose columns begin below each other."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.ljust(width) for cell, width in zip(row, widths, strict=True)
        ).rstrip()
        for row in rows
    ]
