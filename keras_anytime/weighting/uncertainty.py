"""Uncertainty: weights of a learned noise of each loss."""

import keras
from keras import ops

from keras_anytime.backend.types import Tensor
from keras_anytime.weighting.learned_scales import LearnedScales


@keras.saving.register_keras_serializable(package="keras_anytime")
class Uncertainty(LearnedScales):
    """Weights losses by a learned variance of their noise.

    The objective is `Σ exp(-s_k) L_k / 2 + s_k / 2`, with the logarithms `s_k`
    of the variances. The weights are `B_k = exp(-s_k) / 2`: 1/2 at first, and
    on the way to `1 / (2 L_k)`, where the objective is least.

    In the paper, the optimizer of the network learns s. Here, each training
    step takes a gradient step of its own after the weights are computed,
    `s_k -= learning_rate * (1 - exp(-s_k) L_k) / 2`, cut to 1 in size. A loss
    that is not finite leaves `s_k` unchanged. Weights change with the losses'
    scale, and `Sum()`, a weighted mean, uses their ratios only: take
    `ka.gradients.Sum("sum")` for the paper's objective.

    Args:
        learning_rate: Float above 0, of s.
        name: Optional string.

    Attributes:
        log_scales: Float variable `(num_stages,)`, s.

    Call arguments:
        losses: Float tensor `(num_stages,)`.

    Returns:
        Float tensor `(num_stages,)`, all above 0.

    Raises:
        ValueError: If `learning_rate` is not above 0.

    Reference:
        [Kendall et al., 2018, Eq. 7](https://arxiv.org/abs/1705.07115)
    """

    def weights_of(self, log_scales: Tensor) -> Tensor:
        return ops.exp(-log_scales) / 2

    def slopes(self, log_scales: Tensor, losses: Tensor) -> Tensor:
        return (1 - ops.exp(-log_scales) * losses) / 2
