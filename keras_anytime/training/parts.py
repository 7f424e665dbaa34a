"""Parts of a network that are trained alone, while other layers are frozen."""

import pathlib
from collections.abc import Sequence
from typing import Any

import keras

from keras_anytime import backend
from keras_anytime.distillation import Distillation
from keras_anytime.files import ContentError
from keras_anytime.gradients import Combiner
from keras_anytime.gradients import Sum
from keras_anytime.progress import counted
from keras_anytime.progress import say
from keras_anytime.saving.configs import lost_arguments
from keras_anytime.saving.metadata import read_metadata
from keras_anytime.saving.metadata import save_with_metadata
from keras_anytime.stages import outputs as outputs_lib
from keras_anytime.stages.checks import check_anytime_model
from keras_anytime.stages.subset import subset
from keras_anytime.training.fingerprint import check_fingerprint
from keras_anytime.training.fingerprint import fingerprint
from keras_anytime.training.resume import Resume
from keras_anytime.training.resume import restore_state
from keras_anytime.weighting import Constant


def check_trainable(model: keras.Model, options: dict[str, Any]) -> None:
    """Raises a `ValueError` if a model or an option is not for such training.

    Args:
        model: The model whose parts are to be trained.
        options: Dict of arguments of `keras.Model.fit`.
    """
    check_anytime_model(model)
    if not model.compiled:
        raise ValueError(
            "The model must be compiled: each part is trained with its loss, "
            "metrics and optimizer. Received: a model that is not"
        )
    lost = lost_arguments(model.optimizer)
    if lost:
        raise ValueError(
            "Each part is trained with a new optimizer of the model's "
            "settings, and the configuration of this optimizer is incomplete: "
            f"{lost}. Write its `get_config`, or that of its schedule. "
            f"Received: optimizer={model.optimizer}"
        )
    if "initial_epoch" in options:
        raise ValueError(
            "Each part starts with its first epoch, or where the checkpoint "
            "in `workdir` ends. "
            f"Received: initial_epoch={options['initial_epoch']}"
        )


def compiled_part(
    model: keras.Model,
    stages: Sequence[int],
    gradients: Combiner | None = None,
    distillation: Distillation | None = None,
) -> keras.Model:
    """Returns some stages, compiled as the model is, for their own losses.

    The optimizer is a new one of the same settings. The model's weighting,
    combiner and distillation are not used.

    Args:
        model: A compiled `AnytimeModel`.
        stages: Sequence of integers from 1 to K in rising order.
        gradients: The combiner; `None` for `Sum()`.
        distillation: The distillation between these stages, or `None`.

    Returns:
        An `AnytimeModel` that shares the model's variables.
    """
    numbers = "_".join(map(str, stages))
    with backend.scope(model):
        part, _ = subset(model, stages, name=f"{model.name}_stage_{numbers}")
        optimizer = model.optimizer
        arguments = {
            **model.compile_arguments,
            "optimizer": type(optimizer).from_config(optimizer.get_config()),
            "weighting": Constant(),
            "gradients": gradients or Sum(),
            "distillation": distillation,
        }
        part.compile(**arguments)
    return part


def fit_part(
    model: keras.Model,
    part: keras.Model,
    x: Any = None,
    y: Any = None,
    *,
    title: str,
    epochs: int,
    callbacks: Any = None,
    folder: pathlib.Path | None = None,
    checkpoint_every: int = 1,
    **options: Any,
) -> keras.callbacks.History:
    """Trains a part of a network, unless it was trained before.

    Args:
        model: The `AnytimeModel`.
        part: An `AnytimeModel` of some of its stages, see `compiled_part`.
        x: As in `keras.Model.fit`.
        y: As in `keras.Model.fit`.
        title: String. What the part is, for people.
        epochs: Integer.
        callbacks: List of Keras callbacks, or `None`.
        folder: Path of the folder for checkpoints, or `None` for none. The
            trained part is kept in the file of this name with `.keras`.
        checkpoint_every: Integer. Epochs between two checkpoints.
        **options: Further arguments of `fit`, for all stages.

    Returns:
        The `keras.callbacks.History`.
    """
    verbose = options.get("verbose", "auto") != 0
    callbacks = keras.tree.flatten(callbacks or [])
    trained_part = None
    if folder is not None:
        trained_part = _TrainedPart(folder.with_suffix(".keras"), part, epochs)
        if trained_part.restore():
            if verbose:
                say(f"{title}: trained before, in {trained_part.path}")
            return _empty_history()
        resume = Resume(folder, checkpoint_every)
        callbacks.append(resume)
    if verbose:
        say(f"{title}: {counted(epochs, 'epoch')}")
    history = part.fit(
        x,
        y,
        epochs=epochs,
        initial_epoch=0,
        callbacks=callbacks,
        **_part_options(model, part, options),
    )
    if trained_part:
        trained_part.save()
        resume.clear()
    return history


class _TrainedPart:
    """The file of a part whose training is complete.

    Later parts are trained on exactly these weights, so the part must neither
    be trained further nor again.

    Args:
        path: Path of the `.keras` file.
        part: The compiled model of the part, before training.
        epochs: Integer. The epochs that the part is trained for.
    """

    def __init__(
        self, path: pathlib.Path, part: keras.Model, epochs: int
    ) -> None:
        self.path = path
        self.part = part
        self.epochs = epochs
        self.fingerprint = fingerprint(part)

    def restore(self) -> bool:
        """Restores the part from the file; returns whether there is one."""
        if not self.path.exists():
            return False
        epochs = read_metadata(self.path).get("epochs", self.epochs)
        if epochs != self.epochs:
            raise ContentError(
                f"What is in {str(self.path)!r} was trained for {epochs} "
                "epochs: train it for as many, or use another `workdir`. "
                f"Received: {self.epochs} epochs"
            )
        check_fingerprint(self.path, self.fingerprint)
        restore_state(self.part, self.path)
        return True

    def save(self) -> None:
        """Saves the trained part."""
        metadata = {"epochs": self.epochs, **self.fingerprint}
        save_with_metadata(self.part, self.path, metadata)


def stage_layers(
    model: keras.Model, stages: Sequence[int]
) -> list[keras.layers.Layer]:
    """Returns the layers that some stages need, each once.

    Args:
        model: An `AnytimeModel`.
        stages: Sequence of integers from 1 to the number of stages.

    Returns:
        List of Keras layers.
    """
    layers = {
        id(operation): operation
        for stage in stages
        for operation in model.stage_operations(stage)
        if isinstance(operation, keras.layers.Layer)
    }
    return list(layers.values())


def _part_options(model, part, options):
    """Returns the options of `fit` with the sample weights of the part."""

    def part_weights(weights):
        weights = outputs_lib.sample_weights(weights, model.output_names)
        by_output = dict(zip(model.output_names, weights, strict=True))
        chosen = {name: by_output[name] for name in part.output_names}
        if part.num_stages > 1:
            return chosen
        values = list(chosen.values())
        if len(values) == 1:
            return values[0]
        return dict(zip(model.label_sets, values, strict=True))

    options = dict(options)
    if options.get("sample_weight") is not None:
        options["sample_weight"] = part_weights(options["sample_weight"])
    validation = options.get("validation_data")
    if isinstance(validation, (tuple, list)) and len(validation) == 3:
        images, labels, weights = validation
        options["validation_data"] = (images, labels, part_weights(weights))
    return options


def _empty_history():
    """Returns the history of a training of no epochs."""
    history = keras.callbacks.History()
    history.on_train_begin()
    return history
