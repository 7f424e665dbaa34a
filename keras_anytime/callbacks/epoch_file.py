"""CSV files with one row per epoch, which a resumed training continues."""

import csv
import os
from collections.abc import Mapping
from typing import Any

from keras_anytime.files import ContentError
from keras_anytime.files import check_writable
from keras_anytime.files import user_path
from keras_anytime.files.csv_files import read_csv
from keras_anytime.files.csv_files import write_csv


def check_epoch_file(path: str | os.PathLike) -> None:
    """Raises an error if rows cannot be appended to a file.

    Call it before training: after the first epoch, an error would come too
    late.

    Args:
        path: String or path. The file need not exist.

    Raises:
        OSError: If the file cannot be written.
        ContentError: If the file exists and is not a file of epochs.
    """
    check_writable(path)
    read_epochs(path)


def read_epochs(path: str | os.PathLike) -> list[dict[str, str]]:
    """Returns the rows of a file of epochs.

    Args:
        path: String or path.

    Returns:
        List of dicts from columns to strings. Empty if there is no file.

    Raises:
        OSError: If the file cannot be read.
        ContentError: If the file is damaged, or not a file of epochs.
    """
    path = user_path(path)
    if not path.exists():
        return []
    try:
        rows = read_csv(path)
        for row in rows:
            int(row["epoch"])
            float(row.get("seconds", 0))
    except (ValueError, KeyError, csv.Error) as error:
        raise ContentError(
            "The file is damaged, or does not have one row for each epoch. "
            "Move or delete it; checkpoints do not depend on it. "
            f"Received: path={str(path)!r}, {type(error).__name__}: {error}"
        ) from error
    return rows


def write_epoch(
    path: str | os.PathLike, epoch: int, values: Mapping[str, Any]
) -> None:
    """Appends the row of an epoch to a file of epochs.

    The row replaces the rows of this epoch and of later ones, which come from
    before a training was resumed. The file is replaced in one move, so it is
    complete at any moment.

    Args:
        path: String or path.
        epoch: Integer from 0. The file counts epochs from 1.
        values: Dict from columns to values.
    """
    rows = [row for row in read_epochs(path) if int(row["epoch"]) <= epoch]
    write_csv(path, [*rows, {"epoch": epoch + 1, **values}])
