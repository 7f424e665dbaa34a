"""CSV files that spreadsheets open, and that are read as they were written."""

import csv
import io
import os
from collections.abc import Mapping
from collections.abc import Sequence

from keras_anytime.files import user_path
from keras_anytime.files import write_text

# With these, in their usual and their wide forms, spreadsheets let formulas
# begin; they may leave out what stands before.
_FORMULA = tuple("=+-@\uff1d\uff0b\uff0d\uff20")
_BEFORE_FORMULA = " \t\r\n'"


def write_csv(path: str | os.PathLike, rows: Sequence[Mapping]) -> None:
    """Writes a CSV file with a header, whole or not at all.

    Text that a spreadsheet would take for a formula, such as a name that
    begins with `=`, is written with `'` before it. `read_csv` takes it away.

    Args:
        path: Where the file shall be.
        rows: Mappings from columns to values. A column that a row lacks is
            left empty.
    """
    columns = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([_without_formula(name) for name in columns])
    for row in rows:
        writer.writerow(
            [_without_formula(row.get(name, "")) for name in columns]
        )
    write_text(path, text.getvalue())


def _without_formula(cell):
    if not isinstance(cell, str):
        return cell
    # Python's writer does not quote it, and a spreadsheet would begin a line.
    cell = cell.replace("\r\n", "\n").replace("\r", "\n")
    if not _like_formula(cell):
        return cell
    try:
        float(cell)
    except ValueError:
        return f"'{cell}"
    # A number that was formatted.
    return cell


def _like_formula(cell: str) -> bool:
    return cell.lstrip(_BEFORE_FORMULA).startswith(_FORMULA)


def read_csv(path: str | os.PathLike) -> list[dict[str, str]]:
    """Returns the lines of a CSV file with a header, as dicts of strings.

    Raises:
        OSError: If it cannot be read.
        ValueError: If it is no text in UTF-8, or a line has more or fewer
            cells than the header.
        csv.Error: If it is no CSV file.
    """
    text = user_path(path).read_bytes().decode("utf-8-sig")
    lines = csv.reader(io.StringIO(text, newline=""), strict=True)
    columns, *rows = [
        [_as_written(cell) for cell in line] for line in lines if line
    ] or [[]]
    if len(set(columns)) < len(columns):
        raise ValueError(f"two columns have the same name, of {columns}")
    return [dict(zip(columns, row, strict=True)) for row in rows]


def _as_written(cell: str) -> str:
    quoted = cell.startswith("'") and _like_formula(cell)
    return cell[1:] if quoted else cell
