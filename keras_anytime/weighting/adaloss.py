"""AdaLoss: weights that bring the losses of all stages to one scale."""

from typing import Any

import keras
from keras import ops

from keras_anytime.backend.types import Tensor
from keras_anytime.training_state import check_steps
from keras_anytime.weighting.base import Weighting


@keras.saving.register_keras_serializable(package="keras_anytime")
class AdaLoss(Weighting):
    """Gives weights inversely proportional to each stage's mean loss.

    `B_k = (1 - gamma) * min_j(l_j) / l_k + gamma`, where `l` are exponential
    moving averages of the losses. The first call sets the averages to its
    losses. A loss that is not finite leaves its average unchanged. An average
    counts as 1 until a finite loss sets it.

    The paper sums the weighted losses, and scales the weights so that the
    largest is 1, because learning rate schedules assume that the last loss has
    the weight 1. Use `ka.gradients.Sum("sum")` for it: the default `Sum()`
    divides by the sum of the weights, and their scale makes no difference.

    ```python
    weights = ka.weighting.AdaLoss(gamma=0.05)([2.0, 1.0, 0.5])
    # [0.2875, 0.525, 1.0]
    ```

    Args:
        gamma: Float in [0, 1]. Share of uniform weight.
        momentum: Float in [0, 1). Share of the old average in each new one.
        update_every: Integer of 1 or more. Training steps between two updates
            of the weights. The averages are updated in every training step.
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

    def __init__(
        self,
        gamma: float = 0.05,
        momentum: float = 0.9,
        update_every: int = 1,
        name: str | None = None,
    ) -> None:
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

    def build(self, input_shape: tuple[int, ...]) -> None:
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

    def call(self, losses: Tensor) -> Tensor:
        finite = ops.isfinite(losses)
        averages = self.momentum * self.means + (1 - self.momentum) * losses
        means = ops.where(self.started > 0, averages, losses)
        means = ops.where(finite, means, self.means.value)
        # A stage of loss 0 would be divided by; the floor keeps its weight at
        # 1.
        floored = ops.maximum(means, keras.config.epsilon())
        weights = (1 - self.gamma) * ops.min(floored) / floored + self.gamma
        should_update = ops.equal(self.steps % self.update_every, 0)
        weights = ops.where(should_update, weights, self.last_weights.value)
        self.means.assign(means)
        self.started.assign(
            ops.maximum(self.started, ops.cast(finite, self.started.dtype))
        )
        self.last_weights.assign(weights)
        self.steps.assign_add(1)
        return weights

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "gamma": self.gamma,
            "momentum": self.momentum,
            "update_every": self.update_every,
        }
