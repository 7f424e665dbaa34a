"""Segmentation: the choice of one class at each position."""

import math
from typing import Any

import numpy as np

from keras_anytime.tasks.base import Task
from keras_anytime.tasks.base import check_classes
from keras_anytime.tasks.base import check_size
from keras_anytime.tasks.base import fits
from keras_anytime.tasks.base import means_per_example
from keras_anytime.tasks.classification import CLASS_LOSSES


class Segmentation(Task):
    """One class at each position, from logits `(batch, ..., classes)`.

    The positions are the pixels of an image `(batch, height, width)`, or the
    places of a series `(batch, steps)`. Labels are integers of the positions'
    shape, with or without a last axis of 1. An example's error is the share of
    positions whose largest logit is not that of the label, its confidence the
    mean over positions of the largest softmax probability. `overlaps` gives
    the numbers from which the mean intersection over union (mIoU) is computed.

    Args:
        classes: Integer of 2 or more.
        ignore_class: Integer, the label of positions that do not count (as
            `ignore_class` of `keras.losses.SparseCategoricalCrossentropy`), or
            `None`.

    Raises:
        ValueError: If an argument is no such integer.
    """

    name = "segmentation"
    error_name = "pixel error"
    losses = CLASS_LOSSES
    _ranks = (3, math.inf)
    _axes = "batch, height, width"

    def __init__(self, classes: int, ignore_class: int | None = None) -> None:
        self.classes = check_size("classes", classes, minimum=2)
        if ignore_class is not None and not isinstance(ignore_class, int):
            raise ValueError(
                "`ignore_class` must be an integer or None. "
                f"Received: ignore_class={ignore_class!r}"
            )
        self.ignore_class = ignore_class

    @property
    def size(self) -> int:
        return self.classes

    @property
    def answers(self) -> str:
        return f"{self.classes} classes at each position"

    def _check_labels(
        self, labels: np.ndarray, shape: tuple, argument: str
    ) -> None:
        positions = tuple(shape[1:-1])
        allowed = [positions, (*positions, 1)]
        if not any(fits(labels.shape[1:], sizes) for sizes in allowed):
            raise ValueError(
                "Labels must be one integer per position, of shape "
                f"{(shape[0], *positions)}. "
                f"Received: {argument} of shape {labels.shape}"
            )
        counted = labels[self._counts(labels)]
        check_classes(counted, self.classes, argument, per="position")

    def errors(self, outputs: np.ndarray, labels: np.ndarray) -> np.ndarray:
        outputs = np.asarray(outputs)
        labels = np.asarray(labels).reshape(outputs.shape[:-1])
        counts = self._counts(labels)
        index = np.where(counts, labels, 0)[..., None]
        of_label = np.take_along_axis(outputs, index, axis=-1)
        # NaN is no smaller than any number: an answer with it is wrong.
        wrong = np.sum(~(outputs < of_label), axis=-1) > 1
        # An example without positions that count has no error.
        shares = means_per_example(counts)
        return means_per_example(wrong & counts) / np.where(shares, shares, 1)

    def overlaps(
        self, outputs: np.ndarray, labels: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Returns the intersections and unions of answers and labels.

        The mIoU of a data set is the mean over classes of the sum of
        intersections divided by the sum of unions, as in
        `keras.metrics.MeanIoU`. Classes without a union are left out.

        Args:
            outputs: Float array `(examples, ..., classes)`.
            labels: Integer array of the positions' shape.

        Returns:
            Pair of integer arrays `(examples, classes)`: the numbers of
            positions where both have the class, and where either has it.
        """
        outputs = np.asarray(outputs)
        count = len(outputs)
        answers = outputs.argmax(axis=-1).reshape(count, -1)
        labels = np.asarray(labels).reshape(count, -1)
        counts = self._counts(labels)
        both = np.empty((count, self.classes), "int64")
        either = np.empty_like(both)
        for index in range(self.classes):
            answered = (answers == index) & counts
            labeled = (labels == index) & counts
            both[:, index] = np.sum(answered & labeled, axis=1)
            either[:, index] = np.sum(answered | labeled, axis=1)
        return both, either

    def guess_error(self, labels: np.ndarray) -> float:
        return 1 - 1 / self.classes

    def get_config(self) -> dict[str, Any]:
        return {"classes": self.classes, "ignore_class": self.ignore_class}

    def _counts(self, labels: np.ndarray) -> np.ndarray:
        """Returns a boolean array, true where a position counts."""
        if self.ignore_class is None:
            return np.ones(labels.shape, bool)
        return labels != self.ignore_class
