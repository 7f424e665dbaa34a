"""Small convex programs in the space of Gram matrices.

All are solved to rounding, inside the compiled training step, for any number of
stages. The iterations are those of an active-set method: they end after a
number of linear systems, which is seldom above 10 for up to 10 stages.
"""

from keras import ops

from keras_anytime.backend.types import Tensor
from keras_anytime.gradients import gram as gram_lib


def nonnegative_minimizer(
    matrix: Tensor, linear: Tensor, start: Tensor | None = None
) -> Tensor:
    """Returns the x of no negative entry that minimizes `x'Mx / 2 + q'x`.

    An active-set method in the manner of Lawson and Hanson's least squares: it
    solves for the entries that are free, goes to the solution or to the first
    entry that would turn negative, which is fixed at 0, and then frees the
    entries along which the objective falls. The objective falls at every move,
    so that any iterate is feasible. The scale of rows and columns makes no
    difference. Directions in which M is singular to rounding are kept finite by
    about 1e-12 of the diagonal.

    Args:
        matrix: Tensor `(K, K)`, M, symmetric without negative eigenvalues. An
            entry of x is 0 where the row is zero.
        linear: Tensor `(B, K)`, q of B problems.
        start: Tensor `(B, K)` without negative entries, near the solution, or
            `None`.

    Returns:
        Tensor `(B, K)`.

    Reference:
        Lawson and Hanson, 1974, Solving Least Squares Problems, Chapter 23
    """
    unit, scale = scaled_to_unit_diagonal(matrix)
    linear = linear * scale
    noise = 64 * gram_lib.machine_epsilon(matrix.dtype)
    identity = ops.eye(matrix.shape[0], dtype=matrix.dtype)
    if start is None:
        x = ops.zeros_like(linear)
        free = linear < 0
    else:
        x = ops.where(scale > 0, start / ops.where(scale > 0, scale, 1), 0)
        free = ops.logical_or(x > 0, linear < 0)

    def unfinished(x, free, done):
        return ops.logical_not(ops.all(done))

    def move(x, free, done):
        both = ops.logical_and(free[:, :, None], free[:, None, :])
        system = ops.where(both, unit, identity)
        wanted = ops.solve(system, ops.where(free, -linear, 0)[..., None])
        wanted = wanted[..., 0]
        negative = ops.logical_and(free, wanted <= 0)
        way = x - wanted
        moved = ops.logical_and(negative, way > 0)
        shares = ops.where(moved, x / ops.where(moved, way, 1), 1)
        shares = ops.where(ops.logical_and(negative, x == 0), 0, shares)
        share = ops.min(shares, axis=-1, keepdims=True)
        fixed = ops.logical_and(negative, shares <= share)
        arrived = ops.logical_not(ops.any(negative, axis=-1, keepdims=True))
        free = ops.logical_and(free, ops.logical_not(fixed))
        x = ops.where(free, ops.maximum(x - share * way, 0), 0)

        slopes = ops.matmul(x, unit) + linear
        terms = ops.matmul(x, ops.abs(unit)) + ops.abs(linear)
        falling = ops.logical_and(
            ops.logical_not(free), slopes < -noise * terms
        )
        done = ops.logical_and(arrived[:, 0], ~ops.any(falling, axis=-1))
        freed = ops.logical_and(arrived, falling)
        return x, ops.logical_or(free, freed), done

    x, _, _ = ops.while_loop(
        unfinished,
        move,
        (x, free, ops.zeros_like(linear[:, 0], dtype="bool")),
        maximum_iterations=4 * matrix.shape[0] + 16,
    )
    return x * scale


def scaled_to_unit_diagonal(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """Scales rows and columns so that the diagonal is 1.

    About 1e-12 is added to the diagonal, so that the matrix of parallel
    gradients can be inverted.

    Args:
        matrix: Tensor `(K, K)`, symmetric without negative eigenvalues.

    Returns:
        Pair of the scaled matrix, whose row is that of the identity where
        `matrix` has a row of zeros, and the factors `(K,)`, which are 0 there.
    """
    diagonal = ops.diagonal(matrix)
    used = diagonal > 0
    scale = ops.where(used, 1 / ops.sqrt(ops.where(used, diagonal, 1)), 0)
    floor = 4096 * gram_lib.machine_epsilon(matrix.dtype)
    identity = ops.eye(matrix.shape[0], dtype=matrix.dtype)
    unit = matrix * scale[:, None] * scale[None, :]
    return ops.where(identity > 0, 1 + floor, unit), scale


def dual_cone_weights(
    gram: Tensor, vectors: Tensor, reg_eps: float, norm_eps: float
) -> Tensor:
    """Projects combinations of gradients onto their dual cone.

    The dual cone holds the directions that have no negative inner product with
    any gradient. The projection of `Σ u_i g_i` is `Σ v_i g_i` with the v that
    minimizes `v'Gv` under `v >= u`.

    Args:
        gram: Finite tensor `(K, K)`, G.
        vectors: Tensor `(B, K)`, u of B projections, without negative entries.
        reg_eps: Float, the part of the trace that is added to the diagonal.
        norm_eps: Float. A smaller trace counts as 0.

    Returns:
        Tensor `(B, K)`, v.

    Reference:
        [Quinton and Rey, 2024, Proposition 1](
        https://arxiv.org/abs/2406.16232)
    """
    trace = ops.trace(gram)
    usable = ops.logical_and(trace > 0, trace >= norm_eps)
    gram = ops.where(usable, gram / ops.where(usable, trace, 1), 0)
    matrix = gram + reg_eps * ops.eye(gram.shape[0], dtype=gram.dtype)
    return vectors + nonnegative_minimizer(matrix, ops.matmul(vectors, matrix))


def min_norm_weights(gram: Tensor, finite: Tensor) -> Tensor:
    """Returns the convex combination of gradients that has the least norm.

    Args:
        gram: Finite tensor `(K, K)`.
        finite: Booleans `(K,)`, which gradients may be combined.

    Returns:
        Tensor `(K,)` of sum 1, or of zeros if no gradient may be combined.

    Reference:
        [Désidéri, 2012](https://doi.org/10.1016/j.crma.2012.03.014)
    """
    norms = ops.diagonal(gram)
    # A zero gradient is itself the combination of least norm.
    zero = ops.cast(ops.logical_and(finite, norms == 0), gram.dtype)
    some = ops.any(zero > 0)
    # x'Gx / 2 - Σ x_i is least at a multiple of the combination.
    ones = ops.cast(finite, gram.dtype)
    scaled = gram / ops.maximum(ops.max(norms), _least(gram.dtype))
    weights = nonnegative_minimizer(scaled, -ones[None])[0]
    weights = ops.where(some, zero, weights)
    return weights / ops.maximum(ops.sum(weights), _least(gram.dtype))


def conflict_averse_weights(
    gram: Tensor, mean: Tensor, finite: Tensor, c: float, norm_eps: float
) -> Tensor:
    """Returns the weights of CAGrad's update.

    The update d has the largest `min_i g_i'd` within the distance `c |g_0|` of
    the mean `g_0`. It is `g_0 + Σ v_i g_i`. For a given value m of the minimum,
    the least distance is reached with the v that minimizes
    `v'Gv / 2 + Σ v_i (g_i'g_0 - m)` under `v >= 0`. The distance is convex in
    m, and Newton's method finds the m of the distance `c |g_0|` from above.

    Args:
        gram: Finite tensor `(K, K)`, G.
        mean: Tensor `(K,)`, the weights of `g_0`, of sum 1 or all 0.
        finite: Booleans `(K,)`, which gradients count.
        c: Float above 0.
        norm_eps: Float. The weights are 0 if `Σ v_i g_i / Σ v_i` has a smaller
            norm, relative to the root of the trace of G.

    Returns:
        Tensor `(K,)`.

    Reference:
        [Liu et al., 2021, Algorithm 1](https://arxiv.org/abs/2110.14048)
    """
    trace = ops.trace(gram)
    gram = gram / ops.where(trace > 0, trace, 1)
    products = ops.matmul(gram, mean)
    square = ops.sum(mean * products)
    radius = c * ops.sqrt(ops.maximum(square, 0))
    # Each convex combination of gradients bounds the minimum from above.
    norms = ops.sqrt(ops.diagonal(gram))
    bounds = ops.where(finite, products + radius * norms, 1 + c)
    bound = ops.minimum(
        ops.min(bounds), square + radius * ops.sqrt(ops.maximum(square, 0))
    )
    precision = 4096 * gram_lib.machine_epsilon(gram.dtype)

    def solved(minimum, start):
        linear = ops.where(finite, products - minimum, 0)
        weights = nonnegative_minimizer(gram, linear[None], start[None])[0]
        moved = ops.sum(weights * ops.matmul(gram, weights))
        return weights, ops.sqrt(ops.maximum(moved, 0))

    def too_far(minimum, weights, distance):
        return distance > (1 + precision) * radius

    def closer(minimum, weights, distance):
        total = ops.sum(weights)
        minimum = minimum - (distance - radius) * distance / ops.maximum(
            total, _least(gram.dtype)
        )
        return minimum, *solved(minimum, weights)

    _, weights, distance = ops.while_loop(
        too_far,
        closer,
        (bound, *solved(bound, ops.zeros_like(mean))),
        maximum_iterations=40,
    )
    total = ops.sum(weights)
    # At a distance below the radius, no update makes the minimum positive.
    useful = ops.logical_and(
        distance > (1 - 1e-6) * radius, distance >= norm_eps * total
    )
    useful = ops.logical_and(useful, distance > 0)
    factor = radius / ops.where(useful, distance, 1)
    return ops.where(useful, mean + factor * weights, 0)


def _least(dtype):
    """Returns a number that divides without overflow, next to 0."""
    return 1e-300 if gram_lib.machine_epsilon(dtype) < 1e-10 else 1e-30
