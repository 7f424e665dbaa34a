"""StageProgress: one readable line per epoch for any number of stages."""

import math
import sys
import time
from collections.abc import Sequence
from typing import Any
from typing import TextIO

import keras

from keras_anytime.callbacks.direction import ERROR_METRICS
from keras_anytime.callbacks.direction import direction
from keras_anytime.stages import outputs as outputs_lib
from keras_anytime.stages.checks import check_anytime_model

# Stages shown of networks with more than `max_stages`. The line, with
# validation, stays below 120 columns.
_NUM_SHOWN = 5


class StageProgress(keras.callbacks.Callback):
    """Prints one line per epoch: the loss, then the error of each stage.

    With several label sets, the error is that of the first one, the finest. In
    a terminal, the line counts the training steps while an epoch runs.

    It replaces `keras.callbacks.ProgbarLogger`, which prints every log by its
    full name: more than 50 of them for a network of 25 stages. If this callback
    is present, `AnytimeModel.fit` leaves Keras' progress bar out.

    ```
    epoch    time    loss | error % of stage 1 to 3
      1/200  41.2s  1.823 | 71.3 65.0 60.2 | validation 1.520 | 63.1 55.9 50.8
    ```

    If there are more than `max_stages` stages, the line shows five, evenly
    spaced from the first to the last, and in brackets the mean over all:

    ```
    epoch    time    loss | error % of stages 1 7 13 19 25 of 25 (mean of all)
      1/200  41.2s  2.118 | 78.0 72.4 69.9 67.1 66.0 (70.2) | validation ...
    ```

    ```python
    model.fit(images, labels, callbacks=[ka.callbacks.StageProgress()])
    ```

    Args:
        metric: String. Name of a metric in [0, 1] for which larger values are
            better; its complement is shown as the error. `None` takes that of
            the task: `"accuracy"` of classes, `"binary_accuracy"` of several
            labels. Of a regression, `"mean_absolute_error"` is shown as it is.
        stream: Text file, or `None` for the standard output.
        max_stages: Integer from 2. The largest number of stages that are all
            shown.

    Raises:
        ValueError: If `max_stages` is less than 2. Before training, if smaller
            values of the metric are better.
    """

    # `AnytimeModel.fit` leaves out Keras' own progress bar for it.
    shows_progress = True
    # Keras need not wait for the logs of each training step.
    async_safe = True

    def __init__(
        self,
        metric: str | None = None,
        stream: TextIO | None = None,
        max_stages: int = 8,
    ) -> None:
        super().__init__()
        self.metric = metric
        self.stream = stream
        self.max_stages = max_stages
        if max_stages < 2:
            raise ValueError(
                "`max_stages` must be 2 or more: the first and the last stage "
                f"are always shown. Received: max_stages={max_stages}"
            )

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        check_anytime_model(self.model)
        if self.metric and direction(self.metric) == "min":
            raise ValueError(
                "StageProgress shows the complement of a metric in [0, 1] for "
                "which larger values are better, such as an accuracy. "
                f"Received: metric={self.metric!r}"
            )
        task = next(iter(self.model.tasks.values()))
        self._metrics = ERROR_METRICS.get(task.name, ("accuracy",))
        if self.metric:
            self._metrics = (self.metric,)
        self._in_units = not self.metric and task.name == "regression"
        self._compiled = False
        self._explained = False
        num_stages = self.model.num_stages
        numbers = outputs_lib.stage_numbers(self.model.output_names)
        stages = f"stage {numbers[0]}"
        if num_stages > 1:
            stages = f"stage {numbers[0]} to {numbers[-1]}"
        if num_stages > self.max_stages:
            shown = " ".join(map(str, self._shown_stages(num_stages)))
            stages = f"stages {shown} of {num_stages} (mean of all)"
        error = "mean absolute error" if self._in_units else "error %"
        self._print(f"epoch    time    loss | {error} of {stages}")

    def on_epoch_begin(
        self, epoch: int, logs: dict[str, Any] | None = None
    ) -> None:
        self._epoch = f"{epoch + 1:>3}/{self.params['epochs']}"
        self._start = time.perf_counter()
        if not self._compiled:
            self._show("compiling the training step, which takes a while")

    def on_train_batch_end(
        self, batch: int, logs: dict[str, Any] | None = None
    ) -> None:
        self._compiled = True
        steps = self.params.get("steps") or "?"
        self._show(f"step {batch + 1}/{steps}")

    def on_epoch_end(
        self, epoch: int, logs: dict[str, Any] | None = None
    ) -> None:
        logs = logs or {}
        seconds = time.perf_counter() - self._start
        line = f"{self._epoch} {seconds:6.1f}s {self._summary(logs, '')}"
        if "val_loss" in logs:
            line += f" | validation {self._summary(logs, 'val_')}"
        if (self.stream or sys.stdout).isatty():
            line = f"\r{line}\033[K"
        self._print(line)
        shown = {
            f"{name}_{metric}"
            for name in self.model.output_names
            for metric in self._metrics
        }
        if not self._explained and not shown & set(logs):
            self._explained = True
            self._print(
                "(- is an error that is not known: compile with "
                f"metrics=[{self._metrics[0]!r}])"
            )

    def _shown_stages(self, num_stages: int) -> Sequence[int]:
        """Returns the positions of the stages to show, counted from 1."""
        if num_stages <= self.max_stages:
            return range(1, num_stages + 1)
        count = min(_NUM_SHOWN, self.max_stages)
        return [
            1 + index * (num_stages - 1) // (count - 1)
            for index in range(count)
        ]

    def _summary(self, logs, prefix):
        """Returns the loss and the errors of training or validation."""
        errors = [
            self._error(logs, f"{prefix}{output}")
            for output in outputs_lib.finest(self.model.output_names)
        ]
        shown = self._shown_stages(len(errors))
        text = " ".join(self._text(errors[stage - 1]) for stage in shown)
        if len(shown) < len(errors):
            text += f" ({self._text(sum(errors) / len(errors))})"
        return f"{logs[f'{prefix}loss']:6.3f} | {text}"

    def _error(self, logs, output):
        """Returns the error of an output; NaN if no metric tells it."""
        for metric in self._metrics:
            value = logs.get(f"{output}_{metric}")
            if value is not None:
                return value if self._in_units else 100 * (1 - value)
        return math.nan

    def _text(self, error):
        if math.isnan(error):
            return "-"
        return f"{error:.4g}" if self._in_units else f"{error:4.1f}"

    def _show(self, text):
        """Shows in a terminal what the epoch is at."""
        stream = self.stream or sys.stdout
        if stream.isatty():
            stream.write(f"\r{self._epoch}  {text}\033[K")
            stream.flush()

    def _print(self, line):
        print(line, file=self.stream or sys.stdout, flush=True)
