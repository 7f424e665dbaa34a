"""Sample weights in the shapes that losses and metrics take."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from keras_anytime.backend.types import Tensor


def weight_of_values(
    loss: keras.losses.Loss, target: Tensor, output: Tensor, weight: Any
) -> Any:
    """Returns sample weights in the shape of the values that a loss reduces.

    Keras would align the weights of examples with the last axis of the values.

    Args:
        loss: A `keras.losses.Loss`.
        target: The targets of the output.
        output: Tensor `(batch, ..., classes)`.
        weight: Sample weights `(batch,)` or one per position, or `None`.

    Raises:
        ValueError: If weights have another shape.
    """
    shape: Any = getattr(weight, "shape", ())
    if weight is None or getattr(shape, "rank", 0) is None:
        return weight
    rank = len(output.shape)
    if len(shape) not in (0, 1, rank - 1) and not (
        len(shape) == rank and shape[-1] == 1
    ):
        wanted = "one weight per image"
        if rank > 2:
            wanted += " or one per position"
        raise ValueError(
            f"Each output takes {wanted}; several outputs take a list or a "
            "dict of such weights. "
            f"Received: sample_weight of shape {tuple(shape)}"
        )
    if rank == 2 or len(shape) != 1:
        return weight
    # A user's loss may give one value per example where Keras' give one per
    # position. Compiled programs compute these values once.
    values = loss.call(
        ops.convert_to_tensor(target, dtype=loss.dtype),
        ops.convert_to_tensor(output, dtype=loss.dtype),
    )
    return per_position(weight, values)


def weights_of_metrics(
    weights: Sequence[Any], outputs: Sequence[Tensor]
) -> list[Any]:
    """Returns the sample weights of outputs in the shape that metrics take.

    Some of Keras' metrics take weights of all positions only.

    Args:
        weights: Sequence of weights, one entry per output; may be `None`.
        outputs: Sequence of tensors `(batch, ..., classes)`.

    Returns:
        List of one entry per output.
    """
    return [
        per_position(weight, output[..., 0])
        if len(output.shape) > 2 and len(getattr(weight, "shape", ())) == 1
        else weight
        for weight, output in zip(weights, outputs, strict=True)
    ]


def per_position(weight: Tensor, values: Tensor) -> Tensor:
    """Returns weights of examples, repeated at all positions.

    Args:
        weight: Tensor `(batch,)`.
        values: Tensor `(batch, ...)`.

    Returns:
        Tensor of the shape of `values`.
    """
    weight = ops.convert_to_tensor(weight)
    for _ in values.shape[1:]:
        weight = ops.expand_dims(weight, -1)
    return ops.broadcast_to(weight, ops.shape(values))
