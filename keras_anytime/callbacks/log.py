"""The logs of every epoch, kept in a CSV file."""

import csv
import time

import keras

from keras_anytime.files import ContentError
from keras_anytime.files import check_writable
from keras_anytime.files import user_path
from keras_anytime.files.csv_files import read_csv
from keras_anytime.files.csv_files import write_csv


class EpochLog(keras.callbacks.Callback):
    """Writes the logs of each epoch to a CSV file, one line per epoch.

    A resumed training goes on below the epochs that it has behind it. The file
    is whole at any moment. Beside the logs it has each epoch's `seconds`.

    Args:
        path: String or path.

    Raises:
        OSError: Before training, if the file cannot be written.
        ContentError: Before training, if what is there is no such file.
    """

    def __init__(self, path):
        super().__init__()
        self.path = user_path(path)

    def on_train_begin(self, logs=None):
        check_epochs(self.path)

    @property
    def seconds(self):
        """Seconds that all epochs in the file took, validation included."""
        rows = read_epochs(self.path)
        return sum(float(row.get("seconds", 0)) for row in rows)

    def on_epoch_begin(self, epoch, logs=None):
        self._start = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        seconds = time.perf_counter() - self._start
        values = {name: f"{value:.6g}" for name, value in logs.items()}
        write_epoch(self.path, epoch, {"seconds": f"{seconds:.3f}", **values})


def check_epochs(path):
    """Raises an error where no lines can be written below those of a file.

    To be called before training: after an epoch it would be too late.

    Args:
        path: A `pathlib.Path`.

    Raises:
        OSError: If the file cannot be read or written.
        ContentError: As `read_epochs`.
    """
    check_writable(path)
    read_epochs(path)


def read_epochs(path):
    """Returns the lines of a file of epochs, as dicts of strings.

    Args:
        path: A `pathlib.Path`. There are no lines if there is no such file.

    Raises:
        OSError: If the file cannot be read.
        ContentError: If it is damaged, or no file of epochs.
    """
    if not path.exists():
        return []
    try:
        rows = read_csv(path)
        for row in rows:
            int(row["epoch"])
            float(row.get("seconds", 0))
    except (ValueError, KeyError, csv.Error) as error:
        raise ContentError(
            "The file is damaged, or does not have one line for each epoch: "
            "move it away, or delete it. Checkpoints do not depend on it. "
            f"Received: path={str(path)!r}, {type(error).__name__}: {error}"
        ) from error
    return rows


def write_epoch(path, epoch, values):
    """Writes an epoch's line below those of the epochs before it.

    What the file has of this epoch and of later ones, from before training was
    resumed, is replaced.

    Args:
        path: A `pathlib.Path`.
        epoch: Integer from 0. In the file, epochs count from 1.
        values: Dict from columns to values.
    """
    rows = [row for row in read_epochs(path) if int(row["epoch"]) <= epoch]
    write_csv(path, [*rows, {"epoch": epoch + 1, **values}])
