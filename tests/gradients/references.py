"""References of the combiners in NumPy, on whole padded vectors.

Here each gradient is one vector, and projections are taken of the vectors
themselves: no Gram matrix, no coefficients, as the paper states it. All of it
is computed in the dtype of the vectors.
"""

import numpy as np


def padded(gradients, dtype="float64"):
    """K vectors with zeros where a gradient is absent."""
    return np.stack(
        [
            np.concatenate(
                [
                    np.zeros(size, dtype)
                    if values is None
                    else np.asarray(values).astype(dtype).ravel()
                    for values, size in zip(
                        stage, _sizes(gradients), strict=True
                    )
                ]
            )
            for stage in gradients
        ]
    )


def owned(gradients):
    """K vectors of booleans: which entries of a padded vector a stage has."""
    return np.stack(
        [
            np.repeat(
                [gradient is not None for gradient in stage], _sizes(gradients)
            )
            for stage in gradients
        ]
    )


def _sizes(gradients):
    return [
        next(
            int(np.prod(gradient.shape))
            for gradient in column
            if gradient is not None
        )
        for column in zip(*gradients, strict=True)
    ]


def flat(combined):
    """The combined gradient as one vector."""
    return np.concatenate(
        [np.asarray(gradient).ravel() for gradient in combined]
    )


def in_stages(rows):
    """Vectors as the gradients of stages that share their only variable."""
    return [[row] for row in rows]


def components(vectors, order):
    """What Algorithm 2 retains of each g_i: K vectors, in the given order.

    Line 12 in its classical form: the original g_i is projected on each g_j
    that has been orthogonalized.
    """
    retained = []
    for index in order:
        given = vectors[index]
        left = given.copy()
        for other in retained:
            square = other @ other
            if square > 0:
                left -= (given @ other) / square * other
        retained.append(left)
    return np.stack(retained)


def osgd(vectors, order):
    """The update of Algorithm 2, without normalization."""
    return components(vectors, order).sum(axis=0)


def normalized(vectors, sizes, scale=0.5):
    """Eq. 2: each vector brought to the norm sqrt(d_i) * C; zeros stay."""
    norms = np.sqrt(np.sum(vectors**2, axis=1))
    factors = scale * np.sqrt(np.asarray(sizes, vectors.dtype))
    factors = np.where(norms > 0, factors / np.where(norms > 0, norms, 1), 0)
    return factors[:, None] * vectors


def norm_sgd(gradients, scale=0.5):
    """The update of NormSGD: for each entry the mean over its owners."""
    has = owned(gradients)
    vectors = normalized(padded(gradients), has.sum(axis=1), scale)
    return vectors.sum(axis=0) / has.sum(axis=0)


def cosines(vectors):
    """The cosines between vectors; NaN where one is zero or not finite."""
    with np.errstate(invalid="ignore", divide="ignore"):
        units = vectors / np.sqrt(np.sum(vectors**2, axis=1, keepdims=True))
        return units @ units.T


def relative_error(got, want):
    """The norm of the difference, over the norm of what is wanted."""
    want = np.asarray(want, np.longdouble)
    difference = np.asarray(got, np.longdouble) - want
    return float(np.sqrt((difference @ difference) / (want @ want)))


def nested_gradients(num_stages=3, seed=0, width=40):
    """Random gradients of nested stages: stage k reaches 2k variables."""
    rng = np.random.default_rng(seed)
    shapes = [(width, k + 1) for k in range(2 * num_stages)]
    common = [rng.standard_normal(shape) for shape in shapes]
    return [
        [
            (0.7 * common[v] + rng.standard_normal(shape)).astype("float32")
            if v < 2 * (k + 1)
            else None
            for v, shape in enumerate(shapes)
        ]
        for k in range(num_stages)
    ]


def near_equal_gradients(num_stages, noise, size=2000, seed=0):
    """Vectors that share all but noise, in float32: a hard case."""
    rng = np.random.default_rng(seed)
    common = rng.standard_normal(size)
    rows = common + noise * rng.standard_normal((num_stages, size))
    return rows.astype("float32")
