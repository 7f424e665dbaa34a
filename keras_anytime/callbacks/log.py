"""The logs of every epoch, kept in a CSV file."""

import csv
import io
import pathlib
import time

import keras

from keras_anytime.files import write_csv


class EpochLog(keras.callbacks.Callback):
    """Writes the logs of each epoch to a CSV file, one line per epoch.

    A resumed training goes on below the epochs that it has behind it. The file
    is whole at any moment. Beside the logs it has each epoch's `seconds`.

    Args:
        path: String or path.
    """

    def __init__(self, path):
        super().__init__()
        self.path = pathlib.Path(path)

    @property
    def seconds(self):
        """Seconds that all epochs in the file took, validation included."""
        return sum(float(row["seconds"]) for row in self._read())

    def on_epoch_begin(self, epoch, logs=None):
        self._start = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        rows = [row for row in self._read() if int(row["epoch"]) <= epoch]
        seconds = time.perf_counter() - self._start
        values = {name: f"{value:.6g}" for name, value in logs.items()}
        rows.append({"epoch": epoch + 1, "seconds": f"{seconds:.3f}", **values})
        write_csv(self.path, rows)

    def _read(self):
        if not self.path.exists():
            return []
        return list(csv.DictReader(io.StringIO(self.path.read_text())))
