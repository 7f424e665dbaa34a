"""The anytime curve: how good each stage's answer is, and what it costs."""

import dataclasses
from collections.abc import Mapping

import keras
import numpy as np

from keras_anytime.cost import stage_costs
from keras_anytime.files import write_csv
from keras_anytime.files import write_json


@dataclasses.dataclass(frozen=True)
class CurvePoint:
    """One stage of an anytime curve.

    Args:
        stage: Integer, counted from 1.
        macs: Integer. Multiply-adds of the subnetwork, for one image.
        parameters: Integer. Trainable parameters of the subnetwork.
        top1_error: Float in [0, 1]. Share of examples whose label is not the
            largest logit.
        top5_error: Float in [0, 1]. Share of examples whose label is not among
            the five largest logits.
    """

    stage: int
    macs: int
    parameters: int
    top1_error: float
    top5_error: float


@dataclasses.dataclass(frozen=True)
class AnytimeCurve:
    """Error against cost over the stages of one network.

    `print(curve)` shows it as a table.

    Args:
        points: Tuple of K `CurvePoint`, the first stage first.
        classes: Integer. Number of classes.
        examples: Integer. Examples measured on.
        name: String. The network's name; with label sets, and which of them
            was measured.
    """

    points: tuple[CurvePoint, ...]
    classes: int
    examples: int
    name: str = "anytime network"

    @property
    def average_error(self):
        """AE: the mean of the stages' top-1 errors (Hu 2017, Section 4.1)."""
        errors = [point.top1_error for point in self.points]
        return sum(errors) / len(errors)

    def fits(self, costs, classes):
        """Returns whether it can have been measured on a network.

        Args:
            costs: List of the network's `StageCost`.
            classes: Integer, the network's number of classes; of several
                label sets, those of the one in question.
        """
        macs = [point.macs for point in self.points]
        return self.classes == classes and macs == [c.macs for c in costs]

    def error_at(self, share):
        """Returns the top-1 error when a share of the whole cost is spent.

        Args:
            share: Float in [0, 1], of the multiply-adds of the last stage.

        Returns:
            Float: the error of the last stage whose cost is within that
            share, or of a random guess where none is.

        Raises:
            ValueError: If `share` is outside [0, 1].

        Reference:
            [Hu et al., 2017, Section 4.1](https://arxiv.org/abs/1708.06832v1)
        """
        if not 0 <= share <= 1:
            raise ValueError(
                f"`share` must be in [0, 1]. Received: share={share}"
            )
        budget = share * self.points[-1].macs
        error = 1 - 1 / self.classes
        for point in self.points:
            if point.macs <= budget:
                error = point.top1_error
        return error

    @property
    def milestones(self):
        """Dict from 1/4, 1/2, 3/4 and 1 to the error at that share."""
        return {share: self.error_at(share) for share in (0.25, 0.5, 0.75, 1)}

    def __str__(self):
        lines = [
            f"{self.name}: {self.examples} examples, {self.classes} classes",
            f"{'stage':>5} {'MACs':>9} {'of all':>7} {'parameters':>11} "
            f"{'top-1 error':>12} {'top-5 error':>12}",
        ]
        for point in self.points:
            lines.append(
                f"{point.stage:>5} {_short(point.macs):>9} "
                f"{point.macs / self.points[-1].macs:>7.0%} "
                f"{point.parameters:>11,} {point.top1_error:>12.2%} "
                f"{point.top5_error:>12.2%}"
            )
        shares = "  ".join(
            f"at {label} {error:.2%}"
            for label, error in zip(
                ("1/4", "1/2", "3/4", "1"),
                self.milestones.values(),
                strict=True,
            )
        )
        lines.append(f"average error {self.average_error:.2%}")
        lines.append(f"error by share of the cost: {shares}")
        return "\n".join(lines)

    def to_dict(self):
        """Returns the curve as a dict of plain values, for JSON."""
        return {
            **dataclasses.asdict(self),
            "average_error": self.average_error,
            "milestones": {
                str(share): error for share, error in self.milestones.items()
            },
        }

    def to_json(self, path):
        """Writes the curve to a JSON file.

        Args:
            path: String or path. A file there is replaced at once.
        """
        write_json(path, self.to_dict())

    def to_csv(self, path):
        """Writes one line per stage to a CSV file.

        Args:
            path: String or path. A file there is replaced at once.
        """
        write_csv(path, [dataclasses.asdict(point) for point in self.points])

    def plot(self, path):
        """Draws top-1 error against multiply-adds.

        Args:
            path: String or path that ends in `.png` or `.svg`. A file there
                is replaced at once.

        Raises:
            ValueError: If the path ends in anything else.
            ImportError: If Matplotlib is missing; the `plot` extra brings it.
        """
        from keras_anytime.evaluation.plots import plot_curve

        plot_curve(self, path)


def anytime_curve(model, data, batch_size=128, label_set=None):
    """Measures every stage of a model in one pass over the data.

    Costs are those of each stage's subnetwork alone, as in the papers; of an
    ensemble, of all that runs before its answer. See `stage_costs`.

    Args:
        model: An `AnytimeModel`.
        data: A `tf.data.Dataset` of batches of (images, integer labels), or a
            pair of arrays. Labels of a hierarchical network are a dict from
            label sets to integer labels.
        batch_size: Integer. Images per batch where `data` is arrays.
        label_set: String. Which labels of a hierarchical network to measure;
            `None` for any other.

    Returns:
        An `AnytimeCurve`.

    Raises:
        ValueError: If there is no data, labels are not integers among the
            classes, or `label_set` is none of the network's.
    """
    sets = model.label_sets
    if not sets and label_set is not None:
        raise ValueError(
            "The network has one set of labels: leave `label_set` out. "
            f"Received: label_set={label_set!r}"
        )
    if sets and label_set not in sets:
        raise ValueError(
            f"`label_set` must be one of {sets}, the label sets of this "
            f"network. Received: label_set={label_set!r}"
        )
    index = sets.index(label_set) if sets else 0
    heads = slice(index, None, len(sets) or 1)
    classes = model.outputs[index].shape[-1]
    wrong = np.zeros((2, model.num_stages), "int64")
    examples = 0
    for images, labels in _batches(data, batch_size, label_set):
        labels = np.asarray(labels)
        _check_labels(labels, len(images), classes)
        labels = labels.reshape(-1)
        outputs = keras.tree.flatten(model.predict_on_batch(images))[heads]
        for stage, logits in enumerate(outputs):
            before = _classes_before(np.asarray(logits), labels)
            wrong[0, stage] += np.sum(before >= 1)
            wrong[1, stage] += np.sum(before >= 5)
        examples += len(labels)
    if not examples:
        raise ValueError("There is nothing to measure. Received: empty `data`")
    return AnytimeCurve(
        points=tuple(
            CurvePoint(
                cost.stage,
                cost.macs,
                cost.parameters,
                float(top1 / examples),
                float(top5 / examples),
            )
            for cost, top1, top5 in zip(stage_costs(model), *wrong, strict=True)
        ),
        classes=classes,
        examples=examples,
        name=f"{model.name}, {label_set} labels" if sets else model.name,
    )


def _classes_before(logits, labels):
    """Returns how many classes stand before each label.

    Ties count against the network, and so does a logit that is not a number,
    so that a broken stage is not taken for a good one.
    """
    own = np.take_along_axis(logits, labels[:, None], axis=1)
    return np.sum(~(logits < own), axis=1) - 1


def _batches(data, batch_size, label_set):
    if not isinstance(data, (tuple, list)):
        for images, labels, *_ in data:
            yield images, _chosen(labels, label_set)
        return
    images, labels = data
    labels = _chosen(labels, label_set)
    for start in range(0, len(labels), batch_size):
        stop = start + batch_size
        yield images[start:stop], labels[start:stop]


def _chosen(labels, label_set):
    if label_set is None:
        if isinstance(labels, Mapping):
            raise ValueError(
                "The network has one set of labels. "
                f"Received: labels as a dict of {sorted(labels)}"
            )
        return labels
    if not isinstance(labels, Mapping) or label_set not in labels:
        raise ValueError(
            "The data must give labels as a dict from label sets to labels. "
            f"Received: label_set={label_set!r} and labels that are no dict "
            "or lack it"
        )
    return labels[label_set]


def _check_labels(labels, count, classes):
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


def _short(number):
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= size:
            return f"{number / size:.2f} {unit}"
    return str(number)
