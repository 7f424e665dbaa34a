"""Tables with the paper's numbers beside ours, as Markdown and CSV."""

import dataclasses
import math
import pathlib
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping
from typing import Any

from keras_anytime.evaluation.tables import short


@dataclasses.dataclass(frozen=True)
class Cell:
    """A number of ours beside the paper's.

    Args:
        mean: Float, the mean over the seeds; `None` without a run.
        std: Float, the standard deviation over the seeds with seeds - 1
            degrees of freedom; `None` for a single seed.
        paper: Float, the paper's number; `None` if it gives none.
        paper_std: Float, the standard deviation that the paper gives.
        count: Integer, how many networks and data sets the mean is over.
        low: Float, the lower end of the 95% interval of the mean, which
            Markdown shows in place of the standard deviation.
        high: Float, the upper end.
    """

    mean: float | None = None
    std: float | None = None
    paper: float | None = None
    paper_std: float | None = None
    count: int | None = None
    low: float | None = None
    high: float | None = None


@dataclasses.dataclass(frozen=True)
class Line:
    """A line of a table.

    Args:
        labels: Dict from label columns to strings, or integers: costs in
            multiply-adds, which Markdown shortens.
        cells: Dict from columns to `Cell`s.
        seeds: Integer. Number of seeds, or of what the table counts; `None`
            where none are counted.
        marked: Boolean. Whether the runs have other settings than the row.
    """

    labels: Mapping[str, str | int]
    cells: Mapping[str, Cell]
    seeds: int | None = None
    marked: bool = False

    @property
    def name(self) -> str:
        """The labels in one string, with an asterisk if marked."""
        return " ".join(map(str, self.labels.values())) + (
            "*" if self.marked else ""
        )


@dataclasses.dataclass(frozen=True)
class Table:
    """A table of lines with the same columns.

    Args:
        title: String. What the numbers are, with their unit.
        lines: Tuple of `Line`s.
        digits: Integer. Decimals of our numbers.
        counted: String. What the lines' `seeds` count.
        signed: Boolean. Whether the numbers are differences, whose signs are
            always shown.
    """

    title: str
    lines: tuple[Line, ...]
    digits: int = 2
    counted: str = "seeds"
    signed: bool = False

    @property
    def columns(self) -> list[str]:
        """The columns of numbers, in the order of their first appearance."""
        return list(
            dict.fromkeys(name for line in self.lines for name in line.cells)
        )

    @property
    def labels(self) -> list[str]:
        """The columns of labels."""
        return list(
            dict.fromkeys(name for line in self.lines for name in line.labels)
        )

    def to_markdown(self) -> list[str]:
        """Returns the lines of a Markdown table below its title."""
        counted = any(line.seeds is not None for line in self.lines)
        head = [
            *self.labels,
            *([self.counted] if counted else []),
            *self.columns,
        ]
        published = any(
            cell.paper is not None
            for line in self.lines
            for cell in line.cells.values()
        )
        body = []
        for line in self.lines:
            labels = [line.labels.get(name, "") for name in self.labels]
            texts = [
                short(label) if isinstance(label, int) else label
                for label in labels
            ]
            if line.marked and texts:
                texts[0] += " \\*"
            if counted:
                texts.append(str(line.seeds or ""))
            texts += [
                self._text(line.cells.get(name, Cell()), published)
                for name in self.columns
            ]
            body.append(texts)
        title = self.title + (": ours / the paper's" if published else "")
        numbers = len(head) - len(self.labels)
        return [
            f"{title}.",
            "",
            markdown_line(head),
            markdown_line(["---"] * len(self.labels) + ["---:"] * numbers),
            *map(markdown_line, body),
        ]

    def to_rows(self) -> list[dict[str, Any]]:
        """Returns a dict for each line, for `write_csv`."""
        rows = []
        for line in self.lines:
            row: dict[str, Any] = {
                name: line.labels.get(name, "") for name in self.labels
            }
            row[self.counted] = "" if line.seeds is None else line.seeds
            row["other_settings"] = "yes" if line.marked else ""
            for column in self.columns:
                cell = line.cells.get(column, Cell())
                for field, value in dataclasses.asdict(cell).items():
                    known = value is not None and not math.isnan(value)
                    row[f"{column} {field}"] = value if known else ""
            rows.append(row)
        # Columns that no line has are left out, but for our numbers.
        used = [
            name
            for name in rows[0]
            if name.endswith(" mean") or any(row[name] != "" for row in rows)
        ]
        return [{name: row[name] for name in used} for row in rows]

    def _text(self, cell: Cell, published: bool) -> str:
        form = f"{'+' if self.signed else ''}.{self.digits}f"
        ours = _number(cell.mean, cell.std, form)
        if cell.low is not None:
            ours = (
                f"{cell.mean:{form}} ({cell.low:{form}} to {cell.high:{form}})"
            )
        if not published:
            return ours
        paper = _number(cell.paper, cell.paper_std, "g")
        return f"{ours or '–'} / {paper or '–'}" if ours or paper else ""


@dataclasses.dataclass(frozen=True)
class CollectedReport:
    """The tables, pictures and notes of an experiment.

    Args:
        tables: Dict from suffixes of file names to `Table`s; the suffix of the
            paper's own table is empty.
        pictures: Dict from suffixes to functions that draw a picture to a
            path.
        notes: Tuple of strings.
    """

    tables: Mapping[str, Table]
    pictures: Mapping[str, Callable[[pathlib.Path], None]]
    notes: tuple[str, ...] = ()


def _number(value: float | None, std: float | None, form: str) -> str:
    if value is None or math.isnan(value):
        return ""
    known = std is not None and not math.isnan(std)
    return f"{value:{form}}" + (f" ({std:{form}})" if known else "")


def markdown_line(texts: Iterable[str]) -> str:
    """Returns a line of a Markdown table.

    Args:
        texts: Iterable of strings, the texts of the cells.
    """
    escaped = [text.replace("|", "\\|") for text in texts]
    return f"| {' | '.join(escaped)} |"
