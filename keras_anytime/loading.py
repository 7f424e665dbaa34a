"""Loading saved models of any class of this package."""

import os
from typing import Any

import keras

from keras_anytime.files import user_path
from keras_anytime.model import AnytimeModel

# Importing the module registers its model class with Keras.
from keras_anytime.nets import ensemble  # noqa: F401
from keras_anytime.saving.archives import check_archive
from keras_anytime.training.multitask_model import MultitaskModel


def load_model(path: str | os.PathLike) -> Any:
    """Loads a model that was saved with `model.save(path)`.

    It differs from `keras.models.load_model` in two points: the classes of
    this package are always registered, and the file is checked before it is
    loaded. A damaged file is an error, and so is one that expands to more than
    100 times its size. The optimizer, the weighting and the combiner are
    restored with their state, so training continues where it was saved.

    ```python
    model.save("run/model.keras")
    model = ka.load_model("run/model.keras")
    ```

    Args:
        path: String or path of a `.keras` file.

    Returns:
        An `AnytimeModel` or a `MultitaskModel`.

    Raises:
        OSError: If the file cannot be read.
        ValueError: If the file is damaged or holds another kind of model.
    """
    path = user_path(path)
    check_archive(path)
    try:
        model = keras.models.load_model(path)
    except Exception as error:
        # Keras raises many types of errors for damaged files.
        raise ValueError(
            f"The file cannot be loaded as a model. Received: "
            f"path={str(path)!r}, {type(error).__name__}: {error}"
        ) from error
    if not isinstance(model, (AnytimeModel, MultitaskModel)):
        raise ValueError(
            "The file holds a model that is not an anytime model: make one of "
            "it with `keras_anytime.convert.add_heads`. Received: "
            f"path={str(path)!r} with a {type(model).__name__}"
        )
    return model
