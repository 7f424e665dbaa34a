"""The losses of outputs and of stages on one batch."""

from collections.abc import Sequence
from typing import Any

from keras import ops

from keras_anytime.backend.types import Tensor
from keras_anytime.stages import outputs as outputs_lib
from keras_anytime.training.losses import Losses
from keras_anytime.training.losses import losses_by_set
from keras_anytime.training.sample_weights import weight_of_values


def output_losses(
    loss: Losses,
    y: Any,
    outputs: Sequence[Tensor],
    names: Sequence[str],
    sample_weight: Any = None,
) -> list[Tensor]:
    """Returns the loss of each output.

    Args:
        loss: A `keras.losses.Loss`, or a dict from label sets to them.
        y: Targets of all stages; for several label sets a dict from label sets
            to targets.
        outputs: List of every output, logits `(batch, ..., classes)`.
        names: List of the outputs' names.
        sample_weight: Tensor `(batch,)` for all outputs, or a structure of
            such tensors; see `stages.outputs.sample_weights`. Outputs at
            several positions take `(batch, ...)` too, a weight per position.

    Returns:
        List of scalar tensors, one for each output.

    Raises:
        ValueError: If `y` does not hold exactly the label sets, or weights do
            not match the outputs.
    """
    sets = outputs_lib.label_sets(names)
    num_stages = len(outputs) // (len(sets) or 1)
    return [
        of_labels(
            target, output, weight_of_values(of_labels, target, output, weight)
        )
        for of_labels, target, output, weight in zip(
            losses_by_set(loss, sets) * num_stages,
            outputs_lib.targets(y, sets) * num_stages,
            outputs,
            outputs_lib.sample_weights(sample_weight, names),
            strict=True,
        )
    ]


def summed_over_sets(
    losses: Sequence[Tensor], names: Sequence[str]
) -> list[Tensor]:
    """Returns each stage's loss: the sum over the label sets, if any.

    Args:
        losses: Sequence of scalar tensors, one for each output.
        names: List of the outputs' names.

    Returns:
        List of K scalar tensors.

    Reference:
        [Lee and Shin, 2018, Eq. 2](https://arxiv.org/abs/1807.02609)
    """
    size = len(outputs_lib.label_sets(names)) or 1
    return [
        sum(losses[start + 1 : start + size], losses[start])
        for start in range(0, len(losses), size)
    ]


def stage_losses(
    loss: Losses,
    y: Any,
    outputs: Sequence[Tensor],
    names: Sequence[str],
    sample_weight: Any = None,
) -> list[Tensor]:
    """Returns each stage's loss; see `output_losses` and `summed_over_sets`.

    Args:
        loss: As of `output_losses`.
        y: As of `output_losses`.
        outputs: As of `output_losses`.
        names: As of `output_losses`.
        sample_weight: As of `output_losses`.

    Returns:
        List of K scalar tensors.
    """
    losses = output_losses(loss, y, outputs, names, sample_weight)
    return summed_over_sets(losses, names)


def batch_size(outputs: Sequence[Tensor]) -> Tensor:
    """Returns the number of examples of a batch, a float32 scalar.

    Args:
        outputs: Sequence of tensors `(batch, ...)`.
    """
    return ops.cast(ops.shape(outputs[0])[0], "float32")
