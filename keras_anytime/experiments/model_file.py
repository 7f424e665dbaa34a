"""The network of a training that a file holds, in the place of a builder's."""

import dataclasses
import json
import os
from typing import Any

import keras

from keras_anytime import data
from keras_anytime.convert import takes_pixels
from keras_anytime.data.reading import is_resizable
from keras_anytime.experiments.train_settings import TrainSettings
from keras_anytime.files import user_path
from keras_anytime.loading import load_model
from keras_anytime.manifest import checksum
from keras_anytime.model import AnytimeModel
from keras_anytime.stages.image_input import RAW_PIXELS


def with_model_file(
    settings: TrainSettings,
) -> tuple[TrainSettings, AnytimeModel | None]:
    """Returns settings that the network in `--model` decides on too.

    The size of images and their normalization are those of the network, and the
    checksum of the file tells a later run whether it has changed.

    Args:
        settings: The settings of the training.

    Returns:
        Pair of settings and the network; `None` without `--model`.

    Raises:
        ValueError: If the file holds no anytime network, or a setting is for
            networks that are built.
        OSError: If the file cannot be read.
    """
    if settings.model is None:
        return settings, None
    path = user_path(settings.model)
    if not path.is_file():
        raise FileNotFoundError(
            "--model must be a .keras file of an anytime network, such as "
            f"tools/add_heads.py writes. Received: --model={settings.model}"
        )
    model = load_model(path)
    _check_devices(settings, model)
    if settings.heads_epochs and model.num_stages == 1:
        raise ValueError(
            "There is no head beside that of the last stage. Received: "
            f"--heads_epochs={settings.heads_epochs} for a network of one stage"
        )
    changes: dict[str, Any] = {"model_sha256": checksum(path)}
    arguments = data_arguments(
        model,
        settings.data,
        settings.data_dir,
        settings.download,
        settings.image_size,
    )
    if arguments.get("image_size") is not None:
        changes["image_size"] = arguments["image_size"]
    if settings.preprocessing is None and "preprocessing" in arguments:
        changes["preprocessing"] = json.dumps(arguments["preprocessing"])
    return dataclasses.replace(settings, **changes), model


def data_arguments(
    model: AnytimeModel,
    name: str,
    data_dir: str | os.PathLike | None = None,
    download: bool = False,
    image_size: int | None = None,
) -> dict[str, Any]:
    """Returns what `ka.data.load` must be told for a network.

    Args:
        model: An `AnytimeModel`.
        name: String, the data set.
        data_dir: As in `ka.data.load`.
        download: As in `ka.data.load`.
        image_size: Integer, or `None` for the size of the network's input.

    Returns:
        Dict with `image_size`, if images have to be resized, and
        `preprocessing`, if the network tells how pixels are prepared.
    """
    if len(model.inputs) != 1 or len(model.inputs[0].shape) != 4:
        return {}
    arguments: dict[str, Any] = {}
    _, height, width, _ = model.inputs[0].shape
    if image_size is None and height == width and height is not None:
        if not _has_size(name, data_dir, download, height):
            image_size = height
    if image_size is not None:
        arguments["image_size"] = image_size
    preprocessing = (model.data_info or {}).get("preprocessing")
    if preprocessing is None and takes_pixels(model):
        preprocessing = RAW_PIXELS
    if preprocessing is not None:
        arguments["preprocessing"] = dict(preprocessing)
    return arguments


def _has_size(name, data_dir, download, size):
    """Whether the images of a data set have a size without being resized."""
    if not is_resizable(name):
        return True
    try:
        info = data.info(name, data_dir, download=download)
    except ValueError:
        # Their sizes differ, or there is an error that loading will tell.
        return False
    return info.image_shape[:2] == (size, size)


def _check_devices(settings, model):
    """Raises a `ValueError` if devices would normalize batches apart."""
    if settings.devices == 1 or keras.backend.backend() != "tensorflow":
        return
    apart = [
        operation.name
        for operation in model.operations
        if isinstance(operation, keras.layers.BatchNormalization)
        and not operation.synchronized
    ]
    if apart:
        raise ValueError(
            "Several devices train as one only if batch normalization is "
            "synchronized: train --model on one device. "
            f"Received: --devices={settings.devices} for a network with "
            f"{len(apart)} layers such as {apart[0]!r}"
        )
