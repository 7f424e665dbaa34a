"""Operations on gradients as lists, with one entry per variable.

The entry of a variable that a stage does not own is `None`.
"""

from collections.abc import Callable

import keras
from keras import ops

from keras_anytime.backend.types import Gradient
from keras_anytime.backend.types import Tensor


def owned_by_losses(model: keras.Model) -> list[set[int]]:
    """Returns the variables of the subgraph of each loss.

    Args:
        model: An `AnytimeModel` or `MultitaskModel`.

    Returns:
        List of K sets of the variables' `id`s.
    """
    return [
        {id(variable) for variable in model.loss_variables(index)}
        for index in range(len(model.loss_names))
    ]


def left_out(
    gradients: list[Gradient], present: list[Tensor]
) -> list[Gradient]:
    """Makes gradients NaN where a loss has no example in the batch.

    Combiners leave out a gradient that is not finite, as if there were no such
    loss. One of zeros would count as a loss that cannot be improved.

    Args:
        gradients: K lists of V tensors or `None`.
        present: List of K booleans, scalar tensors.

    Returns:
        K lists of V tensors or `None`.
    """
    return [
        [
            None
            if values is None
            else ops.where(is_present, values, float("nan"))
            for values in gradient
        ]
        for gradient, is_present in zip(gradients, present, strict=True)
    ]


def at_first_owners(
    gradient: Gradient, owned: list[set[int]], variables: list[keras.Variable]
) -> list[Gradient]:
    """Splits a gradient into stage gradients whose sum it is.

    The gradient of a variable goes to the first stage that owns it.

    Args:
        gradient: List of V tensors or `None`.
        owned: List of K sets of `id`s, from `owned_by_losses`.
        variables: List of V variables.

    Returns:
        K lists of V tensors or `None`.
    """
    left = {
        id(variable): values
        for variable, values in zip(variables, gradient, strict=True)
    }
    return [
        [
            left.pop(id(variable), None) if id(variable) in own else None
            for variable in variables
        ]
        for own in owned
    ]


def choose(
    condition: Tensor,
    true_fn: Callable[[], list[Gradient]],
    false_fn: Callable[[], list[Gradient]],
    owned: list[set[int]],
    variables: list[keras.Variable],
) -> list[Gradient]:
    """Runs one of two functions that give stage gradients, as `ops.cond` does.

    Both branches of a condition must return the same structure. So a variable
    that a stage owns has zeros where it has no gradient.

    Args:
        condition: Boolean tensor.
        true_fn: Function that returns K lists of V tensors or `None`.
        false_fn: Function that returns the same.
        owned: List of K sets of `id`s, from `owned_by_losses`.
        variables: List of V variables.

    Returns:
        K lists of V tensors, `None` where a stage does not own the variable.
    """

    def of_owned(function):
        return lambda: [
            ops.zeros_like(variable.value) if values is None else values
            for own, gradient in zip(owned, function(), strict=True)
            for variable, values in zip(variables, gradient, strict=True)
            if id(variable) in own
        ]

    chosen = iter(ops.cond(condition, of_owned(true_fn), of_owned(false_fn)))
    return [
        [
            next(chosen) if id(variable) in own else None
            for variable in variables
        ]
        for own in owned
    ]


def penalty(losses: list[Tensor], dtype: str) -> Tensor:
    """Returns the sum of the regularizers' losses.

    Args:
        losses: List of scalars.
        dtype: String, the dtype of the sum.

    Returns:
        Scalar tensor.
    """
    return sum((ops.cast(loss, dtype) for loss in losses), ops.zeros((), dtype))


def added(left: Gradient, right: Gradient) -> Gradient:
    """Returns the sum of two gradients.

    Args:
        left: List of V tensors or `None`.
        right: List of V tensors or `None`.

    Returns:
        List of V tensors; `None` where both have none.
    """
    return [
        a if b is None else b if a is None else a + b
        for a, b in zip(left, right, strict=True)
    ]


def with_overflow(
    gradient: Gradient,
    stage_gradients: list[Gradient],
    optimizer: keras.optimizers.Optimizer,
    present: list[Tensor] | None = None,
) -> Gradient:
    """Shows an overflow in any stage gradient to a loss-scaling optimizer.

    The optimizer then skips the training step and lowers its scale. A combiner
    leaves out a stage whose gradient is not finite, so that without this the
    scale would stay too high for that stage.

    Args:
        gradient: List of V tensors or `None`, the combined gradient.
        stage_gradients: K lists of V tensors or `None`.
        optimizer: The optimizer that the gradient is for.
        present: List of K booleans, scalar tensors, which are False for the
            gradients that `left_out` made NaN; or `None`.

    Returns:
        The gradient, which is not finite if a stage gradient is not.
    """
    if not isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
        return gradient
    # 0, or NaN if a stage gradient is not finite.
    probe: Tensor = 0
    for index, stage_gradient in enumerate(stage_gradients):
        of_stage = sum(
            0 * ops.sum(values)
            for values in stage_gradient
            if values is not None
        )
        if present is not None:
            of_stage = ops.where(present[index], of_stage, 0)
        probe = probe + of_stage
    return [None if values is None else values + probe for values in gradient]
