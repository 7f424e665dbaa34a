"""Loading saved models, whatever class of this package they are."""

import keras

from keras_anytime.files import user_path
from keras_anytime.model import AnytimeModel
from keras_anytime.nets import ensemble  # noqa: F401  (saved ones need it)


def load_model(path):
    """Loads a model that was saved with `model.save(path)`.

    The same as `keras.models.load_model`, but never misses the classes of this
    package. Training goes on where it was saved: optimizer, weighting and
    combiner are restored with their state.

    Args:
        path: String. A `.keras` file.

    Returns:
        An `AnytimeModel`.

    Raises:
        ValueError: If the file holds no anytime model.
    """
    model = keras.models.load_model(user_path(path))
    if not isinstance(model, AnytimeModel):
        raise ValueError(
            f"The file holds no anytime model. Received: path={str(path)!r} "
            f"with a {type(model).__name__}"
        )
    return model
