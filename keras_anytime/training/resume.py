"""Resume: checkpoints from which an interrupted training continues."""

import contextlib
import os
import pathlib
import re
from typing import Any

import keras

from keras_anytime import backend
from keras_anytime.files import ContentError
from keras_anytime.files import check_writable
from keras_anytime.files import delete_leftovers
from keras_anytime.files import user_path
from keras_anytime.progress import say
from keras_anytime.saving.archives import check_archive
from keras_anytime.saving.metadata import save_with_metadata
from keras_anytime.training.data_info import restore_data_info
from keras_anytime.training.fingerprint import check_fingerprint
from keras_anytime.training.fingerprint import fingerprint
from keras_anytime.training.variables import build_optimizer


class Resume(keras.callbacks.Callback):
    """Saves the state of training after each epoch, and resumes from it.

    A checkpoint holds the network and the state of the optimizer, the weighting
    and the combiner. Its name, `epoch_<number>.keras`, tells the number of
    epochs that it has seen. A new checkpoint is moved into place when it is
    complete, and only then the one before it is deleted: whenever training is
    killed, one complete checkpoint exists.

    ```python
    resume = ka.callbacks.Resume("run/checkpoints")
    model.fit(images, labels, epochs=1, callbacks=[resume], verbose=0)
    # The same call, in this process or another, trains the second epoch only.
    resume = ka.callbacks.Resume("run/checkpoints")
    model.fit(images, labels, epochs=2, callbacks=[resume], verbose=0)
    ```

    `AnytimeModel.fit` restores the latest checkpoint and continues with the
    epoch after it. If all epochs have been trained, it trains none. To restore
    the model before `fit`, call `resume.restore(model)`. Only checkpoints that
    this callback has restored or written are deleted.

    If training was killed within an epoch, this epoch is repeated from its
    start. With a training set of `keras_anytime.data`, whose order and
    augmentation depend on the number of the epoch, the final weights are those
    of an uninterrupted training. Put this callback after `StageCheckpoint` and
    the logs: if training is killed between two callbacks, those before this one
    see the epoch again, and those after it never do.

    In contrast to `keras.callbacks.BackupAndRestore`:

    - the checkpoint stays after the last epoch, so that training can continue
      with more epochs;
    - weights and epoch number are one file, which is replaced in one move;
    - a checkpoint of another network, weighting, combiner or optimizer is an
      error before training;
    - the epoch is known before `fit` starts, so that a training set takes up
      its order from there.

    Args:
        folder: String or path of the folder for checkpoints.
        every: Integer of 1 or more. Epochs between two checkpoints. The last
            epoch always has one.

    Raises:
        ValueError: If `every` is not an integer of 1 or more. Before training,
            if the latest checkpoint is of another training, or has seen more
            epochs than `fit` is to train.
        OSError: Before training, if the folder cannot be written.
    """

    def __init__(self, folder: str | os.PathLike, every: int = 1) -> None:
        super().__init__()
        if every != int(every) or every < 1:
            raise ValueError(
                "`every` must be a whole number of epochs, 1 or more. "
                f"Received: every={every}"
            )
        self.folder = user_path(folder)
        self.every = int(every)
        # The model that checkpoints are made of, and its fingerprint before
        # training, which may change the learning rate.
        self._attached_model: keras.Model | None = None
        self._fingerprint: dict[str, str | None] = {}
        # Whether this model is in the state of the latest checkpoint.
        self._is_restored = False
        # The checkpoints that this callback may delete.
        self._own_paths: set[pathlib.Path] = set()

    @property
    def epoch(self) -> int:
        """Number of epochs that the latest checkpoint has seen; 0 if none."""
        return max(self._checkpoints(), default=0)

    def restore(self, model: keras.Model) -> keras.Model:
        """Restores a model from the latest checkpoint, if there is one.

        `AnytimeModel.fit` calls this.

        Args:
            model: The new, compiled `AnytimeModel` that training starts from.
                Its network, weighting, combiner and optimizer must be those of
                the checkpoint.

        Returns:
            `model`.

        Raises:
            ValueError: If the model is not compiled, or the checkpoint cannot
                be read or is of another training.
        """
        if not model.compiled:
            raise ValueError(
                "A checkpoint holds the state of training too: compile the "
                f"model first. Received: {model.name!r}, not compiled"
            )
        self._attach(model)
        delete_leftovers(self.folder, "epoch_*.keras")
        path = self._checkpoints().get(self.epoch)
        if path:
            check_fingerprint(path, {**self._fingerprint, "epoch": self.epoch})
            restore_state(model, path)
            self._own_paths = {path}
        self._is_restored = True
        return model

    def before_fit(self, model: keras.Model, options: dict[str, Any]) -> None:
        """Restores the model and sets the epoch to start with.

        Args:
            model: The `AnytimeModel` that is about to be trained.
            options: Dict of the arguments of `fit`. Its `initial_epoch` is set.

        Raises:
            ValueError: As in `restore`, or if the checkpoint does not match
                the epochs.
        """
        seen, epochs = self.epoch, options.get("epochs", 1)
        initial_epoch = options.get("initial_epoch", 0)
        if seen > epochs:
            raise ValueError(
                f"The checkpoint in {str(self.folder)!r} has seen {seen} "
                "epochs: train for as many or more, or use another folder. "
                f"Received: epochs={epochs}"
            )
        if seen and initial_epoch not in (0, seen):
            raise ValueError(
                f"The checkpoint in {str(self.folder)!r} has seen {seen} "
                "epochs, and training continues from there: leave "
                "`initial_epoch` out, or use another folder. "
                f"Received: initial_epoch={initial_epoch}"
            )
        check_writable(self.folder / "epoch.keras")
        if model is not self._attached_model or not self._is_restored:
            self.restore(model)
        if seen and options.get("verbose", "auto"):
            state = "Resuming" if seen < epochs else "Nothing is left to train"
            say(f"{state} after epoch {seen} of {epochs}, from {self.folder}")
        # Set even if it is 0: the training set then numbers its epochs from
        # here, whatever it was used for before.
        options["initial_epoch"] = seen or initial_epoch

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        if self.model is self._attached_model:
            return
        # `before_fit` was not called: this is not `AnytimeModel.fit`.
        if self.epoch:
            raise ValueError(
                f"The folder {str(self.folder)!r} holds the checkpoints of a "
                "training. Continue it with `AnytimeModel.fit`, or call "
                "`resume.restore(model)` before training, or use another "
                f"folder. Received: a checkpoint of {self.epoch} epochs"
            )
        check_writable(self.folder / "epoch.keras")
        self._attach(self.model)

    def on_epoch_begin(
        self, epoch: int, logs: dict[str, Any] | None = None
    ) -> None:
        self._is_restored = False

    def on_epoch_end(
        self, epoch: int, logs: dict[str, Any] | None = None
    ) -> None:
        last = self.params.get("epochs")
        if (epoch + 1) % self.every and epoch + 1 != last:
            return
        path = self.folder / f"epoch_{epoch + 1:05d}.keras"
        metadata = {"epoch": epoch + 1, **self._fingerprint}
        save_with_metadata(self.model, path, metadata)
        for older in self._own_paths - {path}:
            # Another worker of the same training may have deleted it.
            older.unlink(missing_ok=True)
        self._own_paths = {path}
        self._is_restored = True

    def clear(self) -> None:
        """Deletes its checkpoint, and the folder if that leaves it empty."""
        for path in self._own_paths:
            path.unlink(missing_ok=True)
        self._own_paths = set()
        with contextlib.suppress(OSError):
            self.folder.rmdir()

    def _attach(self, model):
        """Takes the fingerprint of a model that is new to this callback."""
        if model is not self._attached_model:
            self._fingerprint = fingerprint(model)
            self._attached_model = model
            self._own_paths = set()

    def _checkpoints(self):
        """Returns a dict from numbers of epochs to paths of checkpoints."""
        checkpoints = {}
        for path in self.folder.glob("epoch_*.keras"):
            match = re.fullmatch(r"epoch_(\d+)\.keras", path.name)
            if match:
                checkpoints[int(match[1])] = path
        return checkpoints


def restore_state(model: keras.Model, path: str | os.PathLike) -> None:
    """Restores the weights and the state of training from a checkpoint.

    Args:
        model: A compiled `AnytimeModel`.
        path: String or path of a `.keras` file.

    Raises:
        ContentError: If the file cannot be read.
    """
    with backend.scope(model):
        build_optimizer(model)
    try:
        check_archive(path)
        model.load_weights(path)
        restore_data_info(model, path)
    except Exception as error:
        raise ContentError(
            f"The checkpoint {str(path)!r} cannot be read "
            f"({type(error).__name__}: {error}); delete it to start over."
        ) from error
