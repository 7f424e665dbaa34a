"""Exp3: a bandit that sees the objective of the drawn stage only."""

import keras

from keras_anytime.backend.types import Tensor
from keras_anytime.weighting.exponential_weights import ExponentialWeights


@keras.saving.register_keras_serializable(package="keras_anytime")
class Exp3(ExponentialWeights):
    """Amplifies a stage drawn by a bandit that sees the drawn stage only.

    `p = (1 - gamma) v + gamma / K`. After a draw, `v_i` of the drawn stage i is
    multiplied by `exp(gamma L_i / (K p_i))`, and v is scaled to sum 1. v starts
    uniform. A training step with a loss that is not finite leaves v unchanged.

    `L_i = (l_i - l_{i+1}) / l_i` is the share of the stage's loss that the next
    stage saves. It is at most 1, so the exponent is at most 1 too. A negative
    share counts as 0: EXP3 is defined for rewards in [0, 1], and the paper does
    not say how it treats negative ones.

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
        # No probability is 0: each is gamma / K or more.
        return drawn * gains / probabilities
