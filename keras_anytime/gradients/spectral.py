"""Combinations of gradients from the eigenvalues of their Gram matrix."""

from keras import ops

from keras_anytime.backend.types import Tensor
from keras_anytime.gradients import gram as gram_lib


def impartial_weights(gram: Tensor) -> Tensor:
    """Returns weights of sum 1 of an update with equal projections.

    The update has the same inner product with the unit vector of each gradient.
    The weights are a multiple of `G^+ d` with `d_i = |g_i|`.

    Args:
        gram: Finite tensor `(K, K)`, G.

    Returns:
        Tensor `(K,)`; all 0 where the sum of `G^+ d` vanishes, so that no
        multiple of it has the sum 1.

    Reference:
        [Quinton and Rey, 2024, Appendix B](https://arxiv.org/abs/2406.16232)
    """
    norms = ops.sqrt(ops.diagonal(gram))
    used = norms > 0
    scale = ops.where(used, 1 / ops.where(used, norms, 1), 0)
    identity = ops.eye(gram.shape[0], dtype=gram.dtype)
    unit = gram * scale[:, None] * scale[None, :]
    unit = ops.where(identity > 0, 1, unit)

    values, vectors, kept = _spectrum(gram)
    inverse = ops.where(kept, 1 / ops.where(kept, values, 1), 0)
    weights = ops.matmul(vectors, inverse * ops.matmul(norms, vectors))
    # Of independent gradients, the cosines give more digits where the gradients
    # are of very different length.
    values, vectors, _ = _spectrum(unit)
    independent = ops.min(values) > 2**20 * gram_lib.machine_epsilon(gram.dtype)
    inverse = 1 / ops.where(independent, values, 1)
    ones = ops.cast(used, gram.dtype)
    accurate = scale * ops.matmul(vectors, inverse * ops.matmul(ones, vectors))
    weights = ops.where(independent, accurate, weights)
    total = ops.sum(weights)
    usable = ops.abs(total) > 1e-12 * ops.sum(ops.abs(weights))
    return ops.where(usable, weights / ops.where(usable, total, 1), 0)


def aligned_weights(gram: Tensor, mean: Tensor, scale_mode: str) -> Tensor:
    """Returns the weights of gradients whose principal components are equal.

    Scales the principal components of the gradients to one length, the root of
    an eigenvalue s of G, or of their mean. With the eigenvalues `l` and
    eigenvectors V of G, the weights are `sqrt(s) V l^(-1/2) V' u`.

    Args:
        gram: Finite tensor `(K, K)`, G.
        mean: Tensor `(K,)`, the weights u of the aligned gradients.
        scale_mode: `"min"`, `"median"` or `"rmse"`, which takes the mean.

    Returns:
        Tensor `(K,)`; u if all gradients are zero.

    Reference:
        [Senushkin et al., 2023, Algorithm 1](https://arxiv.org/abs/2305.19000)
    """
    num_gradients = gram.shape[0]
    values, vectors, kept = _spectrum(gram)
    roots = ops.sqrt(ops.where(kept, values, 1))
    inverse = ops.where(kept, 1 / roots, 0)
    rank = ops.sum(ops.cast(kept, "int32"))
    if scale_mode == "rmse":
        total = ops.sum(ops.where(kept, values, 0))
        scale = ops.sqrt(total / ops.cast(ops.maximum(rank, 1), values.dtype))
    else:
        # Eigenvalues ascend; those that are kept come last.
        place = num_gradients - rank
        if scale_mode == "median":
            place = place + (ops.maximum(rank, 1) - 1) // 2
        scale = ops.take(roots, ops.minimum(place, num_gradients - 1))
    weights = scale * ops.matmul(vectors, inverse * ops.matmul(mean, vectors))
    return ops.where(rank > 0, weights, mean)


def _spectrum(matrix):
    """Returns eigenvalues, eigenvectors, and which values are not rounding."""
    values, vectors = ops.eigh(matrix)
    tolerance = matrix.shape[0] * gram_lib.machine_epsilon(matrix.dtype)
    return values, vectors, values > tolerance * ops.max(values)
