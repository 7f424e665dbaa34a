"""Greedy training: stage by stage, earlier stages frozen."""

import contextlib
import os
import pathlib
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
from typing import Any

import keras

from keras_anytime import backend
from keras_anytime.files import ContentError
from keras_anytime.files import user_path
from keras_anytime.gradients import Sum
from keras_anytime.progress import counted
from keras_anytime.progress import say
from keras_anytime.saving.configs import lost_arguments
from keras_anytime.saving.metadata import read_metadata
from keras_anytime.saving.metadata import save_with_metadata
from keras_anytime.stages import outputs as outputs_lib
from keras_anytime.stages.checks import check_anytime_model
from keras_anytime.stages.subset import subset
from keras_anytime.training.data_info import remember_training_set
from keras_anytime.training.fingerprint import check_fingerprint
from keras_anytime.training.fingerprint import fingerprint
from keras_anytime.training.resume import Resume
from keras_anytime.training.resume import restore_state
from keras_anytime.weighting import Constant


def fit_greedy(
    model: keras.Model,
    x: Any = None,
    y: Any = None,
    *,
    epochs: int | Sequence[int],
    callbacks: Any | Callable[[int], Any] = None,
    workdir: str | os.PathLike | None = None,
    checkpoint_every: int = 1,
    **options: Any,
) -> list[keras.callbacks.History]:
    """Trains stage 1, freezes it, trains what stage 2 adds, and so on.

    Frozen layers do not change at all: their batch normalization uses its
    moving statistics and does not update them. Each stage minimizes its own
    loss alone, with a new optimizer of the model's settings, whose learning
    rate schedule starts anew. The model's weighting and combiner are not used.

    ```python
    model.compile("sgd", model.loss, metrics=["accuracy"])
    histories = ka.training.fit_greedy(
        model, images, labels, epochs=[1, 1, 2], workdir="run/greedy",
        callbacks=lambda stage: [
            ka.callbacks.EpochLog(f"run/history_{stage}.csv")
        ],
    )
    ```

    Args:
        model: A compiled `AnytimeModel`. Its weights change.
        x: Images, or a data set of pairs, as for `AnytimeModel.fit`.
        y: Labels, as for `AnytimeModel.fit`.
        epochs: Integer of 1 or more, the epochs of each stage; or a sequence of
            one such integer for each stage.
        callbacks: List of Keras callbacks for all stages, or a function from
            the number of a stage to its list, for callbacks that write files. A
            callback's `model` is an `AnytimeModel` of the one stage that is
            trained, and the logs are named after this stage.
        workdir: String or path of a folder for checkpoints, `stage_k/` while
            stage k is trained and `stage_k.keras` after that. After an
            interruption, repeat the call with the model in its initial state:
            training continues from the last checkpoint, and ends with the
            weights of an uninterrupted training.
            `None` writes no checkpoints.
        checkpoint_every: Integer of 1 or more. Epochs between two checkpoints.
        **options: Further arguments of `keras.Model.fit`, for all stages.
            With `verbose=0` nothing is printed between the stages either.

    Returns:
        List of K `keras.callbacks.History`, one per stage. They lack the epochs
        that were trained before an interruption.

    Raises:
        ValueError: If the model is not compiled, `epochs` does not match the
            stages, an option is not for greedy training, `checkpoint_every` is
            not an integer of 1 or more, or `workdir` holds another training.

    Reference:
        [Wan et al., 2020, Section 4.2, Algorithm 1](
        https://arxiv.org/abs/2008.06635)
    """
    _check_trainable(model, options)
    epochs_per_stage = _epochs_per_stage(epochs, model.num_stages)
    remember_training_set(model, x)
    verbose = options.get("verbose", "auto") != 0
    histories = []
    for k, stage_epochs in enumerate(epochs_per_stage, start=1):
        with _frozen(model, k - 1):
            stage_model = _compiled_stage(model, k)
            stage_callbacks = callbacks(k) if callable(callbacks) else callbacks
            stage_callbacks = keras.tree.flatten(stage_callbacks or [])
            trained_stage = None
            title = f"Stage {k} of {model.num_stages}"
            if workdir is not None:
                folder = user_path(workdir) / f"stage_{k}"
                trained_stage = _TrainedStage(
                    folder.with_suffix(".keras"), stage_model, stage_epochs
                )
                if trained_stage.restore():
                    if verbose:
                        say(f"{title}: trained before, in {folder}.keras")
                    histories.append(_empty_history())
                    continue
                resume = Resume(folder, checkpoint_every)
                stage_callbacks.append(resume)
            if verbose:
                say(f"{title}: {counted(stage_epochs, 'epoch')}")
            history = stage_model.fit(
                x,
                y,
                epochs=stage_epochs,
                initial_epoch=0,
                callbacks=stage_callbacks,
                **_stage_options(model, stage_model, options),
            )
            histories.append(history)
            if trained_stage:
                trained_stage.save()
                resume.clear()
    return histories


class _TrainedStage:
    """The file of a stage whose training is complete.

    Later stages are trained on exactly these weights, so the stage must neither
    be trained further nor again.

    Args:
        path: Path of the `.keras` file.
        stage_model: The compiled model of the stage, before training.
        epochs: Integer. The epochs that the stage is trained for.
    """

    def __init__(
        self, path: pathlib.Path, stage_model: keras.Model, epochs: int
    ) -> None:
        self.path = path
        self.stage_model = stage_model
        self.epochs = epochs
        self.fingerprint = fingerprint(stage_model)

    def restore(self) -> bool:
        """Restores the stage from the file; returns whether there is one."""
        if not self.path.exists():
            return False
        epochs = read_metadata(self.path).get("epochs", self.epochs)
        if epochs != self.epochs:
            raise ContentError(
                f"The stage in {str(self.path)!r} was trained for {epochs} "
                "epochs: train it for as many, or use another `workdir`. "
                f"Received: {self.epochs} epochs"
            )
        check_fingerprint(self.path, self.fingerprint)
        restore_state(self.stage_model, self.path)
        return True

    def save(self) -> None:
        """Saves the trained stage."""
        metadata = {"epochs": self.epochs, **self.fingerprint}
        save_with_metadata(self.stage_model, self.path, metadata)


def _check_trainable(model, options):
    """Raises a `ValueError` if a model or an option is not for `fit_greedy`."""
    check_anytime_model(model)
    if not model.compiled:
        raise ValueError(
            "The model must be compiled: each stage is trained with its loss, "
            "metrics and optimizer. Received: a model that is not"
        )
    lost = lost_arguments(model.optimizer)
    if lost:
        raise ValueError(
            "Each stage is trained with a new optimizer of the model's "
            "settings, and the configuration of this optimizer is incomplete: "
            f"{lost}. Write its `get_config`, or that of its schedule. "
            f"Received: optimizer={model.optimizer}"
        )
    if "initial_epoch" in options:
        raise ValueError(
            "Each stage starts with its first epoch, or where the checkpoint "
            "in `workdir` ends. "
            f"Received: initial_epoch={options['initial_epoch']}"
        )


def _epochs_per_stage(
    epochs: int | Sequence[int], num_stages: int
) -> list[int]:
    """Returns the epochs of each stage."""
    per_stage = (
        list(epochs) if isinstance(epochs, Sequence) else [epochs] * num_stages
    )
    if len(per_stage) != num_stages or not all(
        count == int(count) and count >= 1 for count in per_stage
    ):
        raise ValueError(
            "`epochs` must be an integer of 1 or more, or one for each of the "
            f"{num_stages} stages. Received: epochs={epochs}"
        )
    return [int(count) for count in per_stage]


def _compiled_stage(model, k):
    """Returns stage k, compiled as the model is, for its own loss alone."""
    with backend.scope(model):
        stage_model, _ = subset(model, [k], name=f"{model.name}_stage_{k}")
        arguments = {
            **model.compile_arguments,
            "optimizer": _fresh_optimizer(model.optimizer),
            "weighting": Constant(),
            "gradients": Sum(),
        }
        stage_model.compile(**arguments)
    return stage_model


def _fresh_optimizer(optimizer):
    """Returns a new optimizer of the same settings."""
    return type(optimizer).from_config(optimizer.get_config())


def _stage_options(model, stage_model, options):
    """Returns the options of `fit` with the sample weights of one stage."""

    def stage_weights(weights):
        weights = outputs_lib.sample_weights(weights, model.output_names)
        by_output = dict(zip(model.output_names, weights, strict=True))
        chosen = [by_output[name] for name in stage_model.output_names]
        if len(chosen) == 1:
            return chosen[0]
        return dict(zip(model.label_sets, chosen, strict=True))

    options = dict(options)
    if options.get("sample_weight") is not None:
        options["sample_weight"] = stage_weights(options["sample_weight"])
    validation = options.get("validation_data")
    if isinstance(validation, (tuple, list)) and len(validation) == 3:
        images, labels, weights = validation
        options["validation_data"] = (images, labels, stage_weights(weights))
    return options


@contextlib.contextmanager
def _frozen(model: keras.Model, k: int) -> Iterator[None]:
    """A context in which no variable of stages 1 to k changes."""
    layers = {
        id(operation): operation
        for stage in range(1, k + 1)
        for operation in model.stage_operations(stage)
        if isinstance(operation, keras.layers.Layer)
    }.values()
    variables = [variable for layer in layers for variable in layer.variables]
    layers_before = [layer.trainable for layer in layers]
    # Setting `trainable` of a layer overwrites that of all parts of it.
    variables_before = [variable.trainable for variable in variables]
    try:
        for layer in layers:
            layer.trainable = False
        yield
    finally:
        for layer, trainable in zip(layers, layers_before, strict=True):
            layer.trainable = trainable
        for variable, trainable in zip(
            variables, variables_before, strict=True
        ):
            variable.trainable = trainable


def _empty_history():
    """Returns the history of a training of no epochs."""
    history = keras.callbacks.History()
    history.on_train_begin()
    return history
