"""HalfEnd: the last stage weighs as much as all others together."""

import keras

from keras_anytime.weighting.static import Static


@keras.saving.register_keras_serializable(package="keras_anytime")
class HalfEnd(Static):
    """Gives the last stage half of all weight, the others equal weights.

    `B_k = 1` for `k < K` and `B_K = K - 1`. A single stage has weight 1.

    Args:
        total: Float above 0. The weights are scaled to this sum. `None` keeps
            them as they are. With `Sum()` only the ratios count. `Orthogonal()`
            keeps the scale; there, the weight `K - 1` needs a smaller learning
            rate or a `total`.
        name: Optional string.

    Call arguments:
        losses: Float tensor `(num_stages,)`. Only its size is used.

    Returns:
        Float tensor `(num_stages,)`.

    Raises:
        ValueError: If `total` is not a finite number above 0.

    Reference:
        [Hu et al., 2017, Section 4.3](https://arxiv.org/abs/1708.06832v1)
    """

    def scheme(self, num_stages: int) -> list[float]:
        return [*[1.0] * (num_stages - 1), float(max(num_stages - 1, 1))]
