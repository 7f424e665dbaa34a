"""Greedy training: stage by stage, earlier stages frozen."""

import os
from collections.abc import Callable
from collections.abc import Sequence
from typing import Any

import keras

from keras_anytime.files import user_path
from keras_anytime.training.data_info import remember_training_set
from keras_anytime.training.freezing import frozen
from keras_anytime.training.parts import check_trainable
from keras_anytime.training.parts import compiled_part
from keras_anytime.training.parts import fit_part
from keras_anytime.training.parts import stage_layers


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
        x: Inputs, or a data set of pairs, as for `AnytimeModel.fit`.
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
        ValueError: If the model is not compiled, or with a distillation, whose
            teachers are not trained yet. If `epochs` does not match the
            stages, an option is not for greedy training, `checkpoint_every` is
            not an integer of 1 or more, or `workdir` holds another training.

    Reference:
        [Wan et al., 2020, Section 4.2, Algorithm 1](
        https://arxiv.org/abs/2008.06635)
    """
    check_trainable(model, options)
    if model.distillation is not None:
        raise ValueError(
            "Greedy training trains each stage before the later ones, which "
            "cannot teach it: compile the model without `distillation`. "
            f"Received: distillation={model.distillation}"
        )
    epochs_per_stage = _epochs_per_stage(epochs, model.num_stages)
    remember_training_set(model, x)
    folder = None if workdir is None else user_path(workdir)
    histories = []
    for k, stage_epochs in enumerate(epochs_per_stage, start=1):
        with frozen(stage_layers(model, range(1, k))):
            history = fit_part(
                model,
                compiled_part(model, [k]),
                x,
                y,
                title=f"Stage {k} of {model.num_stages}",
                epochs=stage_epochs,
                callbacks=callbacks(k) if callable(callbacks) else callbacks,
                folder=folder and folder / f"stage_{k}",
                checkpoint_every=checkpoint_every,
                **options,
            )
        histories.append(history)
    return histories


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
