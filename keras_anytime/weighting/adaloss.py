"""AdaLoss: weights that bring the stages' losses to one scale."""

import keras
from keras import ops

from keras_anytime.training_state import check_steps
from keras_anytime.weighting.base import Weighting


@keras.saving.register_keras_serializable(package="keras_anytime")
class AdaLoss(Weighting):
    """Weights inversely proportional to each stage's mean loss.

    `B_k = (1 - gamma) * min_j(l_j) / l_k + gamma`, with `l` the exponential
    moving averages of the losses. The first call sets the averages to its
    losses. A loss that is not finite leaves its average as it was; an average
    that no loss has set yet counts as 1.

    Args:
        gamma: Float in [0, 1]. Share of uniform weight.
        momentum: Float in [0, 1). Share of the old average in each new one.
        update_every: Integer of 1 or more. Steps from one computation of the
            weights to the next; the averages follow every step.
        name: Optional string.

    Call arguments:
        losses: Float tensor `(num_stages,)`.

    Returns:
        Float tensor `(num_stages,)`, the largest entry 1.

    Raises:
        ValueError: If an argument is outside its range.

    Reference:
        [Hu et al., 2019, Section 3 and Eq. 7](
        https://arxiv.org/abs/1708.06832)
    """

    def __init__(self, gamma=0.05, momentum=0.9, update_every=1, name=None):
        super().__init__(name=name)
        if not 0 <= gamma <= 1:
            raise ValueError(
                f"`gamma` must be in [0, 1]. Received: gamma={gamma}"
            )
        if not 0 <= momentum < 1:
            raise ValueError(
                f"`momentum` must be in [0, 1). Received: momentum={momentum}"
            )
        check_steps("update_every", update_every)
        self.gamma = gamma
        self.momentum = momentum
        self.update_every = int(update_every)

    def build(self, input_shape):
        super().build(input_shape)
        self.means = self.add_weight(
            name="means", shape=input_shape, initializer="ones"
        )
        self.started = self.add_weight(
            name="started", shape=input_shape, initializer="zeros"
        )
        self.last_weights = self.add_weight(
            name="last_weights", shape=input_shape, initializer="ones"
        )
        self.steps = self.add_weight(
            name="steps", shape=(), initializer="zeros", dtype="int32"
        )

    def call(self, losses):
        finite = ops.isfinite(losses)
        moved = self.momentum * self.means + (1 - self.momentum) * losses
        means = ops.where(self.started > 0, moved, losses)
        means = ops.where(finite, means, self.means.value)
        # A perfect stage has loss 0; the floor keeps its weight at 1.
        floored = ops.maximum(means, keras.config.epsilon())
        weights = (1 - self.gamma) * ops.min(floored) / floored + self.gamma
        due = ops.equal(self.steps % self.update_every, 0)
        weights = ops.where(due, weights, self.last_weights.value)
        self.means.assign(means)
        self.started.assign(
            ops.maximum(self.started, ops.cast(finite, self.started.dtype))
        )
        self.last_weights.assign(weights)
        self.steps.assign_add(1)
        return weights

    def get_config(self):
        return {
            **super().get_config(),
            "gamma": self.gamma,
            "momentum": self.momentum,
            "update_every": self.update_every,
        }
