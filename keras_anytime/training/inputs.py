"""Checks of the inputs given to `fit`, `evaluate` and `predict`."""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from keras_anytime import backend
from keras_anytime.stages.named_inputs import named_inputs
from keras_anytime.training.arrays import check_finite_array
from keras_anytime.training.arrays import check_numbers
from keras_anytime.training.arrays import noun
from keras_anytime.training.arrays import types_in
from keras_anytime.training.tokens import check_tokens


def check_examples(
    model: keras.Model, x: Any, y: Any = None, argument: str = "x"
) -> Any:
    """Raises an error if inputs or labels do not match a model.

    Arrays are checked completely: 50,000 images of 32x32x3 floats take 0.05 s.
    A `tf.data.Dataset` is checked by its element specification and its first
    batch, a `PyDataset` by its first batch. `StopOnNaN` checks the inputs of
    every batch later. Generators are not checked, because reading a batch would
    consume it.

    Args:
        model: An `AnytimeModel`.
        x: The inputs or data set given to `fit` as `x` or as validation data.
        y: Labels, if `x` holds inputs only; a dict for several label sets or
            tasks.
        argument: String. Name of the data in error messages.

    Returns:
        The labels, or the specification of a `tf.data.Dataset`'s labels. `None`
        if nothing was checked.

    Raises:
        ValueError: If inputs have another shape or other names than the model's
            or are not finite, or tokens have no embedding. If labels are
            missing, given per stage, not what the loss takes, of other label
            sets, or more or fewer than the inputs.
    """
    if is_tf_dataset(x):
        spec = x.element_spec
        if not isinstance(spec, tuple) or len(spec) < 2:
            raise ValueError(
                f"A data set to train on must yield pairs ({noun(model)}s, "
                f"labels). Received: {argument} with elements {spec}"
            )
        _check_shapes(model, spec[0], argument)
        for batch in x.take(1):
            check_tokens(model, batch[0], argument)
            model.check_labels(batch[1], argument)
        return spec[1]
    if isinstance(x, keras.utils.PyDataset):
        batch, y, *_ = _first_batch(model, x, argument)
        _check_shapes(model, batch, argument)
        check_tokens(model, batch, argument)
        model.check_labels(y, argument)
    elif _holds_arrays(x):
        _check_shapes(model, x, argument)
        if y is None:
            raise ValueError(
                f"Training needs labels. Received: {argument} without labels"
            )
        model.check_labels(y, argument)
        check_inputs(model, x, argument, y)
    elif isinstance(x, (Mapping, list, tuple)) and keras.tree.flatten(x):
        raise ValueError(
            f"{noun(model).capitalize()}s must be arrays, such as "
            "`numpy.asarray(x)`, or a data set. "
            f"Received: {argument} of {types_in(x)}"
        )
    return y


def check_inputs(
    model: keras.Model, x: Any, argument: str = "x", y: Any = None
) -> None:
    """Raises an error if arrays are no inputs of a model.

    Args:
        model: An `AnytimeModel`.
        x: Array, or dict, tuple or list of arrays. Anything else, such as a
            data set, is not checked.
        argument: String. Name of the data in error messages.
        y: Labels of the same examples, or `None`.

    Raises:
        ValueError: If names, shapes or numbers of examples do not match,
            values are no finite numbers, or tokens have no embedding.
    """
    if not _holds_arrays(x):
        return
    _check_shapes(model, x, argument)
    named = _by_argument(model, x, argument)
    takes_text = any(tensor.dtype == "string" for tensor in model.inputs)
    _check_counts(named, y)
    check_tokens(model, x, argument)
    for name, array in named.items():
        kind = f"{noun(model)}s" if len(named) == 1 else "inputs"
        if isinstance(array, np.ndarray) and not takes_text:
            check_numbers(array, kind.capitalize(), name)
        check_finite_array(array, kind.capitalize(), name)


def check_batch_sizes(x: Any, batch_size: int, argument: str = "x") -> None:
    """Raises an error if devices cannot share the batches evenly.

    Args:
        x: The inputs or data set given to `fit` as `x` or as validation data.
        batch_size: Integer. Examples per batch if `x` holds arrays.
        argument: String. Name of the data in error messages.

    Raises:
        ValueError: If the number of examples in the first or the last batch is
            not a multiple of the number of devices of this process.
    """
    devices = backend.devices_per_batch()
    if devices == 1:
        return
    sizes = []
    if isinstance(x, keras.utils.PyDataset):
        sizes = [
            len(keras.tree.flatten(x[index][0])[0]) for index in (0, len(x) - 1)
        ]
    elif _holds_arrays(x):
        count = len(keras.tree.flatten(x)[0])
        sizes = [min(batch_size, count), count % batch_size]
    for size in sizes:
        if size % devices:
            raise ValueError(
                f"{devices} devices share each batch evenly: choose a batch "
                "size that is a multiple of their number, and leave out a "
                "smaller last batch (`drop_remainder` of "
                "keras_anytime.data.load). "
                f"Received: {argument} with a batch of {size} examples"
            )


def is_tf_dataset(x: Any) -> bool:
    """Returns whether an object is a `tf.data.Dataset`."""
    # Tested without TensorFlow, which a JAX installation may lack.
    return hasattr(x, "element_spec") and hasattr(x, "take")


def _holds_arrays(x: Any) -> bool:
    """Whether an object is an array, or a structure of arrays."""
    if isinstance(x, (Mapping, list, tuple)):
        parts = keras.tree.flatten(x)
        return bool(parts) and all(hasattr(part, "shape") for part in parts)
    return hasattr(x, "shape")


def _first_batch(model, x, argument):
    """Returns the first batch of a `keras.utils.PyDataset`."""
    batch = x[0]
    if not isinstance(batch, (tuple, list)) or len(batch) < 2:
        raise ValueError(
            f"A data set to train on must yield pairs ({noun(model)}s, "
            f"labels). Received: {argument} with a batch of {types_in(batch)}"
        )
    return batch


def _by_argument(model, x, argument):
    """Returns the data of each input by a name for errors."""
    named = named_inputs(model, x, argument)
    if len(named) == 1:
        return dict.fromkeys([argument], *named.values())
    return {f"{argument}[{name!r}]": data for name, data in named.items()}


def _check_shapes(model: keras.Model, x: Any, argument: str) -> None:
    """Raises a `ValueError` if data have other shapes than the inputs."""
    named = _by_argument(model, x, argument)
    for (name, data), layer in zip(
        named.items(), model.input_layers, strict=True
    ):
        shape: Any = getattr(data, "shape", None)
        if shape is None or getattr(shape, "rank", 0) is None:
            # Nothing, or a `tf.TensorShape` of unknown rank.
            continue
        sizes, expected = tuple(shape), tuple(layer.batch_shape)
        if len(sizes) != len(expected) or any(
            None not in (size, wanted) and size != wanted
            for size, wanted in zip(sizes[1:], expected[1:], strict=True)
        ):
            kind = f"{noun(model)}s" if len(named) == 1 else f"{layer.name!r}"
            raise ValueError(
                f"The network takes {kind} of shape {expected}. "
                f"Received: {name} of shape {sizes}"
            )


def _check_counts(named: Mapping[str, Any], y: Any) -> None:
    """Raises a `ValueError` if there are more of one input than of another."""
    counts = {name: _count(data) for name, data in named.items()}
    if isinstance(y, Mapping):
        counts |= {f"labels {name!r}": _count(part) for name, part in y.items()}
    elif y is not None:
        counts["labels"] = _count(y)
    if len({count for count in counts.values() if count is not None}) > 1:
        raise ValueError(
            "Inputs and labels must have the same number of examples. "
            f"Received: {counts}"
        )


def _count(data: Any) -> int | None:
    return np.shape(data)[0] if len(getattr(data, "shape", ())) else None
