"""Exponential: weights in a geometric series (expb2, expb0.5)."""

from typing import Any

import keras

from keras_anytime.training_state import check_above_zero
from keras_anytime.weighting.static import Static


@keras.saving.register_keras_serializable(package="keras_anytime")
class Exponential(Static):
    """Gives weights in a geometric series.

    `B_k` is proportional to `base ** k`, and the largest weight is 1. The
    paper's "expb2" is `Exponential(2.0)` and its "expb0.5" is
    `Exponential(0.5)`.

    Args:
        base: Float above 0. Ratio of a stage's weight to the weight of the
            stage before it.
        total: Float above 0. The weights are scaled to this sum. `None` keeps
            them as they are. With `Sum()` only the ratios count.
        name: Optional string.

    Call arguments:
        losses: Float tensor `(num_stages,)`. Only its size is used.

    Returns:
        Float tensor `(num_stages,)`; without `total`, the largest entry is 1.

    Raises:
        ValueError: If an argument is outside its range.

    Reference:
        [Hu et al., 2017, Section 4.3](https://arxiv.org/abs/1708.06832v1)
    """

    def __init__(
        self,
        base: float = 2.0,
        total: float | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(total=total, name=name)
        check_above_zero("base", base)
        self.base = float(base)

    def scheme(self, num_stages: int) -> list[float]:
        largest = num_stages if self.base > 1 else 1
        stages = range(1, num_stages + 1)
        return [self.base ** (stage - largest) for stage in stages]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "base": self.base}
