"""DynamicWeightAverage: more weight for losses that fall slowly (DWA)."""

from typing import Any

import keras
from keras import ops

from keras_anytime.backend.types import Tensor
from keras_anytime.training_state import check_above_zero
from keras_anytime.training_state import check_steps
from keras_anytime.weighting.base import Weighting


@keras.saving.register_keras_serializable(package="keras_anytime")
class DynamicWeightAverage(Weighting):
    """Gives more weight to losses that fall more slowly than others (DWA).

    `B_k = K softmax(r_k / temperature)` with `r_k` the mean loss of the last
    window of training steps over that of the window before. All weights are 1
    in the first two windows. In the paper, a window is an epoch.

    A loss that is not finite is left out of its mean. A window without a finite
    loss of a stage keeps the mean of the window before. A mean of 0 counts as
    one that does not fall.

    Args:
        temperature: Float above 0; the larger, the more even are the weights.
        window: Integer of 1 or more. Training steps of a window: those of an
            epoch, for the paper's weights.
        name: Optional string.

    Call arguments:
        losses: Float tensor `(num_stages,)`.

    Returns:
        Float tensor `(num_stages,)` of sum K.

    Raises:
        ValueError: If an argument is outside its range.

    Reference:
        [Liu et al., 2019, Eq. 7](https://arxiv.org/abs/1803.10704)
    """

    def __init__(
        self,
        temperature: float = 2.0,
        window: int = 100,
        name: str | None = None,
    ) -> None:
        super().__init__(name=name)
        check_above_zero("temperature", temperature)
        check_steps("window", window)
        self.temperature = temperature
        self.window = int(window)

    def build(self, input_shape: tuple[int, ...]) -> None:
        super().build(input_shape)

        def zeros(name, shape=input_shape, dtype=None):
            return self.add_weight(
                name=name, shape=shape, initializer="zeros", dtype=dtype
            )

        self.sums = zeros("sums")
        self.counts = zeros("counts")
        self.last_means = zeros("last_means")
        self.means_before = zeros("means_before")
        self.steps = zeros("steps", (), "int32")

    def call(self, losses: Tensor) -> Tensor:
        last, before = self.last_means.value, self.means_before.value
        known = ops.logical_and(before > 0, last > 0)
        ratios = ops.where(known, last / ops.where(known, before, 1), 1)
        # Not `ops.softmax`, which warns if there is a single stage.
        weights = self.num_stages * ops.exp(
            ops.log_softmax(ratios / self.temperature)
        )

        finite = ops.isfinite(losses)
        sums = self.sums + ops.where(finite, losses, 0)
        counts = self.counts + ops.cast(finite, losses.dtype)
        means = ops.where(counts > 0, sums / ops.maximum(counts, 1), last)
        steps = self.steps.value + 1
        full = ops.equal(steps, self.window)
        self.means_before.assign(ops.where(full, last, before))
        self.last_means.assign(ops.where(full, means, last))
        self.sums.assign(ops.where(full, 0, sums))
        self.counts.assign(ops.where(full, 0, counts))
        self.steps.assign(ops.where(full, 0, steps))
        return weights

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "temperature": self.temperature,
            "window": self.window,
        }
