"""Keeping the best of the trained models."""

import math

import keras

from keras_anytime.callbacks.direction import compiled_metrics
from keras_anytime.callbacks.direction import direction
from keras_anytime.files import check_writable
from keras_anytime.files import user_path
from keras_anytime.saving.metadata import read_metadata
from keras_anytime.saving.metadata import save_with_metadata
from keras_anytime.stages import outputs as outputs_lib
from keras_anytime.stages.checks import check_anytime_model


class StageCheckpoint(keras.callbacks.Callback):
    """Saves the model whenever its metric is the best so far.

    Of several label sets, the metric is that of the first, the finest; the
    loss is that of all. Epochs without validation are passed over.

    The file remembers how good its model is. Training that is resumed in
    another process, where `initial_epoch` is above 0, replaces it by better
    ones only. One that starts from epoch 0 starts afresh.

    Args:
        path: String or path that ends in `.keras`.
        stage: Integer, the stage whose metric counts, or `None` for the average
            over all stages (AE).
        metric: String. The metric, or `"loss"`, that is looked at.
        prefix: String before the metric's name in the logs: `"val_"` for
            validation, `""` for training data.
        mode: `"max"` if larger values of the metric are better, `"min"` if
            smaller ones are, or `"auto"`: known for the metrics and losses of
            Keras, otherwise told by a name with "accuracy", "loss" or "error".

    Attributes:
        best: Float, the best value so far; `None` before there is one.

    Raises:
        ValueError: If the path does not end in `.keras` or there is no such
            mode. Before training, if there is no such stage or metric, its
            direction cannot be told, or nothing is ever validated.
        OSError: Before training, if the file cannot be written.
    """

    def __init__(
        self, path, stage=None, metric="accuracy", prefix="val_", mode="auto"
    ):
        super().__init__()
        self.path = user_path(path)
        self.stage = stage
        self.metric = metric
        self.prefix = prefix
        self.mode = mode
        self.best = None
        if mode not in ("auto", "min", "max"):
            raise ValueError(
                '`mode` must be "auto", "min" or "max". '
                f"Received: mode={mode!r}"
            )
        if self.path.suffix != ".keras":
            raise ValueError(
                "A model is saved as '.keras'. "
                f"Received: path={str(self.path)!r}"
            )

    def before_fit(self, model, options):
        """Checks that `fit` will validate.

        Args:
            model: The `AnytimeModel` that is about to be trained.
            options: Dict of the arguments of `fit`.

        Raises:
            ValueError: If no epoch has what this callback looks at.
        """
        if self.prefix != "val_":
            return
        if options.get("validation_data") is None and not options.get(
            "validation_split"
        ):
            raise ValueError(
                "StageCheckpoint looks at validation: give `fit` "
                "`validation_data`, or take `prefix=''` for training data. "
                f"Received: prefix={self.prefix!r}, and no validation data"
            )
        every = options.get("validation_freq", 1)
        epochs = options.get("epochs", 1)
        if epochs and not any(
            epoch in every
            if hasattr(every, "__contains__")
            else epoch % every == 0
            for epoch in range(1, epochs + 1)
        ):
            raise ValueError(
                "StageCheckpoint looks at validation, which no epoch has. "
                f"Received: validation_freq={every}, epochs={epochs}"
            )

    def on_train_begin(self, logs=None):
        check_anytime_model(self.model)
        self.best = None
        self._began = False
        numbers = outputs_lib.stage_numbers(self.model.output_names)
        if self.stage not in (None, *numbers):
            raise ValueError(
                f"The stages of this model are {numbers[0]} to {numbers[-1]}. "
                f"Received: stage={self.stage}"
            )
        metrics = compiled_metrics(self.model)
        known = {"loss", *metrics, *(f"weighted_{name}" for name in metrics)}
        if metrics and self.metric not in known:
            raise ValueError(
                f"Compile with the metric, or look at one of {sorted(metrics)} "
                f"or 'loss'. Received: metric={self.metric!r}"
            )
        self._mode = self.mode
        if self.mode == "auto":
            self._mode = direction(self.metric, metrics.get(self.metric))
        if self._mode is None:
            raise ValueError(
                "Whether larger or smaller values of this metric are better "
                'cannot be told by its name: give `mode="max"` or '
                f'`mode="min"`. Received: metric={self.metric!r}, mode="auto"'
            )
        check_writable(self.path)

    def on_epoch_begin(self, epoch, logs=None):
        if epoch and not self._began:
            note = read_metadata(self.path)
            best = note.get("best")
            # Of another metric, it says nothing of this one. A file may have
            # been damaged since.
            if note.get("measure") == self._measure() and (
                isinstance(best, (int, float)) and math.isfinite(best)
            ):
                self.best = best
        self._began = True

    def on_epoch_end(self, epoch, logs=None):
        if self.prefix and not any(log.startswith(self.prefix) for log in logs):
            # Not every epoch needs to be validated.
            return
        names = [f"{self.prefix}{name}_{self.metric}" for name in self._heads()]
        if not set(names) <= set(logs):
            raise ValueError(
                f"StageCheckpoint looks at {names[0]!r}: give `fit` "
                f"validation data and `compile` the metric {self.metric!r}. "
                f"Received: logs of {sorted(logs)}"
            )
        value = float(sum(logs[name] for name in names) / len(names))
        if self._improves(value):
            note = {"best": value, "measure": self._measure()}
            save_with_metadata(self.model, self.path, note)
            self.best = value

    def _heads(self):
        """Returns the beginnings of the metric's names in the logs."""
        numbers = outputs_lib.stage_numbers(self.model.output_names)
        outputs = outputs_lib.finest(self.model.output_names)
        if self.metric == "loss":
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

    def _measure(self):
        return [self.stage, self.metric, self.prefix, self._mode]
