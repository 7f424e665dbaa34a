"""Lists of gradients, one entry per variable, with gaps.

A stage's gradient is `None` where its subnetwork does not reach a variable.
Backends take gradients in their own ways; what is done with the lists is one.
"""

import keras
from keras import ops


def owned_by_stages(model):
    """Returns for each stage a set of the `id`s of its variables."""
    return [
        {id(variable) for variable in model.stage_variables(k)}
        for k in range(1, model.num_stages + 1)
    ]


def at_first_owners(gradient, owned, variables):
    """Returns stage gradients with a given sum, none of them computed.

    Args:
        gradient: List of V tensors or `None`.
        owned: What `owned_by_stages` returns.
        variables: List of V variables.

    Returns:
        K lists of V tensors or `None`.
    """
    left = {
        id(variable): one
        for variable, one in zip(variables, gradient, strict=True)
    }
    return [
        [
            left.pop(id(variable), None) if id(variable) in own else None
            for variable in variables
        ]
        for own in owned
    ]


def choose(condition, true_fn, false_fn, owned, variables):
    """`ops.cond` of functions that give stage gradients.

    Both branches must have the same gaps, so that a variable that a stage owns
    has zeros where it has no gradient.

    Args:
        condition: Boolean tensor.
        true_fn: Function that returns K lists of V tensors or `None`.
        false_fn: Likewise.
        owned: What `owned_by_stages` returns.
        variables: List of V variables.

    Returns:
        K lists of V tensors, `None` where a stage does not own the variable.
    """

    def of_owned(function):
        return lambda: [
            ops.zeros_like(variable.value) if one is None else one
            for own, stage in zip(owned, function(), strict=True)
            for variable, one in zip(variables, stage, strict=True)
            if id(variable) in own
        ]

    values = iter(ops.cond(condition, of_owned(true_fn), of_owned(false_fn)))
    return [
        [
            next(values) if id(variable) in own else None
            for variable in variables
        ]
        for own in owned
    ]


def penalty(losses, dtype):
    """Returns the sum of the regularizers' losses as a scalar of a dtype."""
    return sum((ops.cast(loss, dtype) for loss in losses), ops.zeros((), dtype))


def added(left, right):
    """Returns the sum of two lists of V tensors or `None`."""
    return [
        a if b is None else b if a is None else a + b
        for a, b in zip(left, right, strict=True)
    ]


def with_overflow(gradient, stage_gradients, optimizer):
    """Lets a loss-scaling optimizer see an overflow in any stage.

    It skips such a step and lowers its scale. Leaving the stage out instead,
    as a combiner does, would keep the scale too high for that stage for ever.

    Args:
        gradient: List of V tensors or `None`, the combined gradient.
        stage_gradients: K lists of V tensors or `None`.
        optimizer: The optimizer that `gradient` is for.

    Returns:
        `gradient`, not finite where a stage's is not.
    """
    if not isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
        return gradient
    probe = sum(
        0 * ops.sum(one)
        for stage in stage_gradients
        for one in stage
        if one is not None
    )
    return [one if one is None else one + probe for one in gradient]
