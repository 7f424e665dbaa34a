"""The arguments of `fit`: checked, and completed for anytime models."""

from collections.abc import Mapping
from typing import Any

import keras

from keras_anytime.training.data_info import remember_training_set
from keras_anytime.training.inputs import check_batch_sizes
from keras_anytime.training.inputs import check_examples
from keras_anytime.training.inputs import is_tf_dataset
from keras_anytime.training.labels import check_class_weight
from keras_anytime.training.labels import check_sample_weights
from keras_anytime.training.nan import StopOnNaN
from keras_anytime.training.variables import create_variables

_KERAS_BATCH_SIZE = 32


def fit_options(
    model: keras.Model, options: Mapping[str, Any]
) -> dict[str, Any]:
    """Returns the arguments for `keras.Model.fit`.

    Data and callbacks are checked before training, the variables of training
    are created, and the callbacks that every training needs are added.

    Args:
        model: An `AnytimeModel`.
        options: Dict of the arguments given to `AnytimeModel.fit`, by name.

    Returns:
        Dict of arguments by name.

    Raises:
        ValueError: If inputs, labels or weights do not match the model, or
            devices cannot share the batches evenly.
    """
    options = dict(options)
    x = options.get("x")
    if model.compiled:
        _prepare(model, options)
    if is_tf_dataset(x) or hasattr(x, "epochs"):
        # By default Keras shuffles, which changes the order of batches of
        # `keras_anytime.data` and warns for a `tf.data.Dataset`.
        options.setdefault("shuffle", False)
    callbacks = options.get("callbacks") or []
    if isinstance(callbacks, keras.callbacks.CallbackList):
        _call_before_fit(callbacks.callbacks, model, options)
        return options
    options["callbacks"] = callbacks = keras.tree.flatten(callbacks)
    if not any(isinstance(callback, StopOnNaN) for callback in callbacks):
        callbacks.append(StopOnNaN())
    # First, so that it stops training before another callback saves.
    callbacks.sort(key=lambda callback: not isinstance(callback, StopOnNaN))
    _call_before_fit(callbacks, model, options)
    epochs = getattr(x, "epochs", None)
    if hasattr(epochs, "trained"):
        callbacks.append(epoch_numbering(epochs, options.get("initial_epoch")))
    if options.get("verbose", "auto") == "auto" and any(
        getattr(callback, "shows_progress", False) for callback in callbacks
    ):
        options["verbose"] = 0
    return options


def epoch_numbering(
    epochs: Any, initial_epoch: int | None = None
) -> keras.callbacks.Callback:
    """Returns a callback that tells a training set the number of the epoch.

    The order and augmentation of an epoch depend on its number. Without this
    callback, reading a batch before training would count as an epoch.

    Args:
        epochs: The `keras_anytime.data.Epochs` of the training set.
        initial_epoch: Integer. Number of the first epoch. `None` continues
            after the epochs that the set was trained on.

    Returns:
        A `keras.callbacks.Callback` for one call of `fit`.
    """
    offset = epochs.trained if initial_epoch is None else 0
    return keras.callbacks.LambdaCallback(
        on_epoch_begin=lambda epoch, _: epochs.set_next(epoch + offset),
        on_epoch_end=lambda epoch, _: epochs.mark_trained(epoch + offset),
    )


def _prepare(model, options):
    """Checks the data, and creates the variables that training needs."""
    x = options.get("x")
    labels = check_examples(model, x, options.get("y"))
    check_sample_weights(model, labels, options.get("sample_weight"))
    check_class_weight(model, options.get("class_weight"))
    val_x, val_y, val_weights = keras.utils.unpack_x_y_sample_weight(
        options.get("validation_data")
    )
    check_examples(model, val_x, val_y, "validation_data")
    check_sample_weights(model, val_y, val_weights, "validation_data")
    batch_size = options.get("batch_size") or _KERAS_BATCH_SIZE
    check_batch_sizes(x, batch_size)
    batch_size = options.get("validation_batch_size") or batch_size
    check_batch_sizes(val_x, batch_size, "validation_data")
    create_variables(model, labels)
    remember_training_set(model, x)


def _call_before_fit(callbacks, model, options):
    """Lets callbacks check and complete the arguments of `fit`."""
    for callback in callbacks:
        if hasattr(callback, "before_fit"):
            callback.before_fit(model, options)
