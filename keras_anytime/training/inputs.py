"""Checks of the images, labels and sample weights given to `fit`."""

from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from keras_anytime import backend
from keras_anytime.saving.finite import first_nonfinite
from keras_anytime.stages import outputs as outputs_lib
from keras_anytime.training.losses import losses_by_set


def check_examples(
    model: keras.Model, x: Any, y: Any = None, argument: str = "x"
) -> Any:
    """Raises an error if images or labels do not match a model.

    Arrays are checked completely: 50,000 images of 32x32x3 floats take 0.05 s.
    A `tf.data.Dataset` is checked by its element specification and the labels
    of its first batch, a `PyDataset` by its first batch. `StopOnNaN` checks
    the images of every batch later. Generators are not checked, because reading
    a batch would consume it.

    Args:
        model: An `AnytimeModel`.
        x: The images or data set given to `fit` as `x` or as validation data.
        y: Labels, if `x` holds images only; a dict for several label sets.
        argument: String. Name of the data in error messages.

    Returns:
        The labels, or the specification of a `tf.data.Dataset`'s labels. `None`
        if nothing was checked.

    Raises:
        ValueError: If images have another shape than the model's input or are
            not finite. If labels are missing, given per stage, not among the
            model's classes, or of other label sets.
    """
    if is_tf_dataset(x):
        spec = x.element_spec
        if not isinstance(spec, tuple) or len(spec) < 2:
            raise ValueError(
                "A data set to train on must yield pairs (images, labels). "
                f"Received: {argument} with elements {spec}"
            )
        images = keras.tree.flatten(spec[0])[0]
        _check_image_shape(model, images.shape, argument)
        for batch in x.take(1):
            check_labels(model, batch[1], argument)
        return spec[1]
    if isinstance(x, keras.utils.PyDataset):
        images, y, *_ = _first_batch(x, argument)
        _check_image_shape(model, images.shape, argument)
        check_labels(model, y, argument)
    elif hasattr(x, "shape"):
        _check_image_shape(model, x.shape, argument)
        if y is None:
            raise ValueError(
                f"Training needs labels. Received: {argument} without labels"
            )
        check_labels(model, y, argument)
        check_finite_array(x, "Images", argument)
    return y


def check_labels(model: keras.Model, y: Any, argument: str = "a batch") -> None:
    """Raises an error if labels do not match a model.

    Args:
        model: A compiled `AnytimeModel`.
        y: Labels; a dict for several label sets. Labels without a shape are not
            checked.
        argument: String. Name of the data in error messages.

    Raises:
        ValueError: If labels are given per stage, not among the classes, or of
            other label sets.
    """
    if isinstance(y, (list, tuple)) or any(
        part is None for part in keras.tree.flatten(y)
    ):
        raise ValueError(
            "One target serves all stages, and no part of it may be None. Use "
            "`sample_weight` to exclude examples. "
            f"Received: {argument} with labels of {_types_in(y)}"
        )
    targets = outputs_lib.targets(y, model.label_sets)
    # All stages have the same label sets, in the same order.
    first_stage = model.outputs[: len(targets)]
    for labels, loss, (name, task), output in zip(
        targets,
        losses_by_set(model.loss, model.label_sets),
        model.tasks.items(),
        first_stage,
        strict=True,
    ):
        if not hasattr(labels, "shape"):
            continue
        description = "labels" if name is None else f"labels {name!r}"
        if task.name == "regression":
            shape = (None, *output.shape[1:])
            received = f"{argument} with {description}"
            task.check_labels(np.asarray(labels), shape, received)
        else:
            _check_label_values(
                loss, np.asarray(labels), output.shape, argument, description
            )


def check_sample_weights(
    model: keras.Model,
    y: Any,
    sample_weight: Any,
    argument: str = "sample_weight",
) -> None:
    """Raises an error if sample weights do not match a model.

    Args:
        model: An `AnytimeModel`.
        y: The labels beside the weights.
        sample_weight: The weights given to `fit` as `sample_weight` or with the
            validation data; may be `None`.
        argument: String. Name of the weights in error messages.

    Raises:
        ValueError: If a list or dict of weights does not match the outputs, or
            weights are not finite.
    """
    outputs_lib.sample_weights(sample_weight, model.output_names)
    for weights in keras.tree.flatten(sample_weight):
        check_finite_array(weights, "Sample weights", argument)
    if (
        isinstance(y, Mapping)
        and isinstance(sample_weight, (Mapping, list, tuple))
        and not (
            isinstance(sample_weight, Mapping) and set(sample_weight) == set(y)
        )
    ):
        raise ValueError(
            "Keras takes arrays of sample weights beside a dict of labels only "
            "as a dict with the same keys. For weights of single outputs, use "
            "a data set of (images, labels, weights). "
            f"Received: {argument} of {_types_in(sample_weight)}"
        )


def check_finite_array(array: Any, description: str, argument: str) -> None:
    """Raises an error if an array contains NaN or infinity.

    Args:
        array: NumPy array, or tensor of the Keras backend. Anything else, such
            as an object that reads a file in parts, is not checked.
        description: String. The content of the array in error messages.
        argument: String. Name of the array in error messages.

    Raises:
        ValueError: If a number is not finite.
    """
    if keras.ops.is_tensor(array):
        array = keras.ops.convert_to_numpy(array)
    if not isinstance(array, np.ndarray):
        return
    failure = first_nonfinite(array)
    if failure is not None:
        raise ValueError(
            f"{description} must be finite: NaN and infinity would ruin the "
            "weights and moving statistics of the network. Received: "
            f"{argument} of shape {array.shape} with {failure}"
        )


def check_batch_sizes(x: Any, batch_size: int, argument: str = "x") -> None:
    """Raises an error if devices cannot share the batches evenly.

    Args:
        x: The images or data set given to `fit` as `x` or as validation data.
        batch_size: Integer. Images per batch if `x` is an array.
        argument: String. Name of the data in error messages.

    Raises:
        ValueError: If the number of images in the first or the last batch is
            not a multiple of the number of devices of this process.
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
                "size that is a multiple of their number, and leave out a "
                "smaller last batch (`drop_remainder` of "
                "keras_anytime.data.load). "
                f"Received: {argument} with a batch of {size} images"
            )


def is_tf_dataset(x: Any) -> bool:
    """Returns whether an object is a `tf.data.Dataset`."""
    # Tested without TensorFlow, which a JAX installation may lack.
    return hasattr(x, "element_spec") and hasattr(x, "take")


def _first_batch(x, argument):
    """Returns the first batch of a `keras.utils.PyDataset`."""
    batch = x[0]
    if not isinstance(batch, (tuple, list)) or len(batch) < 2:
        raise ValueError(
            "A data set to train on must yield pairs (images, labels). "
            f"Received: {argument} with a batch of {_types_in(batch)}"
        )
    return batch


def _check_image_shape(model: keras.Model, shape: Any, argument: str) -> None:
    """Raises a `ValueError` if images have another shape than the input."""
    expected = model.input_shape
    if getattr(shape, "rank", 0) is None:
        # A `tf.TensorShape` of unknown rank.
        return
    sizes: Sequence[int | None] = tuple(shape)
    matches = len(sizes) == len(expected) and all(
        None in (size, expected_size) or size == expected_size
        for size, expected_size in zip(sizes[1:], expected[1:], strict=True)
    )
    if not matches:
        raise ValueError(
            f"The network takes images of shape {expected}. "
            f"Received: {argument} of shape {sizes}"
        )


def _check_label_values(loss, labels, shape, argument, description):
    """Raises a `ValueError` if the loss is not defined for some labels.

    Args:
        loss: The `keras.losses.Loss` of the labels. Labels of losses other than
            sparse and binary ones are not checked.
        labels: NumPy array of labels.
        shape: Tuple, the shape of the logits.
        argument: String. Name of the data in error messages.
        description: String. Name of the labels in error messages.
    """
    name, classes = loss.name or "", shape[-1]
    if not labels.size or not ("sparse" in name or "binary" in name):
        return
    if "sparse" in name:
        sizes = labels.shape[1:]
        if len(sizes) == len(shape) - 1 and sizes[-1] == 1:
            sizes = sizes[:-1]
        if len(sizes) != len(shape) - 2 or any(
            wanted not in (None, size)
            for size, wanted in zip(sizes, shape[1:-1], strict=True)
        ):
            per = "image" if len(shape) == 2 else "position"
            raise ValueError(
                f"The loss {name} takes one integer label per {per}; "
                "`labels.argmax(-1)` makes integers of one-hot labels. "
                f"Received: {argument} with {description} of shape "
                f"{labels.shape} for outputs of shape {tuple(shape)}"
            )
        whole = labels.dtype.kind in "iub" or np.all(labels == labels // 1)
        ignored = loss.get_config().get("ignore_class")
        if ignored is not None:
            labels = labels[labels != ignored]
        allowed, largest = f"0 to {classes - 1}, whole numbers", classes - 1
    else:
        whole, allowed, largest = True, "from 0 to 1", 1
    low, high = (labels.min(), labels.max()) if labels.size else (0, 0)
    # Every comparison with NaN is false, so this refuses NaN too.
    if not (whole and low >= 0 and high <= largest):
        outputs = "1 logit" if classes == 1 else f"{classes} classes"
        raise ValueError(
            f"The network has {outputs}, and the loss is {name}: {description} "
            f"must be {allowed}. Received: {argument} with {description} from "
            f"{low} to {high}"
        )


def _types_in(structure):
    """Returns a structure with the names of types in place of its values."""
    return keras.tree.map_structure(
        lambda value: type(value).__name__, structure
    )
