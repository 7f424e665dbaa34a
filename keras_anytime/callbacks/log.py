"""The logs of every epoch, kept in a CSV file."""

import time

import keras

from keras_anytime.files import check_writable
from keras_anytime.files import read_csv
from keras_anytime.files import user_path
from keras_anytime.files import write_csv


class EpochLog(keras.callbacks.Callback):
    """Writes the logs of each epoch to a CSV file, one line per epoch.

    A resumed training goes on below the epochs that it has behind it. The file
    is whole at any moment. Beside the logs it has each epoch's `seconds`.

    Args:
        path: String or path.

    Raises:
        OSError: Before training, if the file cannot be written.
    """

    def __init__(self, path):
        super().__init__()
        self.path = user_path(path)

    def on_train_begin(self, logs=None):
        check_writable(self.path)

    @property
    def seconds(self):
        """Seconds that all epochs in the file took, validation included."""
        return sum(float(row["seconds"]) for row in read_epochs(self.path))

    def on_epoch_begin(self, epoch, logs=None):
        self._start = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        seconds = time.perf_counter() - self._start
        values = {name: f"{value:.6g}" for name, value in logs.items()}
        write_epoch(self.path, epoch, {"seconds": f"{seconds:.3f}", **values})


def read_epochs(path):
    """Returns the lines of a file of epochs, as dicts of strings.

    Args:
        path: A `pathlib.Path`. There are no lines if there is no such file.
    """
    if not path.exists():
        return []
    return read_csv(path)


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
