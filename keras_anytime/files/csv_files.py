"""CSV files that are safe to open in a spreadsheet and that read back exactly.

A text cell that a spreadsheet would run as a formula is escaped on writing and
restored on reading.
"""

import csv
import io
import os
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from keras_anytime.files.atomic import write_text
from keras_anytime.files.paths import user_path

# Spreadsheets start a formula at these characters, in their usual and their
# full-width forms, and may skip the characters of `_BEFORE_FORMULA`.
_FORMULA = tuple("=+-@\uff1d\uff0b\uff0d\uff20")
_BEFORE_FORMULA = " \t\r\n'"


def write_csv(path: str | os.PathLike, rows: Sequence[Mapping]) -> None:
    """Writes a CSV file with a header, atomically.

    Text that a spreadsheet would take for a formula, such as a name that
    begins with `=`, is written with a leading `'`. `read_csv` removes it.

    Args:
        path: Path of the file. An existing file is replaced.
        rows: Mappings from columns to values. A column that a row lacks is
            left empty.
    """
    columns = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([_escaped(name) for name in columns])
    for row in rows:
        writer.writerow([_escaped(row.get(name, "")) for name in columns])
    write_text(path, text.getvalue())


def _escaped(cell: Any) -> Any:
    if not isinstance(cell, str):
        return cell
    # Python's writer does not quote `\r`, and a spreadsheet would begin a line
    # there.
    cell = cell.replace("\r\n", "\n").replace("\r", "\n")
    if not _like_formula(cell):
        return cell
    try:
        float(cell)
    except ValueError:
        return f"'{cell}"
    # A formatted number, such as "-0.5", is not a formula.
    return cell


def _like_formula(cell: str) -> bool:
    return cell.lstrip(_BEFORE_FORMULA).startswith(_FORMULA)


def read_csv(path: str | os.PathLike) -> list[dict[str, str]]:
    """Returns the lines of a CSV file with a header, as dicts of strings.

    Args:
        path: Path of the file.

    Raises:
        OSError: If the file cannot be read.
        ValueError: If the file is not text in UTF-8, two columns have the same
            name, or a line has more or fewer cells than the header.
        csv.Error: If the file is not a CSV file.
    """
    text = user_path(path).read_bytes().decode("utf-8-sig")
    lines = csv.reader(io.StringIO(text, newline=""), strict=True)
    columns, *rows = [
        [_unescaped(cell) for cell in line] for line in lines if line
    ] or [[]]
    if len(set(columns)) < len(columns):
        raise ValueError(f"two columns have the same name, of {columns}")
    return [dict(zip(columns, row, strict=True)) for row in rows]


def _unescaped(cell: str) -> str:
    escaped = cell.startswith("'") and _like_formula(cell)
    return cell[1:] if escaped else cell
