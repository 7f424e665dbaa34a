"""Reading the CSV files that callbacks write, one line per epoch."""

import csv
import itertools
import math

from keras_anytime.evaluation.csv_files import read_csv
from keras_anytime.files import user_path


def read_columns(source, expected):
    """Returns a file's epochs and its other columns, as lists of floats.

    What is empty is NaN. Columns of other things than numbers are left out.

    Args:
        source: String or path of a CSV file.
        expected: String, the columns that errors ask for.

    Returns:
        Pair of a list of floats, the epochs, and a dict from columns to lists
        of as many.

    Raises:
        ValueError: If the file cannot be read, is empty, or its column `epoch`
            is missing or does not increase.
    """
    source = user_path(source)
    try:
        rows = read_csv(source)
    except (OSError, ValueError, csv.Error) as error:
        raise ValueError(
            f"A CSV file with the columns {expected} is needed. "
            f"Received: {str(source)!r}, {type(error).__name__}: {error}"
        ) from error
    columns = {
        name: values
        for name in (rows[0] if rows else ())
        if name and None not in (values := [_number(row[name]) for row in rows])
    }
    epochs = columns.get("epoch", ())
    rising = all(a < b for a, b in itertools.pairwise(epochs))
    if not epochs or not all(map(math.isfinite, epochs)) or not rising:
        raise foreign(source, expected, columns)
    del columns["epoch"]
    return epochs, columns


def _number(text):
    try:
        return float(text) if text else math.nan
    except ValueError:
        return None


def foreign(source, expected, columns):
    """Returns the error for a file that is not what it should be.

    Args:
        source: String or path of the file.
        expected: String, the columns that are asked for.
        columns: Iterable of strings, those of the file that hold numbers.
    """
    names = ", ".join(str(name) for name in list(columns)[:8])
    more = ", ..." if len(columns) > 8 else ""
    found = f"numbers in the columns {names}{more}" if names else "no numbers"
    return ValueError(
        f"A CSV file with the columns {expected} is needed, with one line for "
        f"each epoch. Received: {str(source)!r}, which has {found}"
    )
