"""StageCheckpoint: saves the best model, judged by any or all stages."""

import math
import os
from collections.abc import Mapping
from typing import Any

import keras

from keras_anytime.callbacks.direction import ERROR_METRICS
from keras_anytime.callbacks.direction import compiled_metrics
from keras_anytime.callbacks.direction import direction
from keras_anytime.files import check_writable
from keras_anytime.files import user_path
from keras_anytime.saving.metadata import read_metadata
from keras_anytime.saving.metadata import save_with_metadata
from keras_anytime.stages import outputs as outputs_lib
from keras_anytime.stages.checks import check_anytime_model


class StageCheckpoint(keras.callbacks.Callback):
    """Saves the model after each epoch whose metric is the best so far.

    With several label sets, the metric is that of the first one, the finest;
    the loss is the sum over all label sets. Epochs without validation are
    skipped.

    In contrast to `keras.callbacks.ModelCheckpoint(save_best_only=True)`:

    - the metric may be the mean over all stages, which is in no log;
    - the best value is stored in the file. A training that is resumed in
      another process, with an `initial_epoch` above 0, replaces the file by
      better models only. A training from epoch 0 starts over;
    - a metric that the logs will lack, or of unknown direction, is an error
      before training.

    ```python
    best = ka.callbacks.StageCheckpoint("run/best.keras", stage=1)
    model.fit(
        images, labels, validation_data=(images, labels), callbacks=[best]
    )
    model = ka.load_model("run/best.keras")
    ```

    Args:
        path: String or path that ends in `.keras`.
        stage: Integer. The stage whose metric is compared. `None` takes the
            mean over all stages.
        metric: String. Name of a compiled metric, or `"loss"`. `None` takes the
            metric of the task's error: `"accuracy"` of classes,
            `"binary_accuracy"` of several labels, `"mean_absolute_error"` or
            `"mae"` of a regression.
        prefix: String before the metric's name in the logs: `"val_"` for
            validation data, `""` for training data.
        mode: `"max"` if larger values of the metric are better, `"min"` if
            smaller values are. `"auto"` knows the metrics and losses of Keras,
            and otherwise looks for "accuracy", "loss" or "error" in the name.

    Attributes:
        best: Float. The best value so far; `None` before the first one.
        metric_name: String. The name of the metric that is compared; `None`
            before training if it is that of the task's error.

    Raises:
        ValueError: If the path does not end in `.keras`, or `mode` is unknown.
            Before training, if the model lacks the stage or the metric, the
            direction of the metric is unknown, or no epoch is validated.
        OSError: Before training, if the file cannot be written.
    """

    def __init__(
        self,
        path: str | os.PathLike,
        stage: int | None = None,
        metric: str | None = None,
        prefix: str = "val_",
        mode: str = "auto",
    ) -> None:
        super().__init__()
        self.path = user_path(path)
        self.stage = stage
        self.metric = metric
        self.prefix = prefix
        self.mode = mode
        self.best: float | None = None
        self.metric_name = metric
        if mode not in ("auto", "min", "max"):
            raise ValueError(
                '`mode` must be "auto", "min" or "max". '
                f"Received: mode={mode!r}"
            )
        if self.path.suffix != ".keras":
            raise ValueError(
                "`path` must end in '.keras', the format of saved models. "
                f"Received: path={str(self.path)!r}"
            )

    def before_fit(
        self, model: keras.Model, options: Mapping[str, Any]
    ) -> None:
        """Checks that `fit` will validate.

        Args:
            model: The `AnytimeModel` that is about to be trained.
            options: Dict of the arguments of `fit`.

        Raises:
            ValueError: If no epoch will log the metric.
        """
        if self.prefix != "val_":
            return
        if options.get("validation_data") is None and not options.get(
            "validation_split"
        ):
            raise ValueError(
                "StageCheckpoint compares a validation metric. Give `fit` "
                "`validation_data`, or set `prefix=''` to compare the metric "
                "on training data. "
                f"Received: prefix={self.prefix!r}, and no validation data"
            )
        frequency = options.get("validation_freq", 1)
        epochs = options.get("epochs", 1)
        if epochs and not any(
            epoch in frequency
            if hasattr(frequency, "__contains__")
            else epoch % frequency == 0
            for epoch in range(1, epochs + 1)
        ):
            raise ValueError(
                "StageCheckpoint compares a validation metric, and no epoch "
                "will be validated. "
                f"Received: validation_freq={frequency}, epochs={epochs}"
            )

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        check_anytime_model(self.model)
        self.best = None
        self._first_epoch_begun = False
        numbers = outputs_lib.stage_numbers(self.model.output_names)
        if self.stage not in (None, *numbers):
            raise ValueError(
                f"The stages of this model are {numbers[0]} to {numbers[-1]}. "
                f"Received: stage={self.stage}"
            )
        metrics = compiled_metrics(self.model)
        self.metric_name = self.metric or self._metric_of_error(metrics)
        known = {"loss", *metrics, *(f"weighted_{name}" for name in metrics)}
        if self.metric_name not in known and (
            metrics or not _has_metrics(self.model)
        ):
            raise ValueError(
                f"The model is compiled with the metrics {sorted(metrics)}: "
                "choose one of these or 'loss', or compile with the metric, as "
                f"in `metrics=[{self.metric_name!r}]`. "
                f"Received: metric={self.metric_name!r}"
            )
        self._mode = self.mode
        if self.mode == "auto":
            way = direction(self.metric_name, metrics.get(self.metric_name))
            self._mode = way or ""
        if not self._mode:
            raise ValueError(
                "The name of this metric does not tell whether larger or "
                'smaller values are better: give `mode="max"` or '
                f'`mode="min"`. Received: metric={self.metric_name!r}, '
                'mode="auto"'
            )
        check_writable(self.path)

    def on_epoch_begin(
        self, epoch: int, logs: dict[str, Any] | None = None
    ) -> None:
        if epoch and not self._first_epoch_begun:
            metadata = read_metadata(self.path)
            best = metadata.get("best")
            # The best value of another metric cannot be compared, and the
            # value may be damaged.
            if metadata.get("measure") == self._criterion() and (
                isinstance(best, (int, float)) and math.isfinite(best)
            ):
                self.best = best
        self._first_epoch_begun = True

    def on_epoch_end(
        self, epoch: int, logs: dict[str, Any] | None = None
    ) -> None:
        logs = logs or {}
        if self.prefix and not any(
            name.startswith(self.prefix) for name in logs
        ):
            # An epoch without validation.
            return
        names = [
            f"{self.prefix}{output}_{self.metric_name}"
            for output in self._outputs()
        ]
        if not set(names) <= set(logs):
            raise ValueError(
                f"StageCheckpoint compares {names[0]!r}, which the logs lack: "
                "give `fit` validation data, and `compile` the metric "
                f"{self.metric_name!r}. Received: logs of {sorted(logs)}"
            )
        value = float(sum(logs[name] for name in names) / len(names))
        if self._improves(value):
            metadata = {"best": value, "measure": self._criterion()}
            save_with_metadata(self.model, self.path, metadata)
            self.best = value

    def _metric_of_error(self, metrics):
        """Returns the name of the metric of the finest labels' error."""
        task = next(iter(self.model.tasks.values()))
        names = ERROR_METRICS.get(task.name, ("loss",))
        return next((name for name in names if name in metrics), names[0])

    def _outputs(self):
        """Returns the names before the metric's in the compared logs."""
        numbers = outputs_lib.stage_numbers(self.model.output_names)
        outputs = outputs_lib.finest(self.model.output_names)
        if self.metric_name == "loss":
            outputs = [f"stage_{k}" for k in numbers]
        if self.stage:
            return [outputs[numbers.index(self.stage)]]
        return outputs

    def _improves(self, value):
        if math.isnan(value):
            return False
        if self.best is None:
            return True
        return value < self.best if self._mode == "min" else value > self.best

    def _criterion(self):
        """Returns the settings under which two best values are comparable."""
        return [self.stage, self.metric_name, self.prefix, self._mode]


def _has_metrics(model: keras.Model) -> bool:
    """Whether a model is compiled with metrics, built or not yet."""
    arguments = model.compile_arguments
    return any(arguments[name] for name in ("metrics", "weighted_metrics"))
