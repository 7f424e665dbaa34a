"""RandomWeightedMajority: a learner that sees all objectives (RWM)."""

import keras

from keras_anytime.backend.types import Tensor
from keras_anytime.weighting.exponential_weights import ExponentialWeights


@keras.saving.register_keras_serializable(package="keras_anytime")
class RandomWeightedMajority(ExponentialWeights):
    """Amplifies a stage drawn by a learner that sees all objectives (RWM).

    `p = (1 - gamma) v + gamma / K`. After a draw, every `v_k` is multiplied by
    `exp(gamma L_k / K)`, whichever stage was drawn, and v is scaled to sum 1. v
    starts uniform. A training step with a loss that is not finite leaves v
    unchanged. `L_k` is defined as in `Exp3`.

    The paper only says that v is updated "by exponential gradient descent using
    the signal L_j". This exponent is the mean of EXP3's exponent over the
    draws, `p_k * gamma L_k / (K p_k)`. Both samplers therefore learn at the
    same rate and differ only in the noise of the draws. The update ascends,
    because v maximizes Eq. 3.

    Args:
        exploration: Float in (0, 1]. The paper's gamma: the probability of a
            uniform draw, and the learning rate.
        last_share: Float in [0, 1]. The paper's lambda. The last stage has no
            next stage; its objective is this share of the largest objective of
            the others.
        base: A `Weighting`, or `None` for `Sieve()`, as in the paper.
        boost: Float of 0 or more. Share of the sum of all weights that is added
            to the weight of the drawn stage.
        seed: Integer of 0 or more. `None` takes a random seed, which
            `keras.utils.set_random_seed` determines.
        name: Optional string.

    Attributes:
        state: Float variable `(num_stages,)`, whose softmax is v.

    Call arguments:
        losses: Float tensor `(num_stages,)`.

    Returns:
        Float tensor `(num_stages,)`.

    Raises:
        ValueError: If an argument is outside its range.

    Reference:
        [Hu et al., 2017, Appendices D.3 and D.4](
        https://arxiv.org/abs/1708.06832v1)
    """

    def reward(
        self, gains: Tensor, probabilities: Tensor, drawn: Tensor
    ) -> Tensor:
        return gains
