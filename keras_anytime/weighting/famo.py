"""FAMO: weights under which all losses fall at one rate."""

import math
from typing import Any

import keras
from keras import ops

from keras_anytime.backend.types import Tensor
from keras_anytime.training_state import check_above_zero
from keras_anytime.training_state import check_not_negative
from keras_anytime.weighting.base import Weighting

# Of Adam, as the authors' program uses it.
_MOMENTUM = 0.9
_SQUARE_MOMENTUM = 0.999
_EPSILON = 1e-8


@keras.saving.register_keras_serializable(package="keras_anytime")
class FAMO(Weighting):
    """Learns weights under which all losses fall at the same rate (FAMO).

    With `z = softmax(x)`, the weights are `B_k = z_k / L_k`, scaled to sum 1:
    the gradient of a mean of the logarithms of the losses. After the training
    step, x takes a step of Adam along the gradient of `Σ z_k d_k`, where
    `d_k = log L_k - log L_k'` is how much the loss fell: losses that fell more
    than others lose weight. `decay` pulls x back to 0.

    The paper takes the losses L' of the same batch after the step, which needs
    a second forward pass. Here L' are the losses of the next training step, on
    the next batch. The update of x is therefore one training step late, and
    includes the noise between two batches. The first training step has even z.

    A training step with a loss that is not finite changes no state. Losses
    below 1e-8 count as 1e-8.

    Args:
        learning_rate: Float above 0, of x.
        decay: Float of 0 or more, added to the gradient for each unit of x.
        name: Optional string.

    Attributes:
        logits: Float variable `(num_stages,)`, x, initially 0.

    Call arguments:
        losses: Float tensor `(num_stages,)`.

    Returns:
        Float tensor `(num_stages,)` of sum 1.

    Raises:
        ValueError: If an argument is outside its range.

    Reference:
        [Liu et al., 2023, Algorithm 1](https://arxiv.org/abs/2306.03792)
    """

    def __init__(
        self,
        learning_rate: float = 0.025,
        decay: float = 0.01,
        name: str | None = None,
    ) -> None:
        super().__init__(name=name)
        check_above_zero("learning_rate", learning_rate)
        check_not_negative("decay", decay)
        self.learning_rate = learning_rate
        self.decay = decay

    def build(self, input_shape: tuple[int, ...]) -> None:
        super().build(input_shape)

        def zeros(name, shape=input_shape):
            return self.add_weight(name=name, shape=shape, initializer="zeros")

        self.logits = zeros("logits")
        self.means = zeros("means")
        self.squares = zeros("squares")
        self.last_logs = zeros("last_logs")
        # Training steps with finite losses.
        self.steps = zeros("steps", ())

    def call(self, losses: Tensor) -> Tensor:
        finite = ops.all(ops.isfinite(losses))
        floored = ops.maximum(ops.where(finite, losses, 1), _EPSILON)
        logs = ops.log(floored)
        self._learn(logs, finite)
        # Not `ops.softmax`, which warns if there is a single stage.
        weights = ops.exp(ops.log_softmax(self.logits.value) - logs)
        return weights / ops.sum(weights)

    def _learn(self, logs, finite):
        """Updates the logits by how far the losses fell since last time."""
        shares = ops.exp(ops.log_softmax(self.logits.value))
        fallen = self.last_logs - logs
        slopes = shares * (fallen - ops.sum(shares * fallen))
        slopes = slopes + self.decay * self.logits
        means = _MOMENTUM * self.means + (1 - _MOMENTUM) * slopes
        squares = (
            _SQUARE_MOMENTUM * self.squares + (1 - _SQUARE_MOMENTUM) * slopes**2
        )
        # The first call has no losses to compare with.
        count = ops.maximum(self.steps.value, 1)
        mean = means / -ops.expm1(count * math.log(_MOMENTUM))
        square = squares / -ops.expm1(count * math.log(_SQUARE_MOMENTUM))
        logits = self.logits - self.learning_rate * mean / (
            ops.sqrt(square) + _EPSILON
        )
        learns = ops.logical_and(finite, self.steps.value > 0)
        for variable, value in (
            (self.logits, logits),
            (self.means, means),
            (self.squares, squares),
        ):
            variable.assign(ops.where(learns, value, variable.value))
        self.last_logs.assign(ops.where(finite, logs, self.last_logs.value))
        self.steps.assign_add(ops.cast(finite, self.steps.dtype))

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "learning_rate": self.learning_rate,
            "decay": self.decay,
        }
