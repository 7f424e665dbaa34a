"""The mathematics of combining gradients: Gram matrices and Gram-Schmidt.

A combiner computes its coefficients from the K x K Gram matrix of the K stage
gradients. Gradients are K lists with one entry per variable, which is `None` if
the stage does not own the variable (the papers' zero padding).
"""

import math
from collections.abc import Sequence

import keras
from keras import ops

from keras_anytime.backend.types import Gradient
from keras_anytime.backend.types import Tensor


def gram_matrix(gradients: list[Gradient]) -> Tensor:
    """Returns the inner products of the stage gradients.

    Args:
        gradients: K lists of V tensors or `None`.

    Returns:
        Float64 tensor `(K, K)`; on JAX only within `precision.float64`, in
        which combiners are called.
    """
    dtype = "float64"
    num_stages = len(gradients)
    grams: dict[tuple[int, ...], list[Tensor]] = {}
    for of_stages in zip(*gradients, strict=True):
        owners = _owners(of_stages)
        if owners:
            rows = ops.cast(_rows(of_stages), dtype)
            grams.setdefault(owners, []).append(
                ops.matmul(rows, ops.transpose(rows))
            )
    total = ops.zeros((num_stages, num_stages), dtype=dtype)
    for owners, parts in grams.items():
        # Stages that do not own the variables get a row of zeros. Rows are
        # moved by `take`: a product with a permutation matrix would spread
        # NaN to other rows.
        part = ops.pad(sum(parts[1:], parts[0]), [[0, 1], [0, 1]])
        rows = [
            owners.index(k) if k in owners else len(owners)
            for k in range(num_stages)
        ]
        rows = ops.convert_to_tensor(rows, "int32")
        part = ops.take(part, rows, axis=0)
        total = total + ops.take(part, rows, axis=1)
    return total


def sizes(gradients: list[Gradient]) -> list[int]:
    """Returns d_i, the number of parameters of each stage's gradient.

    Args:
        gradients: K lists of V tensors or `None`.

    Returns:
        List of K integers.
    """
    return [
        sum(math.prod(values.shape) for values in stage if values is not None)
        for stage in gradients
    ]


def linear_combination(
    coefficients: Tensor, gradients: list[Gradient]
) -> Gradient:
    """Returns the sum of the stage gradients, each times its coefficient.

    A coefficient of 0 leaves out a gradient, also if it is not finite.

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
    # One product per variable, and one look-up per set of owners. Operations
    # per stage and variable would take minutes to trace at 50 stages.
    factors: dict[tuple, tuple[Tensor, Tensor]] = {}
    combined: Gradient = []
    for of_stages in zip(*gradients, strict=True):
        owners = _owners(of_stages)
        if not owners:
            combined.append(None)
            continue
        rows = _rows(of_stages)
        # Variables of one network may differ in their dtype.
        key = owners, rows.dtype
        if key not in factors:
            index = ops.convert_to_tensor(owners, "int32")
            own = cast_finite(ops.take(coefficients, index)[None], rows.dtype)
            factors[key] = own, ops.transpose(own) == 0
        own, left_out = factors[key]
        rows = ops.where(left_out, ops.cast(0, rows.dtype), rows)
        combined.append(
            ops.reshape(ops.matmul(own, rows), of_stages[owners[0]].shape)
        )
    return combined


def finite_part(gram: Tensor) -> tuple[Tensor, Tensor]:
    """Returns the inner products of the gradients that are finite.

    Args:
        gram: Tensor `(K, K)`, the inner products of the gradients.

    Returns:
        Pair of a tensor `(K, K)`, which has zeros in the rows and columns of
        gradients that are not finite, and booleans `(K,)`, which are True for
        finite gradients.
    """
    finite = ops.isfinite(ops.diagonal(gram))
    both = ops.logical_and(finite[:, None], finite[None, :])
    return ops.where(both, gram, ops.zeros_like(gram)), finite


def gram_schmidt_coefficients(gram: Tensor, order: Sequence[int]) -> Tensor:
    """Returns c such that Σ c_i g_i is the sum of the orthogonalized g_i.

    Gram-Schmidt without normalization: in the given order, each gradient is
    projected onto the orthogonal complement of the orthogonalized gradients
    before it. A gradient that is not finite is left out. There is no projection
    on a gradient that is close to zero or in the span of those before it.

    Args:
        gram: Tensor `(K, K)`, the inner products of the gradients.
        order: Sequence of the K stage indices from 0, highest priority first.

    Returns:
        Tensor `(K,)`, all finite.

    Reference:
        [Wan et al., 2020, Algorithm 2](https://arxiv.org/abs/2008.06635)
    """
    gram, finite = finite_part(gram)
    identity = ops.eye(len(order), dtype=gram.dtype)
    # The rounding error of a squared norm, relative to the terms of the sum. A
    # gradient with a smaller norm counts as spanned by those before it, because
    # projections on a rounding error would make the update explode.
    tolerance = 256 * machine_epsilon(gram.dtype)

    # A projection on a gradient 1e30 times shorter than another would need a
    # coefficient at the limit of float32, and have no visible effect.
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


def normalizing_factors(gram: Tensor, sizes: list[int], scale: float) -> Tensor:
    """Returns the factors that give each gradient its norm in NormSGD.

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


def cosines(gram: Tensor) -> tuple[Tensor, Tensor]:
    """Returns the cosines between gradients.

    Args:
        gram: Tensor `(K, K)`, their inner products.

    Returns:
        Pair of tensors `(K, K)`: the cosines, and booleans that are True where
        both gradients are finite and not zero. Elsewhere the cosine is 0.
    """
    squares = ops.diagonal(gram)
    usable = ops.logical_and(ops.isfinite(squares), squares > 0)
    norms = ops.sqrt(ops.where(usable, squares, 1))
    known = ops.logical_and(usable[:, None], usable[None, :])
    gram = ops.where(known, gram, 0)
    return ops.clip(gram / norms[:, None] / norms[None, :], -1, 1), known


def cast_finite(values: Tensor, dtype: str) -> Tensor:
    """Casts finite values to a smaller dtype without overflow.

    Args:
        values: Tensor of finite values.
        dtype: Float dtype.

    Returns:
        Finite tensor of that dtype and the shape of `values`.
    """
    dtype = keras.backend.standardize_dtype(dtype)
    largest = {"float16": 6.5e4, "bfloat16": 3.38e38}.get(dtype, 3.4028234e38)
    return ops.cast(ops.clip(values, -largest, largest), dtype)


def machine_epsilon(dtype: str) -> float:
    """Returns the relative distance of 1 to the next number of a dtype."""
    return (
        2.0**-52
        if keras.backend.standardize_dtype(dtype) == "float64"
        else 2.0**-23
    )


def _owners(of_stages):
    """Returns the indices of the stages that have a gradient of a variable."""
    return tuple(
        stage for stage, values in enumerate(of_stages) if values is not None
    )


def _rows(of_stages):
    """Returns the stages' gradients of a variable as the rows of a matrix."""
    owned = [values for values in of_stages if values is not None]
    return ops.reshape(ops.stack(owned), (len(owned), -1))
