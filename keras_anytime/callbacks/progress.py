"""One readable line per epoch, however many stages there are."""

import math
import sys
import time

import keras

from keras_anytime.callbacks.direction import direction
from keras_anytime.stages import outputs as outputs_lib
from keras_anytime.stages.checks import check_anytime_model

# Stages to show where there are too many: the line, with validation, stays
# below 120 columns.
_FEW = 5


class StageProgress(keras.callbacks.Callback):
    """Prints one line per epoch: loss, then the error of each stage.

    Of several label sets, the error is that of the first, the finest. Where
    the terminal allows, the line counts the steps while an epoch runs.
    `AnytimeModel.fit` leaves Keras' own progress bar out beside it.

    ```
    epoch    time    loss | error % of stage 1 to 3
      1/200  41.2s  1.823 | 71.3 65.0 60.2 | validation 1.520 | 63.1 55.9 50.8
    ```

    Of more than `max_stages` stages, the line has five, evenly spaced from the
    first to the last, and in brackets the mean over all:

    ```
    epoch    time    loss | error % of stages 1 7 13 19 25 of 25 (mean of all)
      1/200  41.2s  2.118 | 78.0 72.4 69.9 67.1 66.0 (70.2) | validation ...
    ```

    Args:
        metric: String. The metric, in [0, 1] and better when larger, whose
            complement is shown as the error.
        stream: A text file, standard output by default.
        max_stages: Integer from 2. Up to so many stages are all shown.

    Raises:
        ValueError: If `max_stages` is less than 2; before training, if smaller
            values of the metric are better.
    """

    # Tells `AnytimeModel.fit` to leave out Keras' own progress bar.
    shows_progress = True
    # Tells Keras not to wait for each step's logs, where it need not.
    async_safe = True

    def __init__(self, metric="accuracy", stream=None, max_stages=8):
        super().__init__()
        self.metric = metric
        self.stream = stream
        self.max_stages = max_stages
        if max_stages < 2:
            raise ValueError(
                "The first and the last stage are always shown. "
                f"Received: max_stages={max_stages}"
            )

    def on_train_begin(self, logs=None):
        check_anytime_model(self.model)
        if direction(self.metric) == "min":
            raise ValueError(
                "StageProgress shows errors as the complement of a metric in "
                "[0, 1] that is better when larger, such as an accuracy. "
                f"Received: metric={self.metric!r}"
            )
        num_stages = self.model.num_stages
        numbers = outputs_lib.stage_numbers(self.model.output_names)
        stages = f"stage {numbers[0]}"
        if num_stages > 1:
            stages = f"stage {numbers[0]} to {numbers[-1]}"
        if num_stages > self.max_stages:
            shown = " ".join(map(str, self._shown(num_stages)))
            stages = f"stages {shown} of {num_stages} (mean of all)"
        self._print(f"epoch    time    loss | error % of {stages}")

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

    def _shown(self, num_stages):
        """Returns the numbers of the stages to show."""
        if num_stages <= self.max_stages:
            return range(1, num_stages + 1)
        count = min(_FEW, self.max_stages)
        return [
            1 + place * (num_stages - 1) // (count - 1)
            for place in range(count)
        ]

    def _summary(self, logs, prefix):
        errors = [
            100 * (1 - logs.get(f"{prefix}{output}_{self.metric}", math.nan))
            for output in outputs_lib.finest(self.model.output_names)
        ]
        shown = self._shown(len(errors))
        text = " ".join(_percent(errors[stage - 1]) for stage in shown)
        if len(shown) < len(errors):
            text += f" ({_percent(sum(errors) / len(errors))})"
        return f"{logs[f'{prefix}loss']:6.3f} | {text}"

    def _print(self, line):
        print(line, file=self.stream or sys.stdout, flush=True)


def _percent(error):
    return "-" if math.isnan(error) else f"{error:4.1f}"
