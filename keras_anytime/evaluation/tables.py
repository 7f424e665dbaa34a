"""Text tables for people: aligned columns and rounded numbers."""

import math
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any


def as_table(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """Returns the lines of a text table, aligned to the right.

    The first line is the header. Floats are rounded to four digits. `None` and
    NaN become empty cells, and a column of empty cells is left out.

    Args:
        rows: Dicts from column names to values. All rows have the same
            columns, as those for `write_csv`.

    Returns:
        List of strings of equal length.
    """
    rows = list(rows)
    names = known_columns(rows)
    headers = list(map(heading, names))
    cells = [[cell_text(row[name]) for name in names] for row in rows]
    widths = [
        max(map(len, column)) for column in zip(headers, *cells, strict=True)
    ]
    return [
        "  ".join(
            f"{cell:>{width}}" for cell, width in zip(line, widths, strict=True)
        )
        for line in [headers, *cells]
    ]


def known_columns(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Returns the names of the columns that have a value in some row."""
    return [
        name for name in rows[0] if any(cell_text(row[name]) for row in rows)
    ]


def heading(name: str) -> str:
    """Returns a column name in words: `mean_ms` becomes `mean (ms)`."""
    words = str(name)
    if words.endswith("_ms"):
        words = f"{words.removesuffix('_ms')} (ms)"
    return words.replace("_", " ")


def cell_text(value: Any) -> str:
    """Returns a value as the text of a cell; `None` and NaN are empty."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def percent(share: float | None) -> str | None:
    """Returns a share in percent with two decimals; `None` for `None`."""
    return None if share is None else f"{share:.2%}"


def short(number: float) -> str:
    """Returns a count with a unit prefix: 1234567 becomes `1.23 M`."""
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= size:
            return f"{number / size:.2f} {unit}"
    return str(number)
