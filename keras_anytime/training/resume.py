"""Going on with a training that was stopped."""

import hashlib
import json
import pathlib
import re
import shutil

import keras

from keras_anytime import training
from keras_anytime.data_info import recall
from keras_anytime.training.inputs import build_optimizer
from keras_anytime.training.notes import read_note
from keras_anytime.training.notes import save_with_note


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

    A training that was killed within an epoch sees this epoch again from its
    start. With a training set of `keras_anytime.data`, whose order and
    augmentation follow the number of the epoch, it ends with the weights of
    one that was never stopped. Put this callback behind `StageCheckpoint` and
    logs: where training is killed between two callbacks, the ones before it
    see the epoch again, the ones behind it never.

    Args:
        folder: String or path of the checkpoints.
        every: Integer of 1 or more. Epochs from one checkpoint to the next;
            after the last epoch there is one in any case.

    Raises:
        ValueError: If `every` is no number of epochs.
    """

    def __init__(self, folder, every=1):
        super().__init__()
        if every != int(every) or every < 1:
            raise ValueError(
                "`every` must be a whole number of epochs, 1 or more. "
                f"Received: every={every}"
            )
        self.folder = pathlib.Path(folder)
        self.every = int(every)
        self._settings = None

    @property
    def epoch(self):
        """Number of epochs that the latest checkpoint has seen; 0 if none."""
        return max(self._checkpoints(), default=0)

    def restore(self, model):
        """Brings a model to the state of the latest checkpoint, if any.

        Args:
            model: The new `AnytimeModel`, compiled, that training starts from.
                The checkpoint must be of the same network, weighting, combiner
                and optimizer.

        Returns:
            `model`.

        Raises:
            ValueError: If the model is not compiled, or the checkpoint cannot
                be read, or is of another network or training.
        """
        if not model.compiled:
            raise ValueError(
                "A checkpoint brings the state of training too: compile the "
                f"model first. Received: {model.name!r}, not compiled"
            )
        for killed in self.folder.glob(".epoch_*.keras.*"):
            # What a process left that was killed while it wrote.
            shutil.rmtree(killed, ignore_errors=True)
        self._settings = settings(model)
        if self.epoch:
            path = self._checkpoints()[self.epoch]
            check_settings(path, self._settings)
            load_state(model, path)
        return model

    def on_train_begin(self, logs=None):
        if self._settings is None:
            self._settings = settings(self.model)

    def on_epoch_end(self, epoch, logs=None):
        last = self.params.get("epochs")
        if (epoch + 1) % self.every and epoch + 1 != last:
            return
        older = self._checkpoints()
        path = self.folder / f"epoch_{epoch + 1:05d}.keras"
        save_with_note(self.model, path, self._settings)
        for other in older.values():
            if other != path:
                # Another worker of the same training may have been faster.
                other.unlink(missing_ok=True)

    def _checkpoints(self):
        """Returns a dict from epochs to the paths of whole checkpoints."""
        found = {}
        for path in self.folder.glob("epoch_*.keras"):
            match = re.fullmatch(r"epoch_(\d+)\.keras", path.name)
            if match:
                found[int(match[1])] = path
        return found


def check_settings(path, wanted):
    """Raises a `ValueError` if a checkpoint is of another training.

    Args:
        path: Path of a file of `save_with_note`.
        wanted: Dict, what `settings` tells of the model.
    """
    found = read_note(path)
    for what, digest in wanted.items():
        # A file without a note is damaged: reading it will say so.
        if found and found.get(what) != digest:
            raise ValueError(
                f"The checkpoint {str(path)!r} is of another training: its "
                f"{what} differs. Use another folder, or the settings of that "
                "training."
            )


def load_state(model, path):
    """Brings a compiled model to the state in a checkpoint.

    Args:
        model: A compiled `AnytimeModel`.
        path: Path of a `.keras` file.

    Raises:
        ValueError: If the file cannot be read.
    """
    with training.scope(model):
        build_optimizer(model)
    try:
        model.load_weights(path)
        recall(model, path)
    except Exception as error:
        raise ValueError(
            f"The checkpoint {str(path)!r} cannot be read "
            f"({type(error).__name__}); delete it to start over."
        ) from error


def settings(model):
    """Returns what must be the same in two models for one to go on as another.

    Args:
        model: A compiled `AnytimeModel`.

    Returns:
        Dict from what it is to a digest. It is taken before training, which
        may change the learning rate that an optimizer's config tells.
    """
    return {
        "network": _digest([(v.path, tuple(v.shape)) for v in model.weights]),
        "weighting": _digest(_config(model.weighting)),
        "combiner": _digest(_config(model.gradients)),
        "optimizer": _digest(_config(model.optimizer)),
    }


def _config(part):
    return type(part).__name__, _without_names(part.get_config())


def _without_names(config):
    """A config without the names in it, which Keras numbers in a process."""
    if isinstance(config, dict):
        return {
            key: _without_names(value)
            for key, value in config.items()
            if key != "name"
        }
    if isinstance(config, (list, tuple)):
        return [_without_names(value) for value in config]
    return config


def _digest(value):
    text = json.dumps(value, sort_keys=True, default=float)
    return hashlib.sha256(text.encode()).hexdigest()
