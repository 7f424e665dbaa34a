"""The data set that a model was trained on, remembered in the saved model.

An export needs the names of the classes and the preprocessing of the input.
"""

import json
import os
import zipfile
from typing import Any

import keras

from keras_anytime.stages.image_input import RAW_PIXELS
from keras_anytime.stages.step import feature_inputs
from keras_anytime.tasks.base import fits
from keras_anytime.training.arrays import noun


class RememberingModel(keras.Model):
    """A functional model that is saved with a description of its data set.

    Attributes:
        data_info: Dict with `name`, `class_names` and `preprocessing` of a
            `keras_anytime.data.DatasetInfo`, or `None` if the data set is
            unknown. `name` is `None` for images of a directory. Of several
            inputs, `preprocessing` is `None` and `input_preprocessing` has that
            of each input by name.
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
        ValueError: If the inputs or the classes are not those of the network.
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
        elif class_names is not None:
            # Numbers to predict have no names.
            class_names = list(class_names) or None
        data_info = {
            "name": info.name,
            "class_names": class_names,
            "preprocessing": info.preprocessing,
        }
        if isinstance(info.image_shape, dict):
            data_info["preprocessing"] = None
            data_info["input_preprocessing"] = info.preprocessing
    _set_data_info(model, data_info)


def remember_training_set(model: keras.Model, x: Any) -> None:
    """Stores the description of a training set, or removes the last one.

    Args:
        model: An `AnytimeModel`.
        x: The data given to `fit` as `x`. The description is removed if `x` has
            none, or one that does not match the network. That of
            `keras.utils.image_dataset_from_directory` are the classes' names,
            and that pixels go in as they are.
    """
    info = getattr(x, "info", None)
    has_info = hasattr(info, "class_names") and hasattr(info, "preprocessing")
    if has_info and not _mismatch(model, info):
        remember(model, info)
    else:
        _set_data_info(model, _directory_info(model, x))


def restore_data_info(model: keras.Model, path: str | os.PathLike) -> None:
    """Stores the description in a saved model in another model.

    Args:
        model: An `AnytimeModel`.
        path: String or path of a `.keras` file of the same network.
    """
    with zipfile.ZipFile(path) as archive:
        config = json.loads(archive.read("config.json"))
    _set_data_info(model, config["config"].get("data_info"))


def _directory_info(model: keras.Model, x: Any) -> dict[str, Any] | None:
    """Returns the description of images that Keras reads from a directory.

    `map` and other methods of a data set leave the names of classes behind, so
    that its pixels are those of the files.
    """
    names = getattr(x, "class_names", None)
    tasks = list(model.tasks.values())
    if (
        not isinstance(names, (list, tuple))
        or not all(isinstance(name, str) for name in names)
        or noun(model) != "image"
        or [task.name for task in tasks] != ["classification"]
        or tasks[0].size != len(names)
    ):
        return None
    return {
        "name": None,
        "class_names": list(names),
        "preprocessing": dict(RAW_PIXELS),
    }


def _set_data_info(model, data_info):
    # A plain assignment would make Keras track the dict and wrap it.
    object.__setattr__(model, "data_info", data_info)


def _mismatch(model: keras.Model, info: Any) -> str | None:
    """Returns why a data set does not match a network; `None` if it does."""
    expected = {
        name: tuple(tensor.shape[1:])
        for name, tensor in feature_inputs(model).items()
    }
    given = info.image_shape
    if len(expected) == 1 and not isinstance(given, dict):
        given = dict.fromkeys(expected, given)
    if not (
        isinstance(given, dict)
        and set(given) == set(expected)
        and all(fits(given[name], expected[name]) for name in expected)
    ):
        kind = f"{noun(model)}s of shape"
        shape: Any = expected
        if len(expected) == 1:
            (shape,) = expected.values()
        else:
            kind = "the inputs"
        return (
            f"The network takes {kind} {shape}. The preprocessing of a data "
            "set with others is not the network's. "
            f"Received: {info.name!r} with {kind} {info.image_shape}"
        )
    tasks = dict(model.tasks)
    task = getattr(info, "task", None)
    of_classes = {each.name for each in tasks.values()} == {"classification"}
    if task is not None or not of_classes:
        if tasks == {None: task}:
            return None
        return (
            f"The network has the task {tasks.get(None, tasks)}. "
            f"Received: {info.name!r} with {info.classes}"
        )
    sizes = {name: task.size for name, task in tasks.items()}
    classes = sizes.get(None, sizes)
    if info.classes != classes:
        return (
            f"The network distinguishes {classes} classes. "
            f"Received: {info.name!r} with {info.classes} classes"
        )
    return None
