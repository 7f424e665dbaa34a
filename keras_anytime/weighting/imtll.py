"""IMTL-L: weights that learn to bring all losses to one size."""

import keras
from keras import ops

from keras_anytime.backend.types import Tensor
from keras_anytime.weighting.learned_scales import LearnedScales


@keras.saving.register_keras_serializable(package="keras_anytime")
class IMTLL(LearnedScales):
    """Learns weights that bring all weighted losses to 1 (IMTL-L).

    The objective is `Σ exp(s_k) L_k - s_k`, and the weights are
    `B_k = exp(s_k)`: 1 at first, and on the way to `1 / L_k`, where the
    objective is least.

    In the paper, the optimizer of the network learns s. Here, each training
    step takes a gradient step of its own after the weights are computed, `s_k
    -= learning_rate * (exp(s_k) L_k - 1)`, cut to 1 in size. A loss that is not
    finite leaves `s_k` unchanged. `ka.gradients.IMTLG` is the paper's other
    half, which balances gradients. With `Sum()`, only ratios of weights count.

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
        [Liu et al., 2021, Section 3.2](
        https://openreview.net/forum?id=IMPnRXEWpvr)
    """

    def weights_of(self, log_scales: Tensor) -> Tensor:
        return ops.exp(log_scales)

    def slopes(self, log_scales: Tensor, losses: Tensor) -> Tensor:
        return ops.exp(log_scales) * losses - 1
