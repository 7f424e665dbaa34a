"""Going on with a training that was stopped."""

import contextlib
import hashlib
import json
import re

import keras

from keras_anytime import backend
from keras_anytime.files import ContentError
from keras_anytime.files import check_writable
from keras_anytime.files import delete_leftovers
from keras_anytime.files import user_path
from keras_anytime.saving.archives import check_archive
from keras_anytime.saving.metadata import read_metadata
from keras_anytime.saving.metadata import save_with_metadata
from keras_anytime.training.data_info import recall
from keras_anytime.training.inputs import build_optimizer


class Resume(keras.callbacks.Callback):
    """Saves the state of training after each epoch, to go on from there.

    A checkpoint holds network, optimizer, weighting and combiner; its name
    says how many epochs it has seen. It is written beside and moved in place
    when it is whole, and the one before it is only then deleted, so whenever
    training is killed, one whole checkpoint is there.

    ```python
    model.fit(train, epochs=200, callbacks=[Resume("run/checkpoints")])
    ```

    The same call goes on where training was stopped: `AnytimeModel.fit` brings
    the model to the state of the latest checkpoint, and starts with the epoch
    after it; where all epochs are behind it, none is trained. To do so before
    `fit`, call `resume.restore(model)`. Only checkpoints that it has restored
    or written are deleted.

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
        ValueError: If `every` is no number of epochs. Before training, if the
            latest checkpoint is of another network or training, or has seen
            more epochs than `fit` shall train.
        OSError: Before training, if the folder cannot be written.
    """

    def __init__(self, folder, every=1):
        super().__init__()
        if every != int(every) or every < 1:
            raise ValueError(
                "`every` must be a whole number of epochs, 1 or more. "
                f"Received: every={every}"
            )
        self.folder = user_path(folder)
        self.every = int(every)
        # The model that it serves, and what was told of it before training,
        # which may change the learning rate.
        self._serves = None
        self._settings = None
        # Whether that is in the state of the latest checkpoint.
        self._restored = False
        # The checkpoints that it may delete.
        self._own = set()

    @property
    def epoch(self):
        """Number of epochs that the latest checkpoint has seen; 0 if none."""
        return max(self._checkpoints(), default=0)

    def restore(self, model):
        """Brings a model to the state of the latest checkpoint, if any.

        `AnytimeModel.fit` does so by itself.

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
        self._serve(model)
        delete_leftovers(self.folder, "epoch_*.keras")
        path = self._checkpoints().get(self.epoch)
        if path:
            check_settings(path, {**self._settings, "epoch": self.epoch})
            load_state(model, path)
            self._own = {path}
        self._restored = True
        return model

    def before_fit(self, model, options):
        """Restores the model and sets the epoch to start with.

        Args:
            model: The `AnytimeModel` that is about to be trained.
            options: Dict of the arguments of `fit`, which gets the epoch.

        Raises:
            ValueError: As `restore`, or if the checkpoint does not fit the
                epochs.
        """
        first, epochs = self.epoch, options.get("epochs", 1)
        given = options.get("initial_epoch", 0)
        if first > epochs:
            raise ValueError(
                f"The checkpoint in {str(self.folder)!r} has seen {first} "
                "epochs: train for as many or more, or use another folder. "
                f"Received: epochs={epochs}"
            )
        if first and given not in (0, first):
            raise ValueError(
                f"The checkpoint in {str(self.folder)!r} has seen {first} "
                "epochs, and training goes on from there: leave "
                "`initial_epoch` out, or use another folder. "
                f"Received: initial_epoch={given}"
            )
        check_writable(self.folder / "epoch.keras")
        if model is not self._serves or not self._restored:
            self.restore(model)
        # Set in any case: passes over the data then have the numbers of the
        # epochs, whatever was trained on before.
        options["initial_epoch"] = first or given

    def on_train_begin(self, logs=None):
        if self.model is self._serves:
            return
        if self.epoch:
            raise ValueError(
                f"The folder {str(self.folder)!r} holds the checkpoints of a "
                "training: go on with it by `AnytimeModel.fit`, or by "
                "`resume.restore(model)` before training starts, or use "
                f"another folder. Received: a checkpoint of {self.epoch} epochs"
            )
        check_writable(self.folder / "epoch.keras")
        self._serve(self.model)

    def on_epoch_begin(self, epoch, logs=None):
        self._restored = False

    def on_epoch_end(self, epoch, logs=None):
        last = self.params.get("epochs")
        if (epoch + 1) % self.every and epoch + 1 != last:
            return
        path = self.folder / f"epoch_{epoch + 1:05d}.keras"
        note = {"epoch": epoch + 1, **self._settings}
        save_with_metadata(self.model, path, note)
        for other in self._own - {path}:
            # Another worker of the same training may have been faster.
            other.unlink(missing_ok=True)
        self._own = {path}
        self._restored = True

    def clear(self):
        """Deletes its checkpoint, and the folder if nothing else is there."""
        for path in self._own:
            path.unlink(missing_ok=True)
        self._own = set()
        with contextlib.suppress(OSError):
            self.folder.rmdir()

    def _serve(self, model):
        if model is not self._serves:
            self._settings = settings(model)
            self._serves = model
            self._own = set()

    def _checkpoints(self):
        """Returns a dict from epochs to the paths of whole checkpoints."""
        found = {}
        for path in self.folder.glob("epoch_*.keras"):
            match = re.fullmatch(r"epoch_(\d+)\.keras", path.name)
            if match:
                found[int(match[1])] = path
        return found


def check_settings(path, wanted):
    """Raises a `ContentError` if a checkpoint is of another training.

    Args:
        path: Path of a file of `save_with_metadata`.
        wanted: Dict, what `settings` tells of the model, and where the file
            is one of several epochs, the `epoch`.
    """
    found = read_metadata(path)
    if not found:
        raise ContentError(
            f"The checkpoint {str(path)!r} cannot be read, or is none of "
            "`Resume`: delete it to start over, or use another folder."
        )
    differing = [
        what for what, digest in wanted.items() if found.get(what) != digest
    ]
    if differing == ["epoch"]:
        raise ContentError(
            f"The checkpoint {str(path)!r} has seen {found.get('epoch')} "
            "epochs, and its name says otherwise: give it back the name "
            "`epoch_<number>.keras` that it had, or delete it."
        )
    if differing:
        raise ContentError(
            f"The checkpoint {str(path)!r} is of another training: its "
            f"{differing[0]} differs. Use another folder, or the settings of "
            "that training, with a model that is built and compiled anew."
        )


def load_state(model, path):
    """Brings a compiled model to the state in a checkpoint.

    Args:
        model: A compiled `AnytimeModel`.
        path: Path of a `.keras` file.

    Raises:
        ContentError: If the file cannot be read.
    """
    with backend.scope(model):
        build_optimizer(model)
    try:
        check_archive(path)
        model.load_weights(path)
        recall(model, path)
    except Exception as error:
        raise ContentError(
            f"The checkpoint {str(path)!r} cannot be read "
            f"({type(error).__name__}: {error}); delete it to start over."
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
        "network": _digest(_network(model)),
        "weighting": _digest(_config(model.weighting)),
        "combiner": _digest(_config(model.gradient_combiner)),
        "optimizer": _digest(_config(model.optimizer)),
    }


def _network(model):
    """What tells networks apart, whatever the process has built before."""
    return [
        list(model.output_names),
        [type(operation).__name__ for operation in model.operations],
        _paths(model),
        [list(variable.shape) for variable in model.weights],
    ]


def _paths(model):
    """The paths of all weights, with numbers of their own.

    Keras numbers layers that are given no name through all of a process, as
    in `conv2d_7`. Here names with the same beginning count from 0 in the order
    of the weights.
    """
    numbers = {}

    def renumbered(part):
        start = re.sub(r"_\d+$", "", part)
        known = numbers.setdefault(start, {})
        return start, known.setdefault(part, len(known))

    return [
        [renumbered(part) for part in variable.path.split("/")]
        for variable in model.weights
    ]


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
