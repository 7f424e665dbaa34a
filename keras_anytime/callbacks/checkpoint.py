"""Keeping trained models: the best one, and the latest to resume from."""

import json
import pathlib
import re
import shutil

import keras

from keras_anytime import heads
from keras_anytime.loading import load_model


class StageCheckpoint(keras.callbacks.Callback):
    """Saves the model whenever its validation error is the lowest so far.

    Of several label sets, the error is that of the first, the finest.

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
        if self.stage not in (None, *range(1, self.model.num_stages + 1)):
            raise ValueError(
                f"The stages of this model are 1 to {self.model.num_stages}. "
                f"Received: stage={self.stage}"
            )

    def on_epoch_end(self, epoch, logs=None):
        outputs = heads.finest(self.model.output_names)
        if self.stage:
            outputs = [outputs[self.stage - 1]]
        names = [f"{self.prefix}{name}_{self.metric}" for name in outputs]
        if not set(names) <= set(logs):
            raise ValueError(
                f"StageCheckpoint looks at {names[0]!r}: give `fit` "
                f"validation data and `compile` the metric {self.metric!r}. "
                f"Received: logs of {sorted(logs)}"
            )
        value = sum(logs[name] for name in names) / len(names)
        if value > self.best:
            self.best = value
            self.model.save(self.path)


class Resume(keras.callbacks.Callback):
    """Saves the state of training after each epoch, to go on from there.

    A checkpoint holds network, optimizer, weighting and combiner; its name
    says how many epochs it has seen. It is written beside and moved in place
    when it is whole, and the one before it is only then deleted, so whenever
    training is killed, one whole checkpoint is there.

    ```python
    resume = ka.callbacks.Resume("run/checkpoints")
    model = resume.restore(build_and_compile())
    model.fit(train, epochs=200, initial_epoch=resume.epoch, callbacks=[resume])
    ```

    With a training set of `keras_anytime.data`, whose order and augmentation
    follow the number of the epoch, a resumed training ends with the weights of
    one that was never stopped.

    Args:
        folder: String or path of the checkpoints.
    """

    def __init__(self, folder):
        super().__init__()
        self.folder = pathlib.Path(folder)

    @property
    def epoch(self):
        """Number of epochs that the latest checkpoint has seen; 0 if none."""
        return max(self._checkpoints(), default=0)

    def restore(self, model):
        """Returns the model to train: the latest checkpoint's, or a new one.

        Args:
            model: The new `AnytimeModel`, compiled, that training would start
                from. The checkpoint must be of the same network, weighting,
                combiner and optimizer.

        Returns:
            The checkpoint's `AnytimeModel`, or `model` if there is none.

        Raises:
            ValueError: If the checkpoint cannot be read, or is of another
                network or training.
        """
        for killed in self.folder.glob(".epoch_*.keras.*"):
            # What a process left that was killed while it wrote.
            shutil.rmtree(killed, ignore_errors=True)
        if not self.epoch:
            return model
        path = self._checkpoints()[self.epoch]
        try:
            loaded = load_model(path)
        except Exception as error:
            raise ValueError(
                f"The checkpoint {str(path)!r} cannot be read "
                f"({type(error).__name__}); delete it to start over."
            ) from error
        found = _identity(loaded)
        for what, wanted in _identity(model).items():
            if found[what] != wanted:
                raise ValueError(
                    f"The checkpoint {str(path)!r} is of another training: "
                    f"its {what} differs. Use another folder, or the settings "
                    "of that training."
                )
        return loaded

    def on_epoch_end(self, epoch, logs=None):
        older = self._checkpoints()
        path = self.folder / f"epoch_{epoch + 1:05d}.keras"
        self.model.save(path)
        for other in older.values():
            if other != path:
                other.unlink()

    def _checkpoints(self):
        """Returns a dict from epochs to the paths of whole checkpoints."""
        found = {}
        for path in self.folder.glob("epoch_*.keras"):
            match = re.fullmatch(r"epoch_(\d+)\.keras", path.name)
            if match:
                found[int(match[1])] = path
        return found


def _identity(model):
    """What must be the same in two models for one to go on as the other."""

    def config(part):
        settings = {**part.get_config(), "name": None}
        return type(part).__name__, json.dumps(settings, sort_keys=True)

    return {
        "network": [(v.path, tuple(v.shape)) for v in model.weights],
        "weighting": config(model.weighting),
        "combiner": config(model.gradients),
        "optimizer": config(model.optimizer),
    }
