"""Training of heads on a frozen network."""

import hashlib
import json
import os
import pathlib
from typing import Any

import keras
import numpy as np

from keras_anytime.files import ContentError
from keras_anytime.files import user_path
from keras_anytime.files import write_json
from keras_anytime.gradients import Sum
from keras_anytime.training.data_info import remember_training_set
from keras_anytime.training.freezing import frozen
from keras_anytime.training.parts import check_trainable
from keras_anytime.training.parts import compiled_part
from keras_anytime.training.parts import fit_part
from keras_anytime.training.parts import stage_layers


def fit_heads(
    model: keras.Model,
    x: Any = None,
    y: Any = None,
    *,
    epochs: int,
    callbacks: Any = None,
    workdir: str | os.PathLike | None = None,
    checkpoint_every: int = 1,
    **options: Any,
) -> keras.callbacks.History:
    """Trains the heads of all stages but the last, on a frozen network.

    The frozen network is what the last stage needs, its own head included. All
    other layers belong to the heads: the graph tells which they are. Frozen
    layers do not change at all: their batch normalization uses its moving
    statistics and does not update them. So the last stage gives the answers
    that it gave before.

    Each stage minimizes its own loss. Heads that share no layer are trained as
    if each were trained alone, but in one forward pass. The optimizer is a new
    one of the model's settings, and the model's weighting and combiner are not
    used. Its distillation is: the last stage, which does not change, then runs
    too and teaches the heads.

    Heads on features that were trained for the last answer alone are the
    baseline "midfeat" of Hu 2017, which finds them much worse than stages that
    are trained together. They are the right start where a trained network must
    stay as it is.

    ```python
    model.compile("sgd", model.loss, metrics=["accuracy"])
    history = ka.training.fit_heads(
        model, images, labels, epochs=1, workdir="run/heads"
    )
    ```

    Args:
        model: A compiled `AnytimeModel` of two or more stages, whose last
            stage is trained. The weights of the heads change.
        x: Inputs, or a data set of pairs, as for `AnytimeModel.fit`.
        y: Labels, as for `AnytimeModel.fit`.
        epochs: Integer of 1 or more.
        callbacks: List of Keras callbacks. Their `model` is an `AnytimeModel`
            of the stages but the last; with a distillation of all.
        workdir: String or path of a folder for checkpoints, `heads/` during
            training and `heads.keras` after it. After an interruption, repeat
            the call with the model in its initial state: training continues
            from the last checkpoint, and ends with the weights of an
            uninterrupted training. `None` writes no checkpoints.
        checkpoint_every: Integer of 1 or more. Epochs between two checkpoints.
        **options: Further arguments of `keras.Model.fit`.

    Returns:
        A `keras.callbacks.History`. It lacks the epochs that were trained
        before an interruption.

    Raises:
        ValueError: If the model is not compiled, or has no layers to train,
            `epochs` or `checkpoint_every` is not an integer of 1 or more, an
            option is not for this training, or `workdir` holds another
            training or the heads of another network.

    Reference:
        [Hu et al., 2017, Section 4.2](https://arxiv.org/abs/1708.06832v1)
    """
    check_trainable(model, options)
    if epochs != int(epochs) or epochs < 1:
        raise ValueError(
            "`epochs` must be an integer of 1 or more. "
            f"Received: epochs={epochs}"
        )
    if model.num_stages == 1:
        raise ValueError(
            "There is no head beside that of the last stage, which is not "
            f"trained. Received: {model.name!r}, a network of one stage"
        )
    stages = range(1, model.num_stages)
    network = stage_layers(model, [model.num_stages])
    distillation = model.distillation
    with frozen(network):
        for k in stages:
            if not model.stage_variables(k):
                raise ValueError(
                    f"The head of stage {k} has no variables of its own: all "
                    "that it needs serves the last stage too. Received: "
                    f"{model.name!r}"
                )
        folder = None
        if workdir is not None:
            folder = user_path(workdir) / "heads"
            _check_network(folder.with_name("network.json"), network)
        remember_training_set(model, x)
        return fit_part(
            model,
            compiled_part(
                model,
                stages if distillation is None else [*stages, model.num_stages],
                Sum("sum"),
                distillation,
            ),
            x,
            y,
            title=f"Heads of stages 1 to {len(stages)}",
            epochs=int(epochs),
            callbacks=callbacks,
            folder=folder,
            checkpoint_every=checkpoint_every,
            **options,
        )


def _check_network(
    path: pathlib.Path, layers: list[keras.layers.Layer]
) -> None:
    """Raises an error if a folder holds the heads of another frozen network.

    A checkpoint of the heads restores the features that they read, and nothing
    else of the network: another network would become a mixture of the two.
    """
    digest = hashlib.sha256()
    for layer in layers:
        for variable in layer.variables:
            values = keras.ops.convert_to_numpy(variable)
            digest.update(np.ascontiguousarray(values).tobytes())
    network = {"sha256": digest.hexdigest()}
    if not path.exists():
        write_json(path, network)
        return
    try:
        found = json.loads(path.read_text())
    except ValueError:
        found = None
    if found != network:
        raise ContentError(
            f"{str(path.parent)!r} holds heads of a network with other "
            "weights: start from the network that they were trained on, or "
            f"use another `workdir`. Received: a network unlike {str(path)!r}"
        )
