"""Greedy training: one stage after the other (Algorithm 1 of Wan 2020)."""

import contextlib

import keras

from keras_anytime import backend
from keras_anytime.files import ContentError
from keras_anytime.files import user_path
from keras_anytime.gradients import Sum
from keras_anytime.saving.configs import lost_arguments
from keras_anytime.saving.metadata import read_metadata
from keras_anytime.saving.metadata import save_with_metadata
from keras_anytime.stages import outputs as outputs_lib
from keras_anytime.stages.checks import check_anytime_model
from keras_anytime.stages.subset import subset
from keras_anytime.training.data_info import remember_training_set
from keras_anytime.training.resume import Resume
from keras_anytime.training.resume import check_settings
from keras_anytime.training.resume import load_state
from keras_anytime.training.resume import settings
from keras_anytime.weighting import Constant


def fit_greedy(
    model,
    x=None,
    y=None,
    *,
    epochs,
    callbacks=None,
    workdir=None,
    checkpoint_every=1,
    **options,
):
    """Trains stage 1, freezes it, trains what stage 2 adds, and so on.

    Frozen parts do not change at all: their batch normalization uses, and
    keeps, the statistics that it has moved to. Each stage minimizes its own
    loss alone, with a new optimizer of the model's settings, so that a
    schedule in it starts anew. The model's weighting and combiner have nothing
    to do.

    ```python
    model.compile(optimizer, loss, metrics=["accuracy"])
    ka.training.fit_greedy(
        model, train, validation_data=val, epochs=[60, 60, 80],
        callbacks=lambda stage: [ka.callbacks.StageProgress()],
        workdir="run/greedy",
    )
    ```

    Args:
        model: A compiled `AnytimeModel`; its weights change.
        x: Images, or a data set of pairs, as for `AnytimeModel.fit`.
        y: Labels, likewise.
        epochs: Integer of 1 or more, the passes over the data for each stage;
            or a sequence of one for each stage.
        callbacks: List of Keras callbacks that all stages use; or a function
            from the number of a stage to its list, for such as write files. A
            callback's `model` is the stage that is trained, an `AnytimeModel`
            of one stage, whose logs are named after it.
        workdir: String or path of a folder, or `None` for none. It gets
            checkpoints, in `stage_k` for each stage, and `stage_k.keras` at the
            end of each. The same call again with the model as it was at first
            goes on where training was stopped, and ends with the weights of
            one that never was.
        checkpoint_every: Integer of 1 or more. Epochs from one of these
            checkpoints to the next.
        **options: Further arguments of `keras.Model.fit`, for all stages.

    Returns:
        List of K `keras.callbacks.History`, one per stage; of epochs that were
        trained before a resumption they know nothing.

    Raises:
        ValueError: If the model is not compiled, `epochs` does not fit the
            stages, an option is not for greedy training, or `workdir` holds
            another training; or if, with a `workdir`, `checkpoint_every` is no
            number of epochs.

    Reference:
        [Wan et al., 2020, Section 4.2, Algorithm 1](
        https://arxiv.org/abs/2008.06635)
    """
    passes = _check(model, epochs, options)
    remember_training_set(model, x)
    histories = []
    for k, count in enumerate(passes, start=1):
        with _frozen(model, k - 1):
            part = _stage_to_train(model, k)
            given = callbacks(k) if callable(callbacks) else callbacks
            given = keras.tree.flatten(given or [])
            end = None
            if workdir is not None:
                folder = user_path(workdir) / f"stage_{k}"
                end = _End(folder.with_suffix(".keras"), part, count)
                if end.reached():
                    histories.append(_no_history())
                    continue
                resume = Resume(folder, checkpoint_every)
                given.append(resume)
            histories.append(
                part.fit(
                    x,
                    y,
                    epochs=count,
                    initial_epoch=0,
                    callbacks=given,
                    **_of_stage(model, part, options),
                )
            )
            if end:
                end.save()
                resume.clear()
    return histories


def _of_stage(model, part, options):
    """Returns options of `fit` with a stage's own sample weights."""

    def own(weights):
        weights = outputs_lib.sample_weights(weights, model.output_names)
        by_name = dict(zip(model.output_names, weights, strict=True))
        chosen = [by_name[name] for name in part.output_names]
        if len(chosen) == 1:
            return chosen[0]
        return dict(zip(model.label_sets, chosen, strict=True))

    options = dict(options)
    if options.get("sample_weight") is not None:
        options["sample_weight"] = own(options["sample_weight"])
    validation = options.get("validation_data")
    if isinstance(validation, (tuple, list)) and len(validation) == 3:
        *pair, weights = validation
        options["validation_data"] = (*pair, own(weights))
    return options


class _End:
    """The end of a stage's training, in a file.

    Later stages are trained on just these weights: this stage must neither go
    on nor be trained anew.
    """

    def __init__(self, path, part, epochs):
        self.path = path
        self.part = part
        self.epochs = epochs
        self.settings = settings(part)

    def reached(self):
        """Brings the stage to its end, if it was trained so far before."""
        if not self.path.exists():
            return False
        found = read_metadata(self.path).get("epochs", self.epochs)
        if found != self.epochs:
            raise ContentError(
                f"{str(self.path)!r} was trained for {found} epochs; use as "
                f"many, or another `workdir`. Received: {self.epochs} epochs"
            )
        check_settings(self.path, self.settings)
        load_state(self.part, self.path)
        return True

    def save(self):
        """Saves the stage at its end."""
        note = {"epochs": self.epochs, **self.settings}
        save_with_metadata(self.part, self.path, note)


def _no_history():
    history = keras.callbacks.History()
    history.on_train_begin()
    return history


def _check(model, epochs, options):
    """Returns the epochs of each stage."""
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
            "settings, and the configuration of this one does not give all of "
            f"it back: {lost}. Write its `get_config`, or that of its "
            f"schedule. Received: optimizer={model.optimizer}"
        )
    if "initial_epoch" in options:
        raise ValueError(
            "Each stage starts with its first epoch, or where `workdir` says. "
            f"Received: initial_epoch={options['initial_epoch']}"
        )
    stages = model.num_stages
    passes = (
        list(epochs) if isinstance(epochs, (list, tuple)) else [epochs] * stages
    )
    if len(passes) != stages or not all(
        count == int(count) and count >= 1 for count in passes
    ):
        raise ValueError(
            "`epochs` must be a number of 1 or more, or one for each of the "
            f"{stages} stages. Received: epochs={epochs}"
        )
    return [int(count) for count in passes]


def _stage_to_train(model, k):
    """Stage k with the model's variables, compiled as the model is."""
    with backend.scope(model):
        part, _ = subset(model, [k], name=f"{model.name}_stage_{k}")
        given = model.compile_arguments
        given["optimizer"] = _anew(model.optimizer)
        part.compile(**{**given, "weighting": Constant(), "gradients": Sum()})
    return part


def _anew(optimizer):
    """Returns a new optimizer of the same settings."""
    return type(optimizer).from_config(optimizer.get_config())


@contextlib.contextmanager
def _frozen(model, k):
    """Within it no variable of stages 1 to k changes."""
    layers = {
        id(operation): operation
        for stage in range(1, k + 1)
        for operation in model.stage_operations(stage)
        if isinstance(operation, keras.layers.Layer)
    }.values()
    variables = [one for layer in layers for one in layer.variables]
    before = [layer.trainable for layer in layers]
    # Setting that of a layer sets those of all that is in it.
    each = [variable.trainable for variable in variables]
    try:
        for layer in layers:
            layer.trainable = False
        yield
    finally:
        for layer, trainable in zip(layers, before, strict=True):
            layer.trainable = trainable
        for variable, trainable in zip(variables, each, strict=True):
            variable.trainable = trainable
