"""Static weights that give the last stage half of the whole."""

import keras

from keras_anytime.weighting.static import Static


@keras.saving.register_keras_serializable(package="keras_anytime")
class HalfEnd(Static):
    """Half of the weight on the last stage, the other half even.

    All stages but the last weigh 1, and the last as much as they together:
    `[1, ..., 1, K - 1]`. A single stage weighs 1.

    Args:
        total: Float above 0, the sum to scale the weights to, or `None`. Of no
            effect with `Sum()`, which takes a weighted mean. `Orthogonal` and
            others keep the scale of the weights; with them, `K - 1` asks for
            a smaller learning rate or a `total`.
        name: Optional string.

    Call arguments:
        losses: Float tensor `(num_stages,)`.

    Returns:
        Float tensor `(num_stages,)`.

    Raises:
        ValueError: If `total` is out of its range.

    Reference:
        [Hu et al., 2017, Section 4.3](https://arxiv.org/abs/1708.06832v1)
    """

    def scheme(self, num_stages):
        return _with_half_at_the_end([1.0] * (num_stages - 1))


@keras.saving.register_keras_serializable(package="keras_anytime")
class Sieve(Static):
    """Half of the weight on the last stage, more on spaced out ones before.

    `B_i = 1 + nu(K - i)` for `i < K`, where `nu` is the 2-adic valuation, the
    number of times that 2 divides its argument; `B_K` is the sum of all
    others. Stages far from the end by a large power of two weigh most. A
    single stage weighs 1.

    Args:
        total: Float above 0, the sum to scale the weights to, or `None`. Of no
            effect with `Sum()`, which takes a weighted mean. `Orthogonal` and
            others keep the scale of the weights; with them, `B_K`, which is
            25 for 15 stages, asks for a smaller learning rate or a `total`.
        name: Optional string.

    Call arguments:
        losses: Float tensor `(num_stages,)`.

    Returns:
        Float tensor `(num_stages,)`.

    Raises:
        ValueError: If `total` is out of its range.

    Reference:
        [Hu et al., 2017, Section 3.2](https://arxiv.org/abs/1708.06832v1)
    """

    def scheme(self, num_stages):
        # The lowest bit set of n, n & -n, is the largest power of two in it.
        return _with_half_at_the_end(
            [float((n & -n).bit_length()) for n in range(num_stages - 1, 0, -1)]
        )


def _with_half_at_the_end(weights):
    return [*weights, sum(weights) or 1.0]
