"""What a user trains on: checks before training starts, order of passes."""

from collections.abc import Mapping

import keras
import numpy as np

from keras_anytime import backend
from keras_anytime.saving.finite import first_nonfinite
from keras_anytime.stages import outputs as outputs_lib
from keras_anytime.training.data_info import remember_training_set
from keras_anytime.training.nan import StopOnNaN

_KERAS_BATCH_SIZE = 32


def check_examples(model, x, y=None, argument="x"):
    """Raises a clear error for images or labels that do not fit a model.

    Arrays are checked whole: 50,000 images of 32x32x3 floats in 0.05 s. A
    `tf.data.Dataset` is checked by its element specification and the labels of
    its first batch, a `PyDataset` by its first batch; `StopOnNaN` looks at the
    images of every batch. Generators are left alone, since looking would
    consume them.

    Args:
        model: An `AnytimeModel`.
        x: What is given to `fit` as `x`, or as validation data.
        y: Labels, where `x` holds images only; for label sets a dict.
        argument: String that names the data in errors.

    Returns:
        The labels, or of a `tf.data.Dataset` their specification; `None` where
        nothing was looked at.

    Raises:
        ValueError: If images have another shape than the model's input or are
            not finite, or labels are missing, given per stage, not among its
            classes, or not of exactly its label sets.
    """
    if _is_dataset(x):
        spec = x.element_spec
        if not isinstance(spec, tuple) or len(spec) < 2:
            raise ValueError(
                f"A data set to train on must give pairs (images, labels). "
                f"Received: {argument} with elements {spec}"
            )
        images = keras.tree.flatten(spec[0])[0]
        _check_shape(model, images.shape, argument)
        for first in x.take(1):
            check_labels(model, first[1], argument)
        return spec[1]
    if isinstance(x, keras.utils.PyDataset):
        images, y, *_ = _first_batch(x, argument)
        _check_shape(model, images.shape, argument)
        check_labels(model, y, argument)
    elif hasattr(x, "shape"):
        _check_shape(model, x.shape, argument)
        if y is None:
            raise ValueError(
                f"Training needs labels. Received: {argument} without labels"
            )
        check_labels(model, y, argument)
        check_finite_array(x, "Images", argument)
    return y


def check_finite_array(array, what, argument):
    """Raises a `ValueError` for an array with NaN or infinity in it.

    Args:
        array: NumPy array, or a tensor of Keras' backend. What else there is,
            such as a file that reads itself bit by bit, is left to the steps.
        what: String that names the numbers in errors.
        argument: String that names the array in errors.
    """
    if keras.ops.is_tensor(array):
        array = keras.ops.convert_to_numpy(array)
    if not isinstance(array, np.ndarray):
        return
    found = first_nonfinite(array)
    if found is not None:
        raise ValueError(
            f"{what} must be finite: NaN and infinity would ruin the weights "
            f"and moving statistics of a network. Received: {argument} of "
            f"shape {array.shape} with {found}"
        )


def check_shares(x, batch_size, argument="x"):
    """Raises a clear error for batches that devices cannot share evenly.

    Args:
        x: What is given to `fit` as `x`, or as validation data.
        batch_size: Integer. Images per batch where `x` is an array.
        argument: String that names the data in errors.

    Raises:
        ValueError: If the first or the last batch has a number of images that
            this process' devices do not divide.
    """
    devices = backend.devices_per_batch()
    if devices == 1:
        return
    sizes = []
    if isinstance(x, keras.utils.PyDataset):
        sizes = [len(x[index][0]) for index in (0, len(x) - 1)]
    elif hasattr(x, "shape"):
        sizes = [min(batch_size, len(x)), len(x) % batch_size]
    for size in sizes:
        if size % devices:
            raise ValueError(
                f"{devices} devices share each batch evenly: choose a batch "
                "size that is a multiple, and leave out a smaller last batch "
                "(`drop_remainder` of keras_anytime.data.load). "
                f"Received: {argument} with a batch of {size} images"
            )


def check_weights(model, y, sample_weight, argument="sample_weight"):
    """Raises a clear error for sample weights that do not fit a model.

    Args:
        model: An `AnytimeModel`.
        y: Labels, as given beside the weights.
        sample_weight: What is given to `fit` as `sample_weight`, or with the
            validation data.
        argument: String that names the weights in errors.

    Raises:
        ValueError: If a list or dict of weights does not fit the outputs, or
            weights are not finite.
    """
    outputs_lib.sample_weights(sample_weight, model.output_names)
    for part in keras.tree.flatten(sample_weight):
        check_finite_array(part, "Sample weights", argument)
    if (
        isinstance(y, Mapping)
        and isinstance(sample_weight, (Mapping, list, tuple))
        and not (
            isinstance(sample_weight, Mapping) and set(sample_weight) == set(y)
        )
    ):
        raise ValueError(
            "Keras takes arrays of sample weights beside a dict of labels with "
            "the keys of the labels only. Give weights of single outputs in a "
            "data set of (images, labels, weights). "
            f"Received: {argument} of {_described(sample_weight)}"
        )


def fit_options(model, options):
    """Returns the arguments of `fit`, checked and completed.

    Args:
        model: An `AnytimeModel`.
        options: Dict of the arguments that were given to `fit`, by name.

    Returns:
        Dict of the arguments for `keras.Model.fit`.

    Raises:
        ValueError: If images or labels do not fit the model, or batches the
            devices.
    """
    options = dict(options)
    x = options.get("x")
    if model.compiled:
        labels = check_examples(model, x, options.get("y"))
        validation = options.get("validation_data")
        if not isinstance(validation, (tuple, list)):
            validation = (validation, None)
        check_examples(model, *validation[:2], "validation_data")
        size = options.get("batch_size") or _KERAS_BATCH_SIZE
        check_shares(x, size)
        size = options.get("validation_batch_size") or size
        check_shares(validation[0], size, "validation_data")
        check_weights(model, labels, options.get("sample_weight"))
        if len(validation) == 3:
            check_weights(model, *validation[1:], "validation_data")
        create_variables(model, labels)
        remember_training_set(model, x)
    if _is_dataset(x) or hasattr(x, "epochs"):
        # Keras warns of its own default for `tf.data` sets, and would take the
        # batches of other ones in another order.
        options.setdefault("shuffle", False)
    callbacks = options.get("callbacks") or []
    if isinstance(callbacks, keras.callbacks.CallbackList):
        _before_fit(callbacks.callbacks, model, options)
        return options
    options["callbacks"] = callbacks = keras.tree.flatten(callbacks)
    if not any(isinstance(callback, StopOnNaN) for callback in callbacks):
        callbacks.append(StopOnNaN())
    # It comes first, so that nothing is saved before it has looked.
    callbacks.sort(key=lambda one: not isinstance(one, StopOnNaN))
    _before_fit(callbacks, model, options)
    if hasattr(getattr(x, "epochs", None), "trained"):
        callbacks.append(number_passes(x.epochs, options.get("initial_epoch")))
    if options.get("verbose", "auto") == "auto" and any(
        getattr(callback, "shows_progress", False) for callback in callbacks
    ):
        options["verbose"] = 0
    return options


def create_variables(model, labels):
    """Creates what the optimizer and the metrics keep, before training.

    A step that creates variables while TensorFlow traces it is traced once
    more, which takes minutes for networks of many stages.

    Args:
        model: A compiled `AnytimeModel`.
        labels: Arrays or specifications of the labels, in the structure that
            the network takes. Nothing is done where these do not tell of a
            type and all sizes but the batch's.
    """
    if not all(map(_is_specified, keras.tree.flatten(labels))):
        return

    def zeros(one):
        dtype = keras.backend.standardize_dtype(one.dtype)
        # JAX would warn that it has no 64 bits for labels.
        return np.zeros((1, *tuple(one.shape)[1:]), dtype)

    build_optimizer(model)
    outputs = [
        keras.ops.zeros((1, output.shape[-1])) for output in model.outputs
    ]
    model.compute_metrics(
        None, keras.tree.map_structure(zeros, labels), outputs
    )
    model.reset_metrics()


def build_optimizer(model):
    """Creates the optimizer's variables, unless they are there.

    Keras' loss scaling forgets its scale when it is built a second time.

    Args:
        model: A compiled `AnytimeModel`.
    """
    if not model.optimizer.built:
        model.optimizer.build(model.trainable_variables)


def number_passes(epochs, initial_epoch=None):
    """Returns a callback that ties passes over a training set to epochs.

    Looking at a batch before training starts passes over the data too; what an
    epoch sees must not depend on that.

    Args:
        epochs: The `keras_anytime.data.EpochCounter` of the training set.
        initial_epoch: Integer, the pass to start with, or `None` for the one
            after those that `fit` has trained on.

    Returns:
        A `keras.callbacks.Callback` for one call of `fit`.
    """
    offset = epochs.trained if initial_epoch is None else 0
    return keras.callbacks.LambdaCallback(
        on_epoch_begin=lambda epoch, _: epochs.set_next(epoch + offset),
        on_epoch_end=lambda epoch, _: epochs.mark_trained(epoch + offset),
    )


def _before_fit(callbacks, model, options):
    """Lets callbacks look at the arguments of `fit`, and complete them."""
    for callback in callbacks:
        if hasattr(callback, "before_fit"):
            callback.before_fit(model, options)


def _is_specified(one):
    """Whether its type and all of its sizes but the first are known."""
    if not hasattr(one, "shape") or not hasattr(one, "dtype"):
        return False
    if getattr(one.shape, "rank", 1) is None:
        return False
    return None not in tuple(one.shape)[1:]


def _first_batch(x, argument):
    """Returns the first batch of a `keras.utils.PyDataset`."""
    batch = x[0]
    if not isinstance(batch, (tuple, list)) or len(batch) < 2:
        raise ValueError(
            "A data set to train on must give pairs (images, labels). "
            f"Received: {argument} with a batch of {_described(batch)}"
        )
    return batch


def _is_dataset(x):
    return hasattr(x, "element_spec") and hasattr(x, "take")


def _check_shape(model, shape, argument):
    expected = model.input_shape
    if shape.__class__.__name__ == "TensorShape" and shape.rank is None:
        return
    fits = len(shape) == len(expected) and all(
        size is None or wanted is None or size == wanted
        for size, wanted in zip(tuple(shape)[1:], expected[1:], strict=True)
    )
    if not fits:
        raise ValueError(
            f"The network takes images of shape {expected}. "
            f"Received: {argument} of shape {tuple(shape)}"
        )


def check_labels(model, y, argument="a batch"):
    """Raises a clear error for labels that do not fit a model.

    Args:
        model: A compiled `AnytimeModel`.
        y: Labels; for label sets a dict. What has no shape is not looked at.
        argument: String that names the data in errors.

    Raises:
        ValueError: If labels are given per stage, not among the classes, or
            not of exactly the label sets.
    """
    if isinstance(y, (list, tuple)) or any(
        one is None for one in keras.tree.flatten(y)
    ):
        raise ValueError(
            "One target serves all stages, and no part of it may be None; "
            "`sample_weight` leaves examples out. "
            f"Received: {argument} with labels of {_described(y)}"
        )
    sets = model.label_sets
    targets = outputs_lib.targets(y, sets)
    # The heads of one stage answer all label sets, as those of any other do.
    one_stage = model.outputs[: len(targets)]
    for labels, logits, name in zip(
        targets, one_stage, sets or (None,), strict=True
    ):
        if hasattr(labels, "shape"):
            what = "labels" if name is None else f"labels {name!r}"
            _check_labels(
                model, np.asarray(labels), logits.shape[-1], argument, what
            )


def _described(y):
    """The structure of labels, with types in place of their values."""
    return keras.tree.map_structure(lambda one: type(one).__name__, y)


def _check_labels(model, labels, classes, argument, what):
    name = model.loss.name or ""
    if not labels.size or not ("sparse" in name or "binary" in name):
        return
    if "sparse" in name:
        if labels.ndim > 1 and labels.shape[-1] != 1:
            raise ValueError(
                f"The loss {name} takes one integer label per image. "
                f"Received: {argument} with {what} of shape {labels.shape}"
            )
        whole = labels.dtype.kind in "iub" or np.all(labels == labels // 1)
        ignored = model.loss.get_config().get("ignore_class")
        if ignored is not None:
            labels = labels[labels != ignored]
        allowed, largest = f"0 to {classes - 1}, whole numbers", classes - 1
    else:
        whole, allowed, largest = True, "from 0 to 1", 1
    low, high = (labels.min(), labels.max()) if labels.size else (0, 0)
    # Of NaN, no comparison holds.
    if not (whole and low >= 0 and high <= largest):
        outputs = "1 logit" if classes == 1 else f"{classes} classes"
        raise ValueError(
            f"The network has {outputs}, and the loss is {name}: {what} must "
            f"be {allowed}. Received: {argument} with {what} from "
            f"{low} to {high}"
        )
