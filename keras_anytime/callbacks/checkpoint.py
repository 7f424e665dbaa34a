"""Keeping the best of the trained models."""

import pathlib

import keras

from keras_anytime import heads
from keras_anytime.checks import check_anytime_model
from keras_anytime.training.notes import read_note
from keras_anytime.training.notes import save_with_note


class StageCheckpoint(keras.callbacks.Callback):
    """Saves the model whenever its validation error is the lowest so far.

    Of several label sets, the error is that of the first, the finest.

    The file remembers how good its model is. Training that is resumed in
    another process, where `initial_epoch` is above 0, replaces it by better
    ones only. One that starts from epoch 0 starts afresh.

    Args:
        path: String or path that ends in `.keras`.
        stage: Integer, the stage whose error counts, or `None` for the average
            over all stages (AE).
        metric: String. The metric, better when larger, that is looked at.
        prefix: String before the metric's name in the logs: `"val_"` for
            validation, `""` for training data.

    Raises:
        ValueError: If the path does not end in `.keras`, or there is no such
            stage or metric.
    """

    def __init__(self, path, stage=None, metric="accuracy", prefix="val_"):
        super().__init__()
        self.path = pathlib.Path(path)
        self.stage = stage
        self.metric = metric
        self.prefix = prefix
        self.best = float("-inf")
        if self.path.suffix != ".keras":
            raise ValueError(
                "A model is saved as '.keras'. "
                f"Received: path={str(self.path)!r}"
            )

    def on_train_begin(self, logs=None):
        check_anytime_model(self.model)
        self.best = float("-inf")
        self._began = False
        numbers = heads.stage_numbers(self.model.output_names)
        if self.stage not in (None, *numbers):
            raise ValueError(
                f"The stages of this model are {numbers[0]} to {numbers[-1]}. "
                f"Received: stage={self.stage}"
            )

    def on_epoch_begin(self, epoch, logs=None):
        if epoch and not self._began:
            note = read_note(self.path)
            # Of another metric, it says nothing of this one.
            if note.get("measure") == self._measure():
                self.best = note["best"]
        self._began = True

    def on_epoch_end(self, epoch, logs=None):
        outputs = heads.finest(self.model.output_names)
        if self.stage:
            numbers = heads.stage_numbers(self.model.output_names)
            outputs = [outputs[numbers.index(self.stage)]]
        names = [f"{self.prefix}{name}_{self.metric}" for name in outputs]
        if not set(names) <= set(logs):
            raise ValueError(
                f"StageCheckpoint looks at {names[0]!r}: give `fit` "
                f"validation data and `compile` the metric {self.metric!r}. "
                f"Received: logs of {sorted(logs)}"
            )
        value = sum(logs[name] for name in names) / len(names)
        if value > self.best:
            note = {"best": float(value), "measure": self._measure()}
            save_with_note(self.model, self.path, note)
            self.best = value

    def _measure(self):
        return [self.stage, self.metric, self.prefix]
