"""Labels that some examples lack, and losses that some batches lack."""

import math
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_anytime.backend.types import Tensor
from keras_anytime.training.sample_weights import per_position
from keras_anytime.training_state import TrainingState


def missing_by_task(
    missing: Any, names: Sequence[str]
) -> dict[str, float | int]:
    """Returns the value that marks a missing label, by task.

    Args:
        missing: A number for all tasks, a dict from tasks to numbers, or
            `None`.
        names: Sequence of the tasks' names.

    Returns:
        Dict from those tasks whose labels may be missing to numbers.

    Raises:
        ValueError: If a value is no number, or a task is unknown.
    """
    if missing is None:
        return {}
    if not isinstance(missing, Mapping):
        missing = dict.fromkeys(names, missing)
    unknown = sorted(map(str, set(missing) - set(names)))
    numbers = (int, float, np.integer, np.floating)
    wrong = [
        value
        for value in missing.values()
        if isinstance(value, bool) or not isinstance(value, numbers)
    ]
    if unknown or wrong:
        raise ValueError(
            "`missing` must be the number that marks a missing label, such as "
            f"-1 or NaN, or a dict from some of {list(names)} to such numbers. "
            f"Received: missing={missing}"
        )
    return {
        name: int(value)
        if isinstance(value, (int, np.integer))
        else float(value)
        for name, value in missing.items()
    }


def present_labels(labels: np.ndarray, missing: float) -> np.ndarray:
    """Returns which examples have a label, as `present` does.

    Args:
        labels: NumPy array of labels, the axis of the examples first.
        missing: Number, the mark of a missing label.

    Returns:
        Boolean array `(examples,)`.
    """
    if not _can_hold(labels.dtype.name, missing):
        return np.ones(len(labels), bool)
    marked = (
        np.isnan(labels)
        if math.isnan(missing)
        else labels == np.asarray(missing).astype(labels.dtype)
    )
    return ~marked.reshape(len(labels), -1).all(axis=1)


def present(labels: Tensor, missing: float) -> Tensor:
    """Returns which examples of a batch have a label.

    An example has none if all values of its label are the mark.

    Args:
        labels: Tensor of labels `(batch, ...)`.
        missing: Number, the mark of a missing label.

    Returns:
        Boolean tensor `(batch,)`.
    """
    labels = ops.convert_to_tensor(labels)
    dtype = keras.backend.standardize_dtype(labels.dtype)
    if not _can_hold(dtype, missing):
        return ops.ones(ops.shape(labels)[:1], "bool")
    found = (
        ops.logical_not(ops.isnan(labels))
        if math.isnan(missing)
        else ops.not_equal(labels, ops.cast(missing, dtype))
    )
    axes = tuple(range(1, len(labels.shape)))
    return ops.any(found, axis=axes) if axes else found


def filled(labels: Tensor, has_label: Tensor) -> Tensor:
    """Returns labels with zeros where an example has none.

    Losses and metrics are finite for zeros, and count them with a weight of 0.

    Args:
        labels: Tensor of labels `(batch, ...)`.
        has_label: Boolean tensor `(batch,)`.
    """
    labels = ops.convert_to_tensor(labels)
    return ops.where(
        per_position(has_label, labels), labels, ops.zeros_like(labels)
    )


def weights_of_present(has_label: Tensor, weight: Any = None) -> Tensor:
    """Returns sample weights that are 0 where an example has no label.

    Args:
        has_label: Boolean tensor `(batch,)`.
        weight: Sample weights `(batch, ...)`, or one for all, or `None`.

    Returns:
        Float tensor `(batch, ...)`.
    """
    mask = ops.cast(has_label, "float32")
    if weight is None:
        return mask
    weight = ops.convert_to_tensor(weight)
    if not weight.shape:
        return mask * ops.cast(weight, mask.dtype)
    mask = ops.cast(per_position(mask, weight), weight.dtype)
    # A weight that is not finite may stand beside a missing label.
    return ops.where(mask > 0, weight, ops.zeros_like(weight))


class LastLosses(TrainingState):
    """The losses of the last batches that had examples of them.

    Weightings see them in place of the loss of a batch without examples, which
    is 0: no loss has fallen so far. Before the first batch with examples, the
    mean of the other losses stands in.

    Attributes:
        losses_seen: Float variable `(K,)`.
        seen: Float variable `(K,)`, 1 where a loss has been seen.
    """

    def build(self, input_shape: tuple[int, ...]) -> None:
        super().build(input_shape)
        self.losses_seen = self.add_weight(
            name="losses", shape=input_shape, initializer="zeros"
        )
        self.seen = self.add_weight(
            name="seen", shape=input_shape, initializer="zeros"
        )

    def update(self, losses: Tensor, is_present: Tensor) -> Tensor:
        """Returns the losses of a batch, completed, and remembers them.

        Args:
            losses: Float tensor `(K,)`.
            is_present: Boolean tensor `(K,)`, whether the batch has examples.

        Returns:
            Float tensor `(K,)`.
        """
        losses = ops.cast(losses, "float32")
        known = ops.logical_and(is_present, ops.isfinite(losses))
        count = ops.maximum(ops.sum(ops.cast(known, "float32")), 1)
        mean = ops.sum(ops.where(known, losses, 0)) / count
        last = ops.where(self.seen.value > 0, self.losses_seen.value, mean)
        self.losses_seen.assign(
            ops.where(known, losses, self.losses_seen.value)
        )
        self.seen.assign(ops.where(known, 1.0, self.seen.value))
        return ops.where(is_present, losses, last)


def _can_hold(dtype: str, missing: float) -> bool:
    """Returns whether an array of this type can hold the mark."""
    if keras.backend.is_float_dtype(dtype):
        return True
    if dtype == "bool" or not float(missing).is_integer():
        return False
    limits = np.iinfo(dtype)
    return limits.min <= missing <= limits.max
