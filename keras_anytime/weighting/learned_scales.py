"""The base of weightings that learn a scale of each loss."""

from typing import Any

from keras import ops

from keras_anytime.backend.types import Tensor
from keras_anytime.training_state import check_above_zero
from keras_anytime.weighting.base import Weighting


class LearnedScales(Weighting):
    """A weighting that learns a logarithm of each loss's scale.

    The scales are learned by gradient steps of their own, `s -= rate * ds`,
    whose gradient is known in closed form. They are no weights of the network:
    files of it do not hold them, and neither the optimizer's weight decay and
    momentum nor the combiner of gradients reach them. A subclass implements
    `slopes` and `weights_of`.

    Args:
        learning_rate: Float above 0.
        name: Optional string.

    Attributes:
        log_scales: Float variable `(num_stages,)`, s, initially 0.

    Raises:
        ValueError: If `learning_rate` is not above 0.
    """

    def __init__(
        self, learning_rate: float = 0.025, name: str | None = None
    ) -> None:
        super().__init__(name=name)
        check_above_zero("learning_rate", learning_rate)
        self.learning_rate = learning_rate

    def build(self, input_shape: tuple[int, ...]) -> None:
        super().build(input_shape)
        self.log_scales = self.add_weight(
            name="log_scales", shape=input_shape, initializer="zeros"
        )

    def weights_of(self, log_scales: Tensor) -> Tensor:
        """Returns the weights `(num_stages,)` that scales stand for."""
        raise TypeError(
            "Learned scales must implement `weights_of`. "
            f"Received: {type(self).__name__}"
        )

    def slopes(self, log_scales: Tensor, losses: Tensor) -> Tensor:
        """Returns the objective's gradient `(num_stages,)` of the scales."""
        raise TypeError(
            "Learned scales must implement `slopes`. "
            f"Received: {type(self).__name__}"
        )

    def call(self, losses: Tensor) -> Tensor:
        log_scales = self.log_scales.value
        finite = ops.isfinite(losses)
        weights = self.weights_of(log_scales)
        slopes = self.slopes(log_scales, ops.where(finite, losses, 0))
        # A huge loss moves its logarithm by 1 at most: weights stay in range.
        moves = ops.clip(self.learning_rate * slopes, -1, 1)
        self.log_scales.assign(
            ops.where(finite, ops.clip(log_scales - moves, -60, 60), log_scales)
        )
        return weights

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "learning_rate": self.learning_rate}
