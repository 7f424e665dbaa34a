"""Batches of the data that networks are measured on, checked."""

from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from keras_anytime.evaluation.reduction import plain_labels
from keras_anytime.stages.named_inputs import arranged_inputs
from keras_anytime.training.inputs import check_inputs


def checked_batches(
    model: keras.Model,
    data: Iterable,
    label_sets: Sequence[Any],
    batch_size: int,
) -> Iterator[tuple[Any, dict[Any, np.ndarray]]]:
    """Yields the batches of data with labels that fit a model.

    Args:
        model: An `AnytimeModel`.
        data: As for `predict_stages`.
        label_sets: Sequence of strings; `[None]` for a network with one set.
        batch_size: Integer. Examples per batch if `data` is a pair of arrays.

    Yields:
        Pairs of inputs, in the structure of the model's own, and of a dict from
        label sets to labels.

    Raises:
        ValueError: If data are not pairs, or do not fit the model.
    """
    tasks = model.tasks
    shapes = {
        label_set: model.outputs[
            model.label_sets.index(label_set) if label_set else 0
        ].shape[1:]
        for label_set in label_sets
    }
    for x, y in _pairs(data, batch_size):
        check_inputs(model, x)
        inputs = arranged_inputs(model, x)
        count = len(keras.tree.flatten(inputs)[0])
        if not count:
            continue
        labels_by_set = {}
        for label_set, shape in shapes.items():
            task, shape = tasks[label_set], (count, *shape)
            labels = plain_labels(task, _labels_of_set(y, label_set), shape)
            argument = "labels" if label_set is None else f"{label_set} labels"
            task.check_labels(labels, shape, argument)
            labels_by_set[label_set] = labels
        yield inputs, labels_by_set


def _pairs(data: Iterable, batch_size: int) -> Iterator[tuple[Any, Any]]:
    """Yields pairs of inputs and labels, as the data have them."""
    if hasattr(data, "shape"):
        raise ValueError(
            "`data` must be a pair (x, y) of inputs and labels, or batches of "
            f"such pairs. Received: one array of shape {tuple(data.shape)}"
        )
    if isinstance(data, (tuple, list)):
        yield from _slices(*_pair(data), batch_size)
    elif isinstance(data, keras.utils.PyDataset):
        # Nothing tells iteration by index where the data end.
        for index in range(len(data)):
            yield _pair(data[index], weights=True)
    else:
        for batch in data:
            yield _pair(batch, weights=True)


def _pair(values: Any, weights: bool = False) -> tuple[Any, Any]:
    """Returns inputs and labels; a batch may have sample weights too."""
    lengths = (2, 3) if weights else (2,)
    if not isinstance(values, (tuple, list)) or len(values) not in lengths:
        given = type(values).__name__
        if isinstance(values, (tuple, list)):
            given += f" of length {len(values)}"
        raise ValueError(
            "`data` must be a pair (x, y) of inputs and labels, or batches of "
            f"such pairs. Received: {given}"
        )
    return values[0], values[1]


def _slices(x: Any, y: Any, batch_size: int) -> Iterator[tuple[Any, Any]]:
    """Yields batches of arrays."""
    counts = {len(values) for values in _parts(x)}
    if len(counts) != 1:
        raise ValueError(
            "All inputs must have as many examples. "
            f"Received: inputs of {sorted(counts)} examples"
        )
    count = counts.pop()
    for values in y.values() if isinstance(y, Mapping) else [y]:
        if len(values) != count:
            raise ValueError(
                "There must be one label per example. "
                f"Received: {count} examples, {len(values)} labels"
            )
    for start in range(0, count, batch_size):
        batch = slice(start, start + batch_size)
        labels = (
            {name: values[batch] for name, values in y.items()}
            if isinstance(y, Mapping)
            else y[batch]
        )
        if isinstance(x, Mapping):
            yield {name: values[batch] for name, values in x.items()}, labels
        elif isinstance(x, (tuple, list)):
            yield [values[batch] for values in x], labels
        else:
            yield x[batch], labels


def _parts(x: Any) -> list[Any]:
    """Returns the arrays of several inputs, or the only one, in a list."""
    if isinstance(x, Mapping):
        return list(x.values())
    return list(x) if isinstance(x, (tuple, list)) else [x]


def _labels_of_set(labels: Any, label_set: str | None) -> np.ndarray:
    if label_set is None:
        if isinstance(labels, Mapping):
            raise ValueError(
                "The network has one set of labels. "
                f"Received: labels as a dict of {sorted(labels)}"
            )
        return np.asarray(labels)
    if not isinstance(labels, Mapping) or label_set not in labels:
        raise ValueError(
            "The data must give labels as a dict from label sets to labels. "
            f"Received: label_set={label_set!r} and labels that are not a dict "
            "or lack it"
        )
    return np.asarray(labels[label_set])
