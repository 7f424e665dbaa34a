"""Fingerprints, which tell whether a checkpoint is of the same training."""

import hashlib
import json
import os
import re
from collections.abc import Mapping
from typing import Any

import keras

from keras_anytime.files import ContentError
from keras_anytime.saving.metadata import read_metadata


def fingerprint(model: keras.Model) -> dict[str, str | None]:
    """Returns digests of what must be equal for a model to resume a training.

    Take the fingerprint before training, which may change the learning rate in
    the optimizer's configuration.

    Args:
        model: A compiled `AnytimeModel`.

    Returns:
        Dict from `"network"`, `"weighting"`, `"combiner"`, `"optimizer"` and
        `"distillation"` to digests; `None` for no distillation, as in
        checkpoints that were written before there was one.
    """
    return {
        "network": _digest(_network(model)),
        "weighting": _digest(_config(model.weighting)),
        "combiner": _digest(_config(model.gradient_combiner)),
        "optimizer": _digest(_config(model.optimizer)),
        "distillation": (
            None
            if model.distillation is None
            else _digest(_config(model.distillation))
        ),
    }


def check_fingerprint(
    path: str | os.PathLike, expected: Mapping[str, Any]
) -> None:
    """Raises an error if a checkpoint is of another training.

    Args:
        path: String or path of a file of `save_with_metadata`.
        expected: Dict of the metadata to expect: the fingerprint of the model,
            and `epoch` if the file is one of several epochs.

    Raises:
        ContentError: If the file has no such metadata, or other values in it.
    """
    metadata = read_metadata(path)
    if not metadata:
        raise ContentError(
            f"The checkpoint {str(path)!r} cannot be read, or is none of "
            "`Resume`: delete it to start over, or use another folder."
        )
    differing = [
        name for name, value in expected.items() if metadata.get(name) != value
    ]
    if differing == ["epoch"]:
        raise ContentError(
            f"The checkpoint {str(path)!r} has seen {metadata.get('epoch')} "
            "epochs, and its name says otherwise: restore its original name "
            "`epoch_<number>.keras`, or delete it."
        )
    if differing:
        raise ContentError(
            f"The checkpoint {str(path)!r} is of another training: its "
            f"{differing[0]} differs. Use another folder, or a new model with "
            "the settings of that training."
        )


def _network(model):
    """Returns a description of a network that is the same in every process."""
    names = model.output_names
    if sorted(model.loss_names) == sorted(names):
        # The order of the losses, in which the state of training is kept.
        names = model.loss_names
    return [
        list(names),
        [type(operation).__name__ for operation in model.operations],
        _renumbered_paths(model),
        [list(variable.shape) for variable in model.weights],
    ]


def _renumbered_paths(model):
    """Returns the paths of all weights, with numbers of this model alone.

    Keras numbers unnamed layers throughout a process, as in `conv2d_7`. Here,
    names with the same stem are numbered from 0 in the order of the weights.
    """
    numbers: dict[str, dict[str, int]] = {}

    def renumbered(part):
        stem = re.sub(r"_\d+$", "", part)
        parts = numbers.setdefault(stem, {})
        return stem, parts.setdefault(part, len(parts))

    return [
        [renumbered(part) for part in variable.path.split("/")]
        for variable in model.weights
    ]


def _config(part):
    return type(part).__name__, _without_names(part.get_config())


def _without_names(config):
    """Returns a config without names, which Keras numbers in a process."""
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
