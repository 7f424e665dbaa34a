"""The losses of outputs that learn from outputs of other stages."""

from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from keras_anytime.backend.types import Tensor
from keras_anytime.distillation import Distillation
from keras_anytime.stages import outputs as outputs_lib
from keras_anytime.tasks import Task
from keras_anytime.training.losses import Losses
from keras_anytime.training.losses import losses_by_set
from keras_anytime.training.sample_weights import weight_of_values


def distilled_losses(
    distillation: Distillation,
    losses: Sequence[Tensor],
    outputs: Sequence[Tensor],
    *,
    loss: Losses,
    tasks: Mapping[str | None, Task],
    names: Sequence[str],
    sample_weight: Any = None,
) -> list[Tensor]:
    """Mixes the loss of each output with its divergence from its teacher.

    The divergence is reduced as the loss is, so that both have the same
    weights of examples, on one device and on several.

    Args:
        distillation: The `Distillation`.
        losses: Sequence of scalars, the loss of each output.
        outputs: Sequence of every output `(batch, ..., size)`.
        loss: The Keras losses that gave `losses`.
        tasks: Dict from label sets to tasks.
        names: List of the outputs' names.
        sample_weight: As of `output_losses`.

    Returns:
        List of scalars, one for each output.
    """
    weights = outputs_lib.sample_weights(sample_weight, names)
    of_sets = losses_by_set(loss, outputs_lib.label_sets(names))
    mixed = list(losses)
    for first, (task, of_labels) in enumerate(
        zip(tasks.values(), of_sets, strict=True)
    ):
        places = range(first, len(outputs), len(of_sets))
        teachers = distillation.detached_teachers(
            [outputs[place] for place in places]
        )
        divergence = _Divergence(distillation, task, of_labels)
        for place, teacher in zip(places, teachers, strict=True):
            if teacher is None:
                continue
            output = outputs[place]
            mean = divergence(
                teacher,
                output,
                weight_of_values(divergence, teacher, output, weights[place]),
            )
            share = distillation.weight
            mixed[place] = (1 - share) * losses[place] + share * ops.cast(
                mean, losses[place].dtype
            )
    return mixed


class _Divergence(keras.losses.Loss):
    """The divergence of outputs from their teachers as a Keras loss.

    Keras then reduces it over examples and replicas as it does other losses.

    Args:
        distillation: The `Distillation`.
        task: The `Task` of the outputs.
        loss: The Keras loss of the labels.
    """

    def __init__(
        self, distillation: Distillation, task: Task, loss: keras.losses.Loss
    ) -> None:
        super().__init__(
            name="divergence", reduction=loss.reduction, dtype=loss.dtype
        )
        self.distillation = distillation
        self.task = task

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        divergence = self.distillation.divergence(y_true, y_pred, self.task)
        if len(divergence.shape) != len(y_pred.shape) - 1:
            raise ValueError(
                f"`{type(self.distillation).__name__}.divergence` must return "
                "one number per example and position, without the last axis "
                f"of the outputs. Received: shape {tuple(divergence.shape)} "
                f"for outputs of shape {tuple(y_pred.shape)}"
            )
        return divergence
