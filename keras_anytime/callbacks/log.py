"""EpochLog: the logs of every epoch in a CSV file."""

import os
import time
from typing import Any

import keras

from keras_anytime.callbacks.epoch_file import check_epoch_file
from keras_anytime.callbacks.epoch_file import read_epochs
from keras_anytime.callbacks.epoch_file import write_epoch
from keras_anytime.files import user_path


class EpochLog(keras.callbacks.Callback):
    """Writes the logs of each epoch to a CSV file, one row per epoch.

    The columns are `epoch`, counted from 1, `seconds`, validation included, and
    the logs. `ka.evaluation.plots.plot_history` draws the file.

    In contrast to `keras.callbacks.CSVLogger`, the file has exactly one row per
    epoch after training was killed and resumed: a repeated epoch replaces its
    row, where `CSVLogger(append=True)` adds another. The file is replaced in
    one move, so it is complete at any moment.

    ```python
    log = ka.callbacks.EpochLog("run/history.csv")
    model.fit(images, labels, epochs=2, callbacks=[log], verbose=0)
    ```

    Args:
        path: String or path of the CSV file.

    Raises:
        OSError: Before training, if the file cannot be written.
        ContentError: Before training, if the file exists and is not a file of
            epochs.
    """

    def __init__(self, path: str | os.PathLike) -> None:
        super().__init__()
        self.path = user_path(path)

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        check_epoch_file(self.path)

    @property
    def seconds(self) -> float:
        """Seconds that all epochs in the file took, validation included."""
        rows = read_epochs(self.path)
        return sum(float(row.get("seconds", 0)) for row in rows)

    def on_epoch_begin(
        self, epoch: int, logs: dict[str, Any] | None = None
    ) -> None:
        self._start = time.perf_counter()

    def on_epoch_end(
        self, epoch: int, logs: dict[str, Any] | None = None
    ) -> None:
        seconds = time.perf_counter() - self._start
        values = {name: f"{value:.6g}" for name, value in (logs or {}).items()}
        write_epoch(self.path, epoch, {"seconds": f"{seconds:.3f}", **values})
