"""Sieve: half of all weight on the last stage, more on spaced out stages."""

import keras

from keras_anytime.weighting.static import Static


@keras.saving.register_keras_serializable(package="keras_anytime")
class Sieve(Static):
    """Gives the last stage half of all weight, favoring spaced out stages.

    `B_k = 1 + nu(K - k)` for `k < K`, where `nu(n)` is the number of times that
    2 divides `n`, and `B_K = B_1 + ... + B_{K-1}`. Stages whose distance from
    the last one is a multiple of a large power of two weigh most. A single
    stage has weight 1.

    Args:
        total: Float above 0. The weights are scaled to this sum. `None` keeps
            them as they are. With `Sum()` only the ratios count. `Orthogonal()`
            keeps the scale; there, the weight `B_K`, which is 25 for 15 stages,
            needs a smaller learning rate or a `total`.
        name: Optional string.

    Call arguments:
        losses: Float tensor `(num_stages,)`. Only its size is used.

    Returns:
        Float tensor `(num_stages,)`.

    Raises:
        ValueError: If `total` is not a finite number above 0.

    Reference:
        [Hu et al., 2017, Section 3.2](https://arxiv.org/abs/1708.06832v1)
    """

    def scheme(self, num_stages: int) -> list[float]:
        # n & -n is the largest power of two that divides n.
        weights = [
            float((n & -n).bit_length()) for n in range(num_stages - 1, 0, -1)
        ]
        return [*weights, sum(weights) or 1.0]
