"""The data set that a model was trained on, remembered in the saved model.

An export needs the names of the classes and the preprocessing of images.
"""

import json
import os
import zipfile
from typing import Any

import keras


class RememberingModel(keras.Model):
    """A functional model that is saved with a description of its data set.

    Attributes:
        data_info: Dict with `name`, `class_names` and `preprocessing` of a
            `keras_anytime.data.DatasetInfo`, or `None` if the data set is
            unknown.
    """

    data_info: dict[str, Any] | None = None

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        if self.data_info is not None:
            config["data_info"] = self.data_info
        return config

    @classmethod
    def from_config(
        cls, config: dict[str, Any], custom_objects: Any = None
    ) -> keras.Model:
        model = super().from_config(config, custom_objects)
        _set_data_info(model, config.get("data_info"))
        return model


def remember(model: keras.Model, info: Any) -> None:
    """Stores the description of a data set in a model.

    The description is saved with the model. `fit` with a training set of
    `keras_anytime.data` stores its description; `fit` with other data removes
    the description.

    ```python
    from keras_anytime.training.data_info import remember

    remember(model, ka.data.info("digits"))
    print(model.data_info["class_names"])
    ```

    Args:
        model: An `AnytimeModel`.
        info: A `keras_anytime.data.DatasetInfo`, or `None` to remove the
            description.

    Raises:
        ValueError: If the images or the classes are not those of the network.
    """
    data_info = None
    if info is not None:
        if mismatch := _mismatch(model, info):
            raise ValueError(mismatch)
        class_names = info.class_names
        if isinstance(class_names, dict):
            class_names = {
                label_set: list(names)
                for label_set, names in class_names.items()
            }
        else:
            class_names = list(class_names)
        data_info = {
            "name": info.name,
            "class_names": class_names,
            "preprocessing": info.preprocessing,
        }
    _set_data_info(model, data_info)


def remember_training_set(model: keras.Model, x: Any) -> None:
    """Stores the description of a training set, or removes the last one.

    Args:
        model: An `AnytimeModel`.
        x: The data given to `fit` as `x`. The description is removed if `x` has
            none, or one that does not match the network.
    """
    info = getattr(x, "info", None)
    has_info = hasattr(info, "class_names") and hasattr(info, "preprocessing")
    remember(model, info if has_info and not _mismatch(model, info) else None)


def restore_data_info(model: keras.Model, path: str | os.PathLike) -> None:
    """Stores the description in a saved model in another model.

    Args:
        model: An `AnytimeModel`.
        path: String or path of a `.keras` file of the same network.
    """
    with zipfile.ZipFile(path) as archive:
        config = json.loads(archive.read("config.json"))
    _set_data_info(model, config["config"].get("data_info"))


def _set_data_info(model, data_info):
    # A plain assignment would make Keras track the dict and wrap it.
    object.__setattr__(model, "data_info", data_info)


def _mismatch(model: keras.Model, info: Any) -> str | None:
    """Returns why a data set does not match a network; `None` if it does."""
    shape = model.input_shape[1:]
    if len(shape) != len(info.image_shape) or any(
        expected not in (None, size)
        for expected, size in zip(shape, info.image_shape, strict=True)
    ):
        return (
            f"The network takes images of shape {shape}. The preprocessing of "
            "a data set with images of another shape is not the network's. "
            f"Received: {info.name!r} with images of shape {info.image_shape}"
        )
    sets = model.label_sets
    counts = [output.shape[-1] for output in model.outputs[: len(sets) or 1]]
    classes = dict(zip(sets, counts, strict=True)) if sets else counts[0]
    if info.classes != classes:
        return (
            f"The network distinguishes {classes} classes. "
            f"Received: {info.name!r} with {info.classes} classes"
        )
    return None
