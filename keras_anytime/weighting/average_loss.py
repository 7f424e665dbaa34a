"""What samplers learn of the losses, and one that takes its mean (AVGL)."""

import keras
from keras import ops

from keras_anytime.weighting.sampler import Sampler


def objectives(losses, last_share):
    """Returns how much each stage lags behind the next one.

    `L_i = (l_i - l_{i+1}) / l_i` for `i < K`, the share of its loss that the
    next stage saves, and `L_K = last_share * max_i L_i`. Shares below 0 count
    as 0: a stage better than the next lags behind nothing, as in the objective
    `max((l_i - l*_i) / l*_i, 0)` that the paper starts from. They have no
    lower bound, so that one loss near 0 could undo all that a sampler has
    learned. Shares above 1, which losses of 0 or more never give, count as 1.

    Args:
        losses: Float tensor `(num_stages,)`.
        last_share: Float in [0, 1], lambda.

    Returns:
        Float tensor `(num_stages,)` in [0, 1]; all 0 for a single stage, and
        NaN where losses are.

    Reference:
        [Hu et al., 2017, Appendix D.2](https://arxiv.org/abs/1708.06832v1)
    """
    here, following = losses[:-1], losses[1:]
    saved = (here - following) / ops.maximum(here, keras.config.epsilon())
    saved = ops.clip(saved, 0, 1)
    last = last_share * ops.max(saved, initial=0)
    return ops.concatenate([saved, last[None]])


class Learner(Sampler):
    """A sampler whose state follows the objectives of the steps."""

    def __init__(self, last_share, base, boost, seed, name):
        super().__init__(base=base, boost=boost, seed=seed, name=name)
        if not 0 <= last_share <= 1:
            raise ValueError(
                "`last_share` must be in [0, 1]. "
                f"Received: last_share={last_share}"
            )
        self.last_share = last_share

    def build(self, input_shape):
        self.state = self.add_weight(
            name="state", shape=input_shape, initializer="zeros"
        )
        super().build(input_shape)

    def moved(self, gains, probabilities, drawn):
        """Returns the next state.

        Args:
            gains: Float tensor `(num_stages,)`, the objectives.
            probabilities: Float tensor `(num_stages,)`, as in `update`.
            drawn: Float tensor `(num_stages,)`, as in `update`.
        """
        raise TypeError(
            f"A learner must implement `moved`. Received: {type(self).__name__}"
        )

    def update(self, losses, probabilities, drawn):
        gains = objectives(losses, self.last_share)
        finite = ops.all(ops.isfinite(losses))
        state = self.moved(gains, probabilities, drawn)
        self.state.assign(ops.where(finite, state, self.state.value))

    def get_config(self):
        return {**super().get_config(), "last_share": self.last_share}


@keras.saving.register_keras_serializable(package="keras_anytime")
class AverageLoss(Learner):
    """Amplifies a stage drawn in proportion to its mean objective (AVGL).

    The objective of a stage is how much it lags behind the next one, the share
    of its loss that the next stage saves: `L_i = (l_i - l_{i+1}) / l_i`. It
    counts as 0 where the next stage is worse, since probabilities cannot be
    negative; so it does before it enters the mean, where one step with `l_i`
    near 0 could outweigh all others.

    A draw goes by the exponential means over the steps before. The first draw
    is even, as is any where all means are 0. A step with a loss that is not
    finite leaves the means as they were.

    Args:
        momentum: Float in [0, 1). Share of the old mean in each new one.
        last_share: Float in [0, 1], lambda. The last stage, which has no next
            one, takes this share of the largest objective of the others.
        base: A `Weighting`, or `None` for `Sieve()`, the paper's.
        boost: Float of 0 or more, the share of all weight that is added to
            the drawn stage's.
        seed: Integer of 0 or more; `None` for a random one, which
            `keras.utils.set_random_seed` decides.
        name: Optional string.

    Attributes:
        state: Float variable `(num_stages,)`, the means, in proportion: they
            start at 0, which their ratios do not show.

    Call arguments:
        losses: Float tensor `(num_stages,)`.

    Returns:
        Float tensor `(num_stages,)`.

    Raises:
        ValueError: If an argument is outside its range.

    Reference:
        [Hu et al., 2017, Appendices D.1, D.2 and D.4](
        https://arxiv.org/abs/1708.06832v1)
    """

    def __init__(
        self,
        momentum=0.9,
        last_share=0.8,
        base=None,
        boost=0.5,
        seed=None,
        name=None,
    ):
        super().__init__(last_share, base, boost, seed, name)
        if not 0 <= momentum < 1:
            raise ValueError(
                f"`momentum` must be in [0, 1). Received: momentum={momentum}"
            )
        self.momentum = momentum

    def probabilities(self, weights, losses):
        return self.state.value

    def moved(self, gains, probabilities, drawn):
        return self.momentum * self.state + (1 - self.momentum) * gains

    def get_config(self):
        return {**super().get_config(), "momentum": self.momentum}
