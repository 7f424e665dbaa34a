"""What a model remembers of the data set that it was trained on.

An export needs the names of the classes, and how pixels become images.
"""

import json
import zipfile

import keras


class RememberingModel(keras.Model):
    """A functional model that is saved with what it remembers of its data.

    Attributes:
        data_info: Dict with `name`, `class_names` and `preprocessing`, as of a
            `keras_anytime.data.DatasetInfo`; or `None`, where nothing is known.
    """

    data_info = None

    def get_config(self):
        config = super().get_config()
        if self.data_info is not None:
            config["data_info"] = self.data_info
        return config

    @classmethod
    def from_config(cls, config, custom_objects=None):
        model = super().from_config(config, custom_objects)
        _note(model, config.get("data_info"))
        return model


def remember(model, info):
    """Notes on a model what is known of its data set; it is saved with it.

    `fit` does it with a training set of `keras_anytime.data`, and forgets what
    was noted with any other.

    Args:
        model: An `AnytimeModel`.
        info: A `keras_anytime.data.DatasetInfo`, or `None` to forget.

    Raises:
        ValueError: If its images or classes are not those of the network.
    """
    note = None
    if info is not None:
        if obstacle := _obstacle(model, info):
            raise ValueError(obstacle)
        names = info.class_names
        if isinstance(names, dict):
            names = {one: list(of_set) for one, of_set in names.items()}
        else:
            names = list(names)
        note = {
            "name": info.name,
            "class_names": names,
            "preprocessing": info.preprocessing,
        }
    _note(model, note)


def remember_training_set(model, x):
    """Notes on a model what it is trained on, as far as that is known.

    Args:
        model: An `AnytimeModel`.
        x: What is given to `fit` as `x`.
    """
    info = getattr(x, "info", None)
    known = hasattr(info, "class_names") and hasattr(info, "preprocessing")
    remember(model, info if known and not _obstacle(model, info) else None)


def recall(model, path):
    """Notes on a model what a saved one remembers.

    Args:
        model: An `AnytimeModel`.
        path: String or path of a `.keras` file of the same network.
    """
    with zipfile.ZipFile(path) as archive:
        config = json.loads(archive.read("config.json"))
    _note(model, config["config"].get("data_info"))


def _note(model, note):
    # Keras would track a dict, and make it one of its own.
    object.__setattr__(model, "data_info", note)


def _obstacle(model, info):
    """Returns why a data set is not one of a network, or `None` if it is."""
    shape = model.input_shape[1:]
    if len(shape) != len(info.image_shape) or any(
        wanted not in (None, found)
        for wanted, found in zip(shape, info.image_shape, strict=True)
    ):
        return (
            f"The network takes images of shape {shape}, so that the data set "
            "does not tell how they are prepared. "
            f"Received: {info.name!r} with images of shape {info.image_shape}"
        )
    sets = model.label_sets
    counts = [output.shape[-1] for output in model.outputs[: len(sets) or 1]]
    classes = dict(zip(sets, counts, strict=True)) if sets else counts[0]
    if info.classes != classes:
        return (
            f"The network tells {classes} classes. "
            f"Received: {info.name!r} with {info.classes} classes"
        )
    return None
