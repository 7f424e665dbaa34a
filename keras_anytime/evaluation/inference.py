"""Runs every stage of a model on a data set, in one pass over the data."""

from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any

import keras
import numpy as np

from keras_anytime.evaluation.predictions import NO_EXAMPLES
from keras_anytime.evaluation.predictions import Predictions
from keras_anytime.evaluation.predictions import check_labels
from keras_anytime.evaluation.predictions import reduce_logits
from keras_anytime.progress import amount_of
from keras_anytime.progress import counted
from keras_anytime.progress import progress
from keras_anytime.stages.checks import check_anytime_model


def predict_stages(
    model: keras.Model,
    data: Iterable,
    batch_size: int = 128,
    verbose: bool = True,
) -> Any:
    """Predicts with every stage of a model, in one pass over the data.

    ```python
    predictions = ka.evaluation.predict_stages(model, (images, labels))
    costs = ka.evaluation.stage_costs(model)
    curve = ka.evaluation.curve_from_predictions(predictions, costs)
    ```

    Args:
        model: An `AnytimeModel`.
        data: A `tf.data.Dataset` of batches of (images, integer labels), or a
            pair of arrays. The labels of a hierarchical network are a dict
            from label sets to integer labels.
        batch_size: Images per batch if `data` is a pair of arrays.
        verbose: Boolean. Whether a line on the standard error says what is done
            and how long it took.

    Returns:
        `Predictions`; for a hierarchical network, a dict from label sets to
        `Predictions`.

    Raises:
        ValueError: If there is no data or the network has a single class, if
            labels are not integers in `[0, classes)`, or if a logit is not
            finite.
    """
    check_anytime_model(model)
    label_sets = model.label_sets
    with measuring(model, data, verbose):
        if label_sets:
            return predict_label_sets(model, data, label_sets, batch_size)
        return predict_label_sets(model, data, [None], batch_size)[None]


def measuring(
    model: keras.Model, data: Any, verbose: bool
) -> AbstractContextManager[None]:
    """Returns a context in which a line says what is measured.

    Args:
        model: An `AnytimeModel`.
        data: As for `predict_stages`.
        verbose: As for `predict_stages`.
    """
    stages = counted(model.num_stages, "stage")
    return progress(f"Measuring {stages} on {amount_of(data)}", verbose)


def predict_label_sets(
    model: keras.Model,
    data: Iterable,
    label_sets: Sequence[Any],
    batch_size: int = 128,
) -> dict[Any, Predictions]:
    """Predicts like `predict_stages`, for some of the network's label sets.

    Args:
        model: An `AnytimeModel`.
        data: As for `predict_stages`; labels of other sets may be missing.
        label_sets: Sequence of strings; `[None]` for a network with one set.
        batch_size: As for `predict_stages`.

    Returns:
        Dict from label sets to `Predictions`.

    Raises:
        ValueError: As for `predict_stages`.
    """
    check_anytime_model(model)
    sets = model.label_sets
    outputs_of_set = {
        label_set: slice(
            sets.index(label_set) if sets else 0, None, len(sets) or 1
        )
        for label_set in label_sets
    }
    batches: dict[Any, list] = {label_set: [] for label_set in label_sets}
    for images, labels_by_set in _checked(model, data, label_sets, batch_size):
        # Replicas of TensorFlow answer the whole batch each, one after another.
        outputs = [
            logits[: len(images)]
            for logits in keras.tree.flatten(model.predict_on_batch(images))
        ]
        for label_set, labels in labels_by_set.items():
            logits = outputs[outputs_of_set[label_set]]
            batches[label_set].append(reduce_logits(logits, labels))
    return {
        label_set: Predictions.from_batches(
            batches[label_set],
            model.outputs[outputs_of_set[label_set]][0].shape[-1],
            model.name
            if label_set is None
            else f"{model.name}, {label_set} labels",
        )
        for label_set in label_sets
    }


def check_data(
    model: keras.Model,
    data: Iterable,
    label_sets: Sequence[Any],
    batch_size: int = 128,
) -> None:
    """Raises an error if the first batch of data cannot be measured.

    Args:
        model: An `AnytimeModel`.
        data: As for `predict_stages`.
        label_sets: As for `predict_label_sets`.
        batch_size: As for `predict_stages`.

    Raises:
        ValueError: If there is no data, or the labels do not fit the model.
    """
    if next(_checked(model, data, label_sets, batch_size), None) is None:
        raise ValueError(NO_EXAMPLES)


def _checked(
    model: keras.Model,
    data: Iterable,
    label_sets: Sequence[Any],
    batch_size: int,
) -> Iterator[tuple[Any, dict[Any, np.ndarray]]]:
    """Yields images, and a dict from label sets to labels that fit them."""
    classes = {
        label_set: model.outputs[
            model.label_sets.index(label_set) if label_set else 0
        ].shape[-1]
        for label_set in label_sets
    }
    for images, labels in _batches(data, batch_size):
        labels_by_set = {
            label_set: _labels_of_set(labels, label_set)
            for label_set in label_sets
        }
        for label_set, set_labels in labels_by_set.items():
            check_labels(set_labels, len(images), classes[label_set])
        yield images, labels_by_set


def _batches(data: Iterable, batch_size: int) -> Iterator[tuple[Any, Any]]:
    if hasattr(data, "shape"):
        raise ValueError(
            "`data` must be a pair (images, labels), or batches of such pairs. "
            f"Received: one array of shape {tuple(data.shape)}"
        )
    if not isinstance(data, (tuple, list)):
        for images, labels, *_ in data:
            yield images, labels
        return
    images, labels = data
    count = len(images)
    for values in labels.values() if isinstance(labels, Mapping) else [labels]:
        if len(values) != count:
            raise ValueError(
                "There must be one label per image. "
                f"Received: {count} images, {len(values)} labels"
            )
    for start in range(0, count, batch_size):
        batch = slice(start, start + batch_size)
        if isinstance(labels, Mapping):
            yield (
                images[batch],
                {name: values[batch] for name, values in labels.items()},
            )
        else:
            yield images[batch], labels[batch]


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
