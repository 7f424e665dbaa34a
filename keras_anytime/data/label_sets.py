"""Which features of a data set are labels, and by which names."""

from collections.abc import Mapping

# Each is named, and is an output of a network. ImageNet-21k has 21,843 and
# Google Landmarks 203,094.
MOST_CLASSES = 1 << 18


def features_of(labels, known, name):
    """Returns the features to read as labels, by label sets.

    Args:
        labels: Dict or `None`, as in `keras_anytime.data.load`.
        known: Sequence of strings, the features that are labels.
        name: String. The data set's name.

    Returns:
        Dict from label sets to features; `None` is the only set of plain data.

    Raises:
        ValueError: If `labels` is not so.
    """
    features = {None: "label"} if labels is None else labels
    given = set(features.values()) if isinstance(features, Mapping) else set()
    if not given or not given <= set(known):
        raise ValueError(
            "`labels` must be a dict from label sets to features that are "
            f"labels, or None for 'label'; {name!r} has {sorted(known)}. "
            f"Received: labels={labels}"
        )
    return dict(features)


def by_label_set(values, features):
    """Returns what there is of each feature by label sets.

    Args:
        values: Dict from features to values.
        features: What `features_of` returns.

    Returns:
        Dict from label sets to values; of plain data the value itself.
    """
    chosen = {label_set: values[one] for label_set, one in features.items()}
    return chosen.get(None, chosen)


def check_labels(labels, classes, feature, name):
    """Raises a `ValueError` if labels are none of a data set's classes.

    Args:
        labels: Integer array `(examples,)`.
        classes: Integer. How many there are.
        feature: String, whose labels they are.
        name: String. The data set's name.
    """
    if not labels.size:
        return
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or high >= classes:
        raise ValueError(
            f"Labels must be 0 to {classes - 1}, as there are {classes} "
            "classes; a split whose labels are secret has -1. Received: "
            f"{feature!r} of {name!r} with labels {low} to {high}"
        )
