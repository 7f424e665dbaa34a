"""Writing whole models, in forms that can be loaded."""

import os

from keras_anytime.files import atomic_write
from keras_anytime.files import user_path
from keras_anytime.saving.finite import check_finite
from keras_anytime.saving.finite import state


def save_whole(model, save, filepath, overwrite=True, **kwargs):
    """Saves a model beside its place, then moves it there.

    Args:
        model: A `keras.Model`.
        save: Its `keras.Model.save`.
        filepath: String or path that ends in `.keras`.
        overwrite: Boolean. As in `keras.Model.save`.
        **kwargs: Further arguments of `keras.Model.save`.

    Raises:
        ValueError: If the file would be one of HDF5, which Keras writes, and
            cannot load as a model of this package.
        FloatingPointError: If a variable of the model is not finite: callbacks
            of Keras too would have the file of a good model replaced.
    """
    path = user_path(filepath)
    if path.suffix in (".h5", ".hdf5"):
        raise ValueError(
            "A whole model is saved as '.keras': HDF5 files cannot hold the "
            "classes of keras_anytime. For weights alone, call "
            "`save_weights('....weights.h5')`. "
            f"Received: filepath={str(filepath)!r}"
        )
    check_finite(
        state(model),
        "The model is not saved",
        "What was in the file stays. Go on from there, or, to look for the "
        "reason, call `save_weights`, which writes weights as they are.",
    )
    if not overwrite and os.path.exists(path):
        save(path, overwrite=False, **kwargs)
        return
    atomic_write(path, lambda beside: save(beside, **kwargs))


def refuse_export(filepath):
    """Raises a `ValueError` that tells how an anytime network is exported.

    Args:
        filepath: What was given to `keras.Model.export`.
    """
    raise ValueError(
        "Keras' export would hold the network without its steps. Call "
        "`keras_anytime.export.saved_model(model, folder)` or "
        "`keras_anytime.export.tflite(model, path)`; for a stage alone, "
        "`model.stage(k).export(filepath)`. "
        f"Received: filepath={str(filepath)!r}"
    )
