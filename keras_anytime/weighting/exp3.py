"""No-regret learners that decide which stage to amplify (EXP3 and RWM)."""

import keras
from keras import ops

from keras_anytime.weighting.average_loss import Learner


class _Exponentiated(Learner):
    """Draws from a mixture of an even draw and of v, learned by `v exp(..)`."""

    def __init__(
        self,
        exploration=0.3,
        last_share=0.8,
        base=None,
        boost=0.5,
        seed=None,
        name=None,
    ):
        super().__init__(last_share, base, boost, seed, name)
        if not 0 < exploration <= 1:
            raise ValueError(
                "`exploration` must be above 0, at most 1. "
                f"Received: exploration={exploration}"
            )
        self.exploration = exploration

    def probabilities(self, weights, losses):
        # `ops.softmax` warns where there is one stage.
        v = ops.exp(ops.log_softmax(self.state))
        return (1 - self.exploration) * v + self.exploration / self.num_stages

    def reward(self, gains, probabilities, drawn):
        """Returns what each stage is rewarded with; arguments as of `moved`."""
        raise TypeError(
            "A learner must implement `reward`. "
            f"Received: {type(self).__name__}"
        )

    def moved(self, gains, probabilities, drawn):
        rate = self.exploration / self.num_stages
        reward = self.reward(gains, probabilities, drawn)
        # Logarithms, since v itself would underflow to 0 and stay there.
        return ops.log_softmax(self.state + rate * reward)

    def get_config(self):
        return {**super().get_config(), "exploration": self.exploration}


@keras.saving.register_keras_serializable(package="keras_anytime")
class Exp3(_Exponentiated):
    """Amplifies a stage drawn by a bandit that sees the drawn one only (EXP3).

    A draw has the probabilities `p = (1 - gamma) v + gamma / K`. After it,
    `v_i` of the drawn stage i is multiplied by `exp(gamma L_i / (K p_i))`, and
    v is scaled to sum 1. v starts even. A step with a loss that is not finite
    leaves it as it was.

    `L_i` is how much the stage lags behind the next one, the share of its loss
    that the next stage saves, at most 1; so the exponent is at most 1 too.
    Where the next stage is worse, the paper's formula is below 0, and the
    paper does not say whether that is a reward. Here `L_i` is then 0: EXP3 is
    made for rewards in [0, 1].

    Args:
        exploration: Float in (0, 1], gamma: the probability of an even draw,
            and the rate of learning.
        last_share: Float in [0, 1], lambda. The last stage, which has no next
            one, takes this share of the largest objective of the others.
        base: A `Weighting`, or `None` for `Sieve()`, the paper's.
        boost: Float of 0 or more, the share of all weight that is added to
            the drawn stage's.
        seed: Integer of 0 or more; `None` for a random one, which
            `keras.utils.set_random_seed` decides.
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

    def reward(self, gains, probabilities, drawn):
        # One stage of nonzero probability is drawn; the others are divided by
        # theirs, gamma / K or more, too.
        return drawn * gains / probabilities


@keras.saving.register_keras_serializable(package="keras_anytime")
class RandomWeightedMajority(_Exponentiated):
    """Amplifies a stage drawn by a learner that sees all objectives (RWM).

    Like `Exp3`, except that each step multiplies every `v_j` by
    `exp(gamma L_j / K)`, whichever stage is drawn. The paper only says that v
    is updated "by exponential gradient descent using the signal L_j". This
    exponent is the mean of that of EXP3 over the draws,
    `p_j * gamma L_j / (K p_j)`: both learn at the same rate, and differ in the
    noise of the draws alone. (The step ascends: v maximizes Eq. 3.)

    Args:
        exploration: Float in (0, 1], gamma: the probability of an even draw,
            and the rate of learning.
        last_share: Float in [0, 1], lambda. The last stage, which has no next
            one, takes this share of the largest objective of the others.
        base: A `Weighting`, or `None` for `Sieve()`, the paper's.
        boost: Float of 0 or more, the share of all weight that is added to
            the drawn stage's.
        seed: Integer of 0 or more; `None` for a random one, which
            `keras.utils.set_random_seed` decides.
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

    def reward(self, gains, probabilities, drawn):
        return gains
