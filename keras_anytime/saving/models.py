"""Saving whole models, as files that can be loaded again."""

import os
from collections.abc import Callable
from typing import Any
from typing import NoReturn

import keras

from keras_anytime.files import atomic_write
from keras_anytime.files import user_path
from keras_anytime.saving.finite import check_finite
from keras_anytime.saving.finite import saved_variables


def save_model(
    model: keras.Model,
    save: Callable[..., None],
    filepath: str | os.PathLike,
    overwrite: bool = True,
    **kwargs: Any,
) -> None:
    """Saves a whole model atomically.

    Args:
        model: A `keras.Model`.
        save: The `keras.Model.save` of the model.
        filepath: String or path that ends in `.keras`.
        overwrite: Boolean, as in `keras.Model.save`.
        **kwargs: Further arguments of `keras.Model.save`.

    Raises:
        ValueError: If the file would be an HDF5 file. Keras writes these, but
            cannot load models of this package from them.
        FloatingPointError: If a variable of the model is not finite. Otherwise
            a callback of Keras could replace a good model by a broken one.
    """
    path = user_path(filepath)
    if path.suffix in (".h5", ".hdf5"):
        raise ValueError(
            "A whole model is saved as '.keras', because HDF5 files cannot "
            "hold the classes of keras_anytime. To save the weights alone, "
            "call `save_weights('....weights.h5')`. "
            f"Received: filepath={str(filepath)!r}"
        )
    check_finite(
        saved_variables(model),
        "The model is not saved",
        "An existing file is unchanged: continue from it. To find the cause, "
        "call `save_weights`, which saves any weights.",
    )
    if not overwrite and os.path.exists(path):
        save(path, overwrite=False, **kwargs)
        return
    atomic_write(path, lambda staged: save(staged, **kwargs))


def refuse_export(filepath: str | os.PathLike) -> NoReturn:
    """Raises an error that names the functions that export anytime networks.

    Args:
        filepath: The argument of `keras.Model.export`.

    Raises:
        ValueError: Always.
    """
    raise ValueError(
        "Keras' export would lose the steps of the network. Call "
        "`keras_anytime.export.saved_model(model, folder)` or "
        "`keras_anytime.export.tflite(model, path)`. To export one stage "
        "alone, call `model.stage(k).export(filepath)`. "
        f"Received: filepath={str(filepath)!r}"
    )
