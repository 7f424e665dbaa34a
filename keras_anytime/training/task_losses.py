"""The losses of tasks: one for each, as the user gives them."""

import math
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from keras_anytime.backend.base import BatchLosses
from keras_anytime.backend.types import Tensor
from keras_anytime.training.losses import LossFunction
from keras_anytime.training.losses import reduction_of
from keras_anytime.training.missing import filled
from keras_anytime.training.missing import present
from keras_anytime.training.missing import weights_of_present
from keras_anytime.training.output_losses import batch_size
from keras_anytime.training.sample_weights import weight_of_values


def losses_by_task(
    loss: Any, names: Sequence[str]
) -> dict[str, keras.losses.Loss]:
    """Returns the loss of each task.

    Args:
        loss: A `keras.losses.Loss`, a loss function, or a name, for all tasks;
            or a dict from tasks to them. They mean what they mean in Keras.
        names: Sequence of the tasks' names.

    Returns:
        Dict from tasks to losses.

    Raises:
        ValueError: If a task has no loss, or a loss does not reduce the
            examples to one number.
    """
    if loss is None or isinstance(loss, (list, tuple)):
        raise ValueError(
            f"`loss` must be one Keras loss, or a dict from {list(names)} to "
            f"losses. Received: loss={loss}"
        )
    if not isinstance(loss, Mapping):
        loss = dict.fromkeys(names, loss)
    if set(loss) != set(names) or None in loss.values():
        raise ValueError(
            f"Each task needs a loss: give a dict from {list(names)} to "
            f"losses. Received: loss={dict(loss)}"
        )
    return {name: _task_loss(loss[name]) for name in names}


def loss_factors(
    loss_weights: Any, names: Sequence[str]
) -> dict[str, float] | None:
    """Returns the constant factors of the losses.

    Args:
        loss_weights: Dict from tasks to numbers, or `None`.
        names: Sequence of the tasks' names.

    Returns:
        Dict from tasks to floats, or `None`.

    Raises:
        ValueError: If it is no such dict, or a number is negative or not
            finite.
    """
    if loss_weights is None:
        return None
    if (
        not isinstance(loss_weights, Mapping)
        or set(loss_weights) != set(names)
        or not all(map(_is_factor, loss_weights.values()))
    ):
        raise ValueError(
            f"`loss_weights` must be a dict from {list(names)} to numbers of 0 "
            f"or more. Received: loss_weights={loss_weights}"
        )
    return {name: float(loss_weights[name]) for name in names}


def task_losses(
    losses: Mapping[str, keras.losses.Loss],
    targets: Mapping[str, Any],
    outputs: Mapping[str, Tensor],
    weights: Mapping[str, Any],
    missing: Mapping[str, float],
    factors: Mapping[str, float] | None = None,
) -> BatchLosses:
    """Returns the losses of the tasks on a batch.

    Args:
        losses: Dict from tasks to losses; its order is that of the result.
        targets: Dict from tasks to labels.
        outputs: Dict from tasks to tensors `(batch, ..., size)`.
        weights: Dict from tasks to sample weights or `None`.
        missing: Dict from some tasks to the mark of a missing label. An
            example without a label does not count in the loss of the task.
        factors: Dict from tasks to the factors of the losses to train with, or
            `None`.

    Returns:
        The `BatchLosses`.
    """
    size = batch_size(list(outputs.values()))
    values, counts = [], []
    for name, loss in losses.items():
        target, weight, count = targets[name], weights[name], size
        if name in missing:
            has_label = present(target, missing[name])
            target = filled(target, has_label)
            weight = weights_of_present(has_label, weight)
            count = ops.sum(ops.cast(has_label, size.dtype))
        output = outputs[name]
        weight = weight_of_values(loss, target, output, weight)
        value = loss(target, output, weight)
        if name in missing and reduction_of(loss) == "sum_over_batch_size":
            # Keras has divided the sum by the size of the whole batch.
            ratio = size / ops.maximum(count, 1)
            value = value * ops.cast(ratio, value.dtype)
        values.append(value)
        counts.append(count)
    trained = values
    if factors is not None:
        trained = [
            value * factors[name]
            for name, value in zip(losses, values, strict=True)
        ]
    are_means = [reduction_of(loss) != "sum" for loss in losses.values()]
    return BatchLosses(trained, values, counts, are_means)


@keras.saving.register_keras_serializable(package="keras_anytime")
class TaskLossFunction(LossFunction):
    """A loss function that is called as Keras calls it.

    Labels `(batch,)` of outputs `(batch, 1)` get the outputs' shape, or a
    function that does not expect them would compare each with all.

    Args:
        function: Callable from targets and outputs to a loss per example.
    """

    def __init__(self, function: Any) -> None:
        super().__init__(function)
        self.from_logits = False

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        extra = len(y_true.shape) - len(y_pred.shape)
        if extra == -1 and y_pred.shape[-1] == 1:
            y_true = ops.expand_dims(y_true, -1)
        elif extra == 1 and y_true.shape[-1] == 1:
            y_true = ops.squeeze(y_true, -1)
        return super().call(y_true, y_pred)


def _task_loss(argument):
    """Returns a loss from a loss, a function or a name."""
    loss = keras.losses.get(argument)
    if not isinstance(loss, keras.losses.Loss):
        return TaskLossFunction(loss)
    if loss.reduction in (None, "none"):
        raise ValueError(
            "A loss must reduce all examples to one number. "
            f"Received: loss={argument} with reduction={loss.reduction!r}"
        )
    return loss


def _is_factor(value):
    try:
        return 0 <= float(value) < math.inf
    except (TypeError, ValueError):
        return False
