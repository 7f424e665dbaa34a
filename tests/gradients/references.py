"""Algorithm 2 of Wan 2020 in plain NumPy, on whole padded vectors."""

import numpy as np


def padded(gradients):
    """K float64 vectors with zeros where a gradient is absent."""
    shapes = [
        next(one.shape for one in column if one is not None)
        for column in zip(*gradients, strict=True)
    ]
    return np.stack(
        [
            np.concatenate(
                [
                    np.zeros(int(np.prod(shape)))
                    if one is None
                    else np.asarray(one, "float64").ravel()
                    for one, shape in zip(stage, shapes, strict=True)
                ]
            )
            for stage in gradients
        ]
    )


def flat(combined):
    """The combined gradient as one vector."""
    return np.concatenate([np.asarray(one).ravel() for one in combined])


def osgd(vectors, order):
    """Σ of each g_i less its projections on the g_j before it."""
    done = []
    for index in order:
        left = vectors[index].copy()
        for other in done:
            norm = other @ other
            if norm > 0:
                left -= (vectors[index] @ other) / norm * other
        done.append(left)
    return np.sum(done, axis=0)


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
