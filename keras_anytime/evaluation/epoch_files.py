"""Reads the CSV files that callbacks write, with one line per epoch."""

import csv
import itertools
import math
import os
from collections.abc import Iterable

from keras_anytime.files import user_path
from keras_anytime.files.csv_files import read_csv


def read_columns(
    source: str | os.PathLike, expected: str
) -> tuple[list[float], dict[str, list[float]]]:
    """Returns the epochs of a file and its other columns, as lists of floats.

    An empty cell becomes NaN. A column with a cell that is not a number is
    left out.

    Args:
        source: Path of a CSV file.
        expected: The columns that the file should have, in words. Error
            messages repeat them.

    Returns:
        The epochs, and a dict from column names to lists of as many floats.

    Raises:
        ValueError: If the file cannot be read, is empty, or its column `epoch`
            is missing or does not increase.
    """
    source = user_path(source)
    try:
        rows = read_csv(source)
    except (OSError, ValueError, csv.Error) as error:
        raise ValueError(
            f"The plot needs a CSV file with the columns {expected}. "
            f"Received: {str(source)!r}, {type(error).__name__}: {error}"
        ) from error
    columns: dict[str, list[float]] = {}
    for name in rows[0] if rows else ():
        numbers = [_number(row[name]) for row in rows]
        known = [number for number in numbers if number is not None]
        if name and len(known) == len(rows):
            columns[name] = known
    epochs = columns.get("epoch", [])
    increasing = all(a < b for a, b in itertools.pairwise(epochs))
    if not epochs or not all(map(math.isfinite, epochs)) or not increasing:
        raise wrong_columns(source, expected, columns)
    del columns["epoch"]
    return epochs, columns


def _number(text: str) -> float | None:
    try:
        return float(text) if text else math.nan
    except ValueError:
        return None


def wrong_columns(
    source: str | os.PathLike, expected: str, columns: Iterable[str]
) -> ValueError:
    """Returns the error for a file that lacks the expected columns.

    Args:
        source: Path of the file.
        expected: The columns that the file should have, in words.
        columns: Names of the file's columns that hold numbers.
    """
    names = list(columns)
    shown = ", ".join(map(str, names[:8])) + (", ..." if len(names) > 8 else "")
    has = f"numbers in the columns {shown}" if names else "no numbers"
    return ValueError(
        f"The plot needs a CSV file with the columns {expected}, and with one "
        f"line for each epoch. Received: {str(source)!r}, which has {has}"
    )
