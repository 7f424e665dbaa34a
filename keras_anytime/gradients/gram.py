"""The maths of combining gradients: Gram matrices and Gram-Schmidt.

Everything that a combiner decides follows from the K x K inner products of the
K stage gradients; the gradients themselves are only read to compute these and
summed at the end. Gradients come as K lists, one entry per variable, `None`
where a stage does not reach the variable (the papers' zero padding).
"""

import math

import keras
from keras import ops


def gram_matrix(gradients):
    """Returns the inner products of the stage gradients.

    Args:
        gradients: K lists of V tensors or `None`.

    Returns:
        Float64 tensor `(K, K)`; on JAX within `precision.float64` only, where
        combiners are called.
    """
    dtype = "float64"
    num_stages = len(gradients)
    grams = {}
    for column in zip(*gradients, strict=True):
        owners = tuple(k for k, one in enumerate(column) if one is not None)
        if owners:
            rows = ops.cast(_rows(column), dtype)
            grams.setdefault(owners, []).append(
                ops.matmul(rows, ops.transpose(rows))
            )
    total = ops.zeros((num_stages, num_stages), dtype=dtype)
    for owners, parts in grams.items():
        # Rows of stages that are no owners come from a row of zeros. Moving
        # rows, unlike multiplying by a placement, keeps what is not finite in
        # its own row.
        part = ops.pad(sum(parts[1:], parts[0]), [[0, 1], [0, 1]])
        rows = [
            owners.index(k) if k in owners else len(owners)
            for k in range(num_stages)
        ]
        rows = ops.convert_to_tensor(rows, "int32")
        part = ops.take(part, rows, axis=0)
        total = total + ops.take(part, rows, axis=1)
    return total


def sizes(gradients):
    """Returns d_i, the number of parameters that each stage's gradient has.

    Args:
        gradients: K lists of V tensors or `None`.

    Returns:
        List of K integers.
    """
    return [
        sum(math.prod(one.shape) for one in stage if one is not None)
        for stage in gradients
    ]


def linear_combination(coefficients, gradients):
    """Returns the sum of the stage gradients, each times its coefficient.

    A coefficient of 0 leaves a gradient out even where it is not finite.

    Args:
        coefficients: Tensor `(K,)`.
        gradients: K lists of V tensors or `None`.

    Returns:
        List of V tensors; `None` where no stage has a gradient.

    Raises:
        ValueError: If there is not one coefficient per stage.
    """
    if tuple(coefficients.shape) != (len(gradients),):
        raise ValueError(
            f"Expected {len(gradients)} coefficients, one per stage. "
            f"Received: coefficients of shape {tuple(coefficients.shape)}"
        )
    # One product per variable, and one look-up per set of stages, however many
    # there are: operations for each stage and variable take minutes to trace
    # at 50 stages.
    factors = {}
    combined = []
    for column in zip(*gradients, strict=True):
        owners = tuple(k for k, one in enumerate(column) if one is not None)
        if not owners:
            combined.append(None)
            continue
        rows = _rows(column)
        # Variables of one network may differ in their dtype.
        key = owners, rows.dtype
        if key not in factors:
            index = ops.convert_to_tensor(owners, "int32")
            own = cast_finite(ops.take(coefficients, index)[None], rows.dtype)
            factors[key] = own, ops.transpose(own) == 0
        own, left_out = factors[key]
        rows = ops.where(left_out, ops.cast(0, rows.dtype), rows)
        combined.append(
            ops.reshape(ops.matmul(own, rows), column[owners[0]].shape)
        )
    return combined


def gram_schmidt_coefficients(gram, order):
    """Returns c such that Σ c_i g_i is the sum of the orthogonalized g_i.

    In the given order each gradient loses its projections on the gradients
    before it, as these are after losing theirs (Gram-Schmidt without
    normalization). A gradient that is not finite is left out; there is no
    projection on one that is zero or next to it, or that lies in the span of
    those before it.

    Args:
        gram: Tensor `(K, K)`, the inner products of the gradients.
        order: Sequence of the K stage indices from 0, first in line first.

    Returns:
        Tensor `(K,)`, all finite.

    Reference:
        [Wan et al., 2020, Algorithm 2](https://arxiv.org/abs/2008.06635)
    """
    finite = ops.isfinite(ops.diagonal(gram))
    both = ops.logical_and(finite[:, None], finite[None, :])
    gram = ops.where(both, gram, ops.zeros_like(gram))
    identity = ops.eye(len(order), dtype=gram.dtype)
    # What rounding may leave of a squared norm, as a share of the terms that it
    # is the sum of. Below it a gradient counts as spanned by those before it:
    # projections on what is left would blow the update up.
    tolerance = 256 * _machine_epsilon(gram.dtype)

    # A projection on a gradient 1e30 times shorter than another would take a
    # coefficient near the end of float32, and change nothing that matters.
    negligible = 1e-60 * ops.max(ops.diagonal(gram))

    # Row j of `rows` holds the coefficients of the j-th orthogonal gradient,
    # and `inverses` has one over its squared norm, or 0.
    rows = ops.zeros((0, len(order)), dtype=gram.dtype)
    inverses = ops.zeros((0,), dtype=gram.dtype)
    for stage in order:
        row = identity[stage]
        products = ops.matmul(rows, gram[stage])
        row = row - ops.matmul(products * inverses, rows)
        square = ops.sum(row * ops.matmul(gram, row))
        # The same sum of products, each without its sign.
        terms = ops.sum(ops.abs(row) * ops.matmul(ops.abs(gram), ops.abs(row)))
        independent = ops.logical_and(
            square > tolerance * terms, square > negligible
        )
        inverse = ops.where(
            independent, 1 / ops.where(independent, square, 1), 0
        )
        rows = ops.concatenate([rows, row[None]])
        inverses = ops.concatenate([inverses, inverse[None]])
    return ops.where(finite, ops.sum(rows, axis=0), 0)


def normalizing_factors(gram, sizes, scale):
    """Returns the factors that bring each gradient to its norm in NormSGD.

    Args:
        gram: Tensor `(K, K)`, the inner products of the gradients.
        sizes: Sequence of K integers d_i, the parameters of each subnetwork.
        scale: Float, the constant C.

    Returns:
        Tensor `(K,)`: `sqrt(d_i) * C / norm_i`, or 0 where a gradient is zero
        or not finite.

    Reference:
        [Wan et al., 2020, Eq. 2](https://arxiv.org/abs/2008.06635)
    """
    norms = ops.sqrt(ops.diagonal(gram))
    usable = ops.logical_and(ops.isfinite(norms), norms > 0)
    wanted = scale * ops.sqrt(ops.cast(ops.array(sizes), gram.dtype))
    return ops.where(usable, wanted / ops.where(usable, norms, 1), 0)


def cosines(gram):
    """Returns the cosines between gradients.

    Args:
        gram: Tensor `(K, K)`, their inner products.

    Returns:
        Tuple of two tensors `(K, K)`: the cosines, 0 where they are not known,
        and booleans that say where they are: where both gradients are finite
        and not zero.
    """
    squares = ops.diagonal(gram)
    usable = ops.logical_and(ops.isfinite(squares), squares > 0)
    norms = ops.sqrt(ops.where(usable, squares, 1))
    known = ops.logical_and(usable[:, None], usable[None, :])
    gram = ops.where(known, gram, 0)
    return ops.clip(gram / norms[:, None] / norms[None, :], -1, 1), known


def cast_finite(values, dtype):
    """Casts finite values to a smaller dtype without overflow.

    Args:
        values: Tensor of finite values.
        dtype: Float dtype.

    Returns:
        Tensor of that dtype, like `values` and finite.
    """
    dtype = keras.backend.standardize_dtype(dtype)
    largest = {"float16": 6.5e4, "bfloat16": 3.38e38}.get(dtype, 3.4028234e38)
    return ops.cast(ops.clip(values, -largest, largest), dtype)


def _rows(column):
    """The gradients that there are of one variable, each as a row."""
    owned = [one for one in column if one is not None]
    return ops.reshape(ops.stack(owned), (len(owned), -1))


def _machine_epsilon(dtype):
    return (
        2.0**-52
        if keras.backend.standardize_dtype(dtype) == "float64"
        else 2.0**-23
    )
