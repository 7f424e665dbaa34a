"""Inputs and labels in memory, and the features that are used as labels."""

from collections.abc import Collection
from collections.abc import Mapping
from typing import Any

import numpy as np

#: Labels of one label set, or a dict from label sets to labels.
Labels = np.ndarray | dict[str, np.ndarray]
#: One input `(examples, ...)`, or a dict from the names of inputs to inputs.
Inputs = np.ndarray | dict[str, np.ndarray]
#: Images `(examples, height, width, channels)` and their labels.
LabeledImages = tuple[np.ndarray, Labels]
#: Any inputs and their labels.
LabeledInputs = tuple[Inputs, Labels]

# The most classes of a label set. Each class has a name and an output of the
# network. ImageNet-21k has 21,843 classes, and Google Landmarks has 203,094.
MAX_CLASSES = 1 << 18


def count_examples(inputs: Any) -> int:
    """Returns the number of examples of one input, of several or a stream.

    Args:
        inputs: Array, dict of arrays or a stream, whose length is the number.
    """
    if isinstance(inputs, Mapping):
        inputs = next(iter(inputs.values()))
    return len(inputs)


def has_dense_labels(labels: Any) -> bool:
    """Returns whether there is a label at each pixel of an image.

    Args:
        labels: Array, dict of arrays or `None`.
    """
    return isinstance(labels, np.ndarray) and labels.ndim >= 3


def label_features(
    labels: Mapping[str, str] | None, known: Collection[str], name: str
) -> dict[str | None, str]:
    """Returns the features that hold the labels, by label set.

    Args:
        labels: Dict or `None`, as in `keras_anytime.data.load`.
        known: Collection of strings. The features that hold labels.
        name: String. The data set's name, for errors.

    Returns:
        Dict from label sets to features. Without label sets, the only key is
        `None`.

    Raises:
        ValueError: If `labels` is not a dict, is empty, or names another
            feature.
    """
    features: dict[str | None, str] = {None: "label"}
    if isinstance(labels, Mapping):
        features = {label_set: value for label_set, value in labels.items()}
    valid = labels is None or isinstance(labels, Mapping)
    wanted = set(features.values())
    if not valid or not wanted or not wanted <= set(known):
        raise ValueError(
            "`labels` must be a dict from label sets to features that hold "
            "labels, the path of a table that ends in .csv or .json, or None "
            f"for 'label'; {name!r} has {sorted(known)}. "
            f"Received: labels={labels}"
        )
    return features


def by_label_set(
    values: Mapping[str, Any], features: Mapping[str | None, str]
) -> Any:
    """Returns the values of features by label set.

    Args:
        values: Dict from features to values.
        features: Dict from label sets to features, as `label_features` returns
            it.

    Returns:
        Dict from label sets to values. Without label sets, it is the value of
        the only feature.
    """
    chosen = {
        label_set: values[feature] for label_set, feature in features.items()
    }
    return chosen.get(None, chosen)


def check_labels(
    labels: np.ndarray, classes: int, feature: str, name: str
) -> None:
    """Raises an error if a label is outside of the classes of a data set.

    Args:
        labels: Integer array `(examples,)`.
        classes: Integer. The number of classes.
        feature: String. The feature that holds the labels, for errors.
        name: String. The data set's name, for errors.

    Raises:
        ValueError: If a label is negative, or `classes` or more.
    """
    if not labels.size:
        return
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or high >= classes:
        raise ValueError(
            f"Labels must be 0 to {classes - 1}, because there are {classes} "
            "classes; a split with secret labels has -1. Received: "
            f"{feature!r} of {name!r} with labels {low} to {high}"
        )
