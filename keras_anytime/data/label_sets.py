"""Which features of a data set are labels, and by which names."""

from collections.abc import Mapping


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
