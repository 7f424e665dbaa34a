"""One readable line per epoch, however many stages there are."""

import sys
import time

import keras

from keras_anytime import heads


class StageProgress(keras.callbacks.Callback):
    """Prints one line per epoch: loss, then the error of each stage.

    Of several label sets, the error is that of the first, the finest. Where
    the terminal allows, the line counts the steps while an epoch runs.
    `AnytimeModel.fit` leaves Keras' own progress bar out beside it.

    ```
    epoch    time    loss | error % of stage 1 to 3
      1/200  41.2s  1.823 | 71.3 65.0 60.2 | validation 1.520 | 63.1 55.9 50.8
    ```

    Args:
        metric: String. The metric, in [0, 1] and better when larger, whose
            complement is shown as the error.
        stream: A text file, standard output by default.
    """

    # Tells `AnytimeModel.fit` to leave out Keras' own progress bar.
    shows_progress = True

    def __init__(self, metric="accuracy", stream=None):
        super().__init__()
        self.metric = metric
        self.stream = stream

    def on_train_begin(self, logs=None):
        self._print(
            "epoch    time    loss | "
            f"error % of stage 1 to {self.model.num_stages}"
        )

    def on_epoch_begin(self, epoch, logs=None):
        self._number = f"{epoch + 1:>3}/{self.params['epochs']}"
        self._start = time.perf_counter()

    def on_train_batch_end(self, batch, logs=None):
        stream = self.stream or sys.stdout
        if stream.isatty():
            steps = self.params.get("steps") or "?"
            stream.write(f"\r{self._number}  step {batch + 1}/{steps}\033[K")
            stream.flush()

    def on_epoch_end(self, epoch, logs=None):
        seconds = time.perf_counter() - self._start
        line = f"{self._number} {seconds:6.1f}s {self._summary(logs, '')}"
        if "val_loss" in logs:
            line += f" | validation {self._summary(logs, 'val_')}"
        if (self.stream or sys.stdout).isatty():
            line = f"\r{line}\033[K"
        self._print(line)

    def _summary(self, logs, prefix):
        names = [
            f"{prefix}{output}_{self.metric}"
            for output in heads.finest(self.model.output_names)
        ]
        errors = [
            f"{100 * (1 - logs[name]):4.1f}" if name in logs else "-"
            for name in names
        ]
        return f"{logs[f'{prefix}loss']:6.3f} | {' '.join(errors)}"

    def _print(self, line):
        print(line, file=self.stream or sys.stdout, flush=True)
