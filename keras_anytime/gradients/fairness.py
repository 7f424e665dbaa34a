"""The mathematics of fair updates: G x = x^(-p)."""

import math

from keras import ops

from keras_anytime.backend.types import Tensor
from keras_anytime.gradients import gram as gram_lib
from keras_anytime.gradients.quadratic import scaled_to_unit_diagonal


def fair_weights(gram: Tensor, power: float) -> Tensor:
    """Returns the positive x of `G x = x^(-p)`, entry by entry.

    It minimizes the convex function `x'Gx / 2 - Σ ∫ x_i^(-p)`. Newton's method
    gets there from everywhere: a step is shortened to the length up to which
    the curvature, which changes with `x^(-p - 1)`, cannot turn it uphill. About
    1e-12 of the diagonal is added to G. Without it there is no solution if
    gradients are opposed.

    Args:
        gram: Finite tensor `(K, K)`, G.
        power: Float p above 0.

    Returns:
        Tensor `(K,)`, 0 where a gradient is zero.
    """
    unit, scale = scaled_to_unit_diagonal(gram)
    used = scale > 0
    norms = ops.where(used, 1 / ops.where(used, scale, 1), 1)
    largest = ops.max(ops.where(used, norms, 0))
    largest = ops.where(largest > 0, largest, 1)
    # With z_i = |g_i| x_i: unit z = h z^(-p).
    h = ops.where(used, (norms / largest) ** (power - 1), 1)
    # Newton squares the change: after the last step, it is at rounding.
    precision = 64 * math.sqrt(gram_lib.machine_epsilon(gram.dtype))

    def unfinished(z, change, last):
        # Near the solution, a change that does not halve is rounding.
        falls = ops.logical_or(change > 0.1, change < last / 2)
        return ops.logical_and(change > precision, falls)

    def move(z, before, last):
        pull = h * z ** (-power)
        # In the unknowns dz / z, so that entries of any size count alike.
        curved = z[:, None] * unit * z[None, :]
        curved = curved + power * ops.diag(z * pull)
        unit_diagonal, factors = scaled_to_unit_diagonal(curved)
        right = z * (pull - ops.matmul(unit, z))
        step = (
            factors * ops.solve(unit_diagonal, (factors * right)[:, None])[:, 0]
        )
        change = ops.max(ops.abs(step))
        change = ops.where(ops.isfinite(change), change, 0)
        length = ops.where(
            change > 1e-6,
            (1 - (1 + power * change) ** (-1 / power))
            / ops.where(change > 0, change, 1),
            1,
        )
        moved = z * (1 + length * step)
        return ops.where(change > 0, moved, z), change, before

    start = h ** (1 / (1 + power))
    # The best multiple of it.
    factor = ops.sum(h * start ** (1 - power)) / ops.maximum(
        ops.sum(start * ops.matmul(unit, start)), precision * ops.sum(start**2)
    )
    first = ops.ones_like(factor)
    z, _, _ = ops.while_loop(
        unfinished,
        move,
        (start * factor ** (1 / (1 + power)), first, first),
        maximum_iterations=60,
    )
    scaled = largest ** ((power - 1) / (1 + power)) * z
    return ops.where(used, scaled * scale, 0)
