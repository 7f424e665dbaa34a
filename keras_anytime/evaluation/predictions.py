"""How each stage answers each example, from one pass over the data."""

import dataclasses
from collections.abc import Mapping

import keras
import numpy as np

from keras_anytime.confidence import log_softmax
from keras_anytime.stages.checks import check_anytime_model


@dataclasses.dataclass(frozen=True, eq=False)
class Predictions:
    """How each stage of a network answers each example.

    What is measured on a network's answers is computed from these: they are
    small, whatever the number of classes, and are made in one pass.

    Args:
        labels: Integer array `(examples,)`.
        correct: Boolean array `(examples, num_stages)`, whether the label's
            logit is larger than all others. Ties count against the network.
        top5: Boolean array likewise, whether fewer than five logits are as
            large as the label's.
        losses: Float array likewise, the cross entropy in nats.
        confidences: Float array likewise, the largest probability.
        classes: Integer.
        name: String.
    """

    labels: np.ndarray
    correct: np.ndarray
    top5: np.ndarray
    losses: np.ndarray
    confidences: np.ndarray
    classes: int
    name: str = "anytime network"

    @classmethod
    def from_logits(cls, logits, labels, name="anytime network"):
        """Makes them from the logits of a data set.

        Args:
            logits: Sequence of K arrays `(examples, classes)`, or an array
                `(num_stages, examples, classes)`.
            labels: Integer array `(examples,)`.
            name: String.

        Raises:
            ValueError: If there are no examples, fewer than two classes,
                labels that are not integers among the classes, or logits that
                are not finite.
        """
        logits = [np.asarray(logit) for logit in logits]
        shapes = {logit.shape for logit in logits}
        if len(shapes) != 1 or any(len(shape) != 2 for shape in shapes):
            raise ValueError(
                "Every stage's logits must be of one shape `(examples, "
                f"classes)`. Received: logits of shapes {sorted(shapes)}"
            )
        labels = np.asarray(labels)
        check_labels(labels, *logits[0].shape)
        return cls(
            **_join([_columns(logits, labels)]),
            classes=logits[0].shape[1],
            name=name,
        )

    @property
    def num_stages(self):
        """Number of stages K."""
        return self.correct.shape[1]

    @property
    def examples(self):
        """Number of examples."""
        return len(self.labels)

    def part(self, index):
        """Returns those of some examples.

        Args:
            index: Slice, or array of integers or booleans.

        Raises:
            ValueError: If none are left.
        """
        columns = {name: getattr(self, name)[index] for name in _COLUMNS}
        return dataclasses.replace(self, **_join([columns]))


_EMPTY = "There is nothing to measure. Received: empty `data`"
_COLUMNS = ("labels", "correct", "top5", "losses", "confidences")


def predict_stages(model, data, batch_size=128):
    """Lets every stage of a model answer, in one pass over the data.

    Args:
        model: An `AnytimeModel`.
        data: A `tf.data.Dataset` of batches of (images, integer labels), or a
            pair of arrays. Labels of a hierarchical network are a dict from
            label sets to integer labels.
        batch_size: Integer. Images per batch where `data` is arrays.

    Returns:
        `Predictions`; of a hierarchical network a dict of them by label sets.

    Raises:
        ValueError: If there is no data, a network has a single class, labels
            are not integers among the classes, or logits are not finite.
    """
    check_anytime_model(model)
    sets = model.label_sets
    found = predict_label_sets(model, data, sets or (None,), batch_size)
    return found if sets else found[None]


def predict_label_sets(model, data, label_sets, batch_size=128):
    """Like `predict_stages`, for some of a network's label sets.

    Args:
        model: An `AnytimeModel`.
        data: As for `predict_stages`; labels of other sets may be missing.
        label_sets: Sequence of strings; `(None,)` for a network with one set.
        batch_size: As for `predict_stages`.

    Returns:
        Dict from label sets to `Predictions`.
    """
    check_anytime_model(model)
    sets = model.label_sets
    of_set = {
        label_set: slice(
            sets.index(label_set) if sets else 0, None, len(sets) or 1
        )
        for label_set in label_sets
    }
    columns = {one: [] for one in of_set}
    for images, labels in _checked(model, data, label_sets, batch_size):
        outputs = keras.tree.flatten(model.predict_on_batch(images))
        for one, values in labels.items():
            columns[one].append(_columns(outputs[of_set[one]], values))
    return {
        label_set: Predictions(
            **_join(columns[label_set]),
            classes=model.outputs[of_set[label_set]][0].shape[-1],
            name=model.name
            if label_set is None
            else f"{model.name}, {label_set} labels",
        )
        for label_set in label_sets
    }


def check_data(model, data, label_sets, batch_size=128):
    """Raises a `ValueError` if the first batch of data cannot be measured.

    Args:
        model: An `AnytimeModel`.
        data: As for `predict_stages`.
        label_sets: As for `predict_label_sets`.
        batch_size: As for `predict_stages`.
    """
    if next(_checked(model, data, label_sets, batch_size), None) is None:
        raise ValueError(_EMPTY)


def check_costs(predictions, costs):
    """Raises a `ValueError` if costs are not those of the stages that answered.

    Args:
        predictions: `Predictions`.
        costs: List of `StageCost`.
    """
    if not isinstance(predictions, Predictions):
        raise ValueError(
            "A curve is made of the `Predictions` of one label set. "
            f"Received: {type(predictions).__name__}"
        )
    if len(costs) != predictions.num_stages:
        raise ValueError(
            "Each stage has one cost. Received: "
            f"{len(costs)} costs for answers of {predictions.num_stages} stages"
        )


def check_labels(labels, count, classes):
    """Raises a `ValueError` if labels cannot be measured against logits.

    Args:
        labels: Array.
        count: Integer, the number of images.
        classes: Integer.
    """
    if classes < 2:
        raise ValueError(
            "With one class, every answer is right: an error needs logits of "
            f"two classes or more. Received: logits of {classes} class"
        )
    if labels.dtype.kind not in "iu" or labels.size != count:
        raise ValueError(
            "Labels must be integers, one per image. Received: labels of type "
            f"{labels.dtype} and shape {labels.shape} for {count} images"
        )
    if len(labels) and (labels.min() < 0 or labels.max() >= classes):
        raise ValueError(
            f"Labels must be 0 to {classes - 1}. "
            f"Received: labels from {labels.min()} to {labels.max()}"
        )


def _columns(logits, labels):
    """Returns what is kept of the logits of every stage for some images."""
    labels = labels.reshape(-1)
    logits = np.stack(logits)
    finite = np.isfinite(logits).all(axis=2)
    for k, images in enumerate(finite, start=1):
        if not images.all():
            raise ValueError(
                "Answers must be finite to be measured. Received: logits that "
                f"are not, of stage {k} for {np.sum(~images)} of {len(labels)} "
                "images"
            )
    of_label = (slice(None), np.arange(len(labels)), labels)
    before = np.sum(logits >= logits[of_label][:, :, None], axis=2) - 1
    logarithms = log_softmax(logits)
    return {
        "labels": labels,
        "correct": (before < 1).T,
        "top5": (before < 5).T,
        "losses": -logarithms[of_label].T,
        "confidences": np.exp(logarithms.max(axis=2)).T,
    }


def _join(batches):
    """Returns the columns of several batches as one."""
    if not sum(len(batch["labels"]) for batch in batches):
        raise ValueError(_EMPTY)
    return {
        name: np.concatenate([batch[name] for batch in batches])
        for name in _COLUMNS
    }


def _checked(model, data, label_sets, batch_size):
    """Yields images, and a dict from label sets to labels that fit them."""
    classes = {
        label_set: model.outputs[
            model.label_sets.index(label_set) if label_set else 0
        ].shape[-1]
        for label_set in label_sets
    }
    for images, labels in _batches(data, batch_size):
        chosen = {
            label_set: _chosen(labels, label_set) for label_set in label_sets
        }
        for one, values in chosen.items():
            check_labels(values, len(images), classes[one])
        yield images, chosen


def _batches(data, batch_size):
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
        here = slice(start, start + batch_size)
        if isinstance(labels, Mapping):
            yield images[here], {key: one[here] for key, one in labels.items()}
        else:
            yield images[here], labels[here]


def _chosen(labels, label_set):
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
            f"Received: label_set={label_set!r} and labels that are no dict "
            "or lack it"
        )
    return np.asarray(labels[label_set])
