"""Gradient surgery: gradients changed pair by pair, in Gram space.

A changed gradient is a row of coefficients: row i of `rows` holds those of
stage i's gradient. All rows visit one other gradient at a time, so that K
gradients take K rounds of a few operations.
"""

from keras import ops

from keras_anytime.backend.types import Tensor


def visits(orders: Tensor, dtype: str) -> Tensor:
    """Returns which gradient each gradient visits in each round.

    Args:
        orders: Integer tensor `(K, K)`. Row i is the order in which gradient i
            visits the others; itself it leaves out.
        dtype: Float dtype.

    Returns:
        Tensor `(K, K, K)`: 1 at `[i, round, j]` for a visit of j, else 0.
    """
    num_gradients = orders.shape[0]
    others = 1 - ops.eye(num_gradients, dtype=dtype)
    chosen = ops.one_hot(orders, num_gradients, dtype=dtype)
    return chosen * others[:, None, :]


def projected_rows(gram: Tensor, chosen: Tensor) -> Tensor:
    """Returns gradients that were projected off those they conflict with.

    Args:
        gram: Finite tensor `(K, K)`.
        chosen: Tensor `(K, K, K)` of `visits`.

    Returns:
        Tensor `(K, K)`, the coefficients of the changed gradients.

    Reference:
        [Yu et al., 2020, Algorithm 1](https://arxiv.org/abs/2001.06782)
    """
    squares = ops.diagonal(gram)
    inverses = ops.where(squares > 0, 1 / ops.where(squares > 0, squares, 1), 0)
    rows = ops.eye(gram.shape[0], dtype=gram.dtype)
    for place in range(gram.shape[0]):
        visited = chosen[:, place]
        products = ops.matmul(rows, gram) * visited
        conflicts = ops.minimum(ops.sum(products, axis=1, keepdims=True), 0)
        rows = rows - conflicts * inverses * visited
    return rows


def vaccinated_rows(
    gram: Tensor, chosen: Tensor, targets: Tensor, beta: float
) -> tuple[Tensor, Tensor]:
    """Returns gradients that were turned to the usual cosines with others.

    Args:
        gram: Finite tensor `(K, K)`.
        chosen: Tensor `(K, K, K)` of `visits`.
        targets: Tensor `(K, K)`, the moving averages of the cosines.
        beta: Float in [0, 1], the share of a cosine in its new average.

    Returns:
        Pair of tensors `(K, K)`: the coefficients of the changed gradients, and
        the new averages.

    Reference:
        [Wang et al., 2021, Algorithm 1](https://arxiv.org/abs/2010.05874)
    """
    lengths = ops.sqrt(ops.diagonal(gram))
    rows = ops.eye(gram.shape[0], dtype=gram.dtype)
    for place in range(gram.shape[0]):
        visited = chosen[:, place]
        all_products = ops.matmul(rows, gram)
        product = ops.sum(all_products * visited, axis=1)
        square = ops.sum(all_products * rows, axis=1)
        own = ops.sqrt(ops.maximum(square, 0))
        other = ops.sum(visited * lengths, axis=1)
        target = ops.sum(visited * targets, axis=1)
        known = own * other > 0
        cosine = ops.where(known, product / ops.where(known, own * other, 1), 0)
        sine = ops.sqrt(ops.maximum(1 - cosine**2, 0))
        target_sine = ops.sqrt(ops.maximum(1 - target**2, 0))
        below = ops.logical_and(known, cosine < target)
        below = ops.logical_and(below, target_sine > 0)
        added = own * (target * sine - cosine * target_sine)
        added = added / ops.where(below, other * target_sine, 1)
        added = ops.where(below, added, 0)
        rows = rows + added[:, None] * visited
        change = ops.where(known, beta * (cosine - target), 0)
        targets = targets + change[:, None] * visited
    return rows, targets
