"""Loading saved models, whatever class of this package they are."""

import keras

from keras_anytime.files import user_path
from keras_anytime.model import AnytimeModel
from keras_anytime.nets import ensemble  # noqa: F401  (saved ones need it)
from keras_anytime.saving.archives import check_archive


def load_model(path):
    """Loads a model that was saved with `model.save(path)`.

    The same as `keras.models.load_model`, but never misses the classes of this
    package, and first looks whether the file is whole and no bomb: what is in
    it may be 100 times as large as the file. Training goes on where it was
    saved: optimizer, weighting and combiner are restored with their state.

    Args:
        path: String. A `.keras` file.

    Returns:
        An `AnytimeModel`.

    Raises:
        OSError: If the file cannot be read.
        ValueError: If the file is damaged, or holds no anytime model.
    """
    path = user_path(path)
    check_archive(path)
    try:
        model = keras.models.load_model(path)
    except Exception as error:
        # There are as many types as ways to be damaged.
        raise ValueError(
            f"The file cannot be loaded as a model. Received: "
            f"path={str(path)!r}, {type(error).__name__}: {error}"
        ) from error
    if not isinstance(model, AnytimeModel):
        raise ValueError(
            f"The file holds no anytime model. Received: path={str(path)!r} "
            f"with a {type(model).__name__}"
        )
    return model
