"""Constant: fixed weights, equal by default (CONST)."""

import math
from collections.abc import Iterable
from typing import Any

import keras

from keras_anytime.weighting.static import Static


@keras.saving.register_keras_serializable(package="keras_anytime")
class Constant(Static):
    """Gives the same weights in every training step; equal ones by default.

    `B_k = weights[k - 1]`, or `B_k = 1` without `weights`.

    Args:
        weights: Sequence of floats of 0 or more, one for each stage. `None`
            gives each stage a weight of 1.
        total: Float above 0. The weights are scaled to this sum. `None` keeps
            them as they are. With `Sum()` only the ratios count.
        name: Optional string.

    Call arguments:
        losses: Float tensor `(num_stages,)`. Only its size is used.

    Returns:
        Float tensor `(num_stages,)`.

    Raises:
        ValueError: If a weight is negative, all weights are zero, or `total`
            is not a finite number above 0. When the model is compiled, if the
            number of weights is not that of the stages.

    Reference:
        - [Hu et al., 2017, Section 3, "CONST"](
          https://arxiv.org/abs/1708.06832v1)
        - [Wan et al., 2020, Eq. 1, `k_i`](https://arxiv.org/abs/2008.06635)
    """

    def __init__(
        self,
        weights: Iterable[float] | None = None,
        total: float | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(total=total, name=name)
        self.stage_weights = None if weights is None else list(weights)
        if self.stage_weights is not None and not (
            all(0 <= weight < math.inf for weight in self.stage_weights)
            and sum(self.stage_weights) > 0
        ):
            raise ValueError(
                "`weights` must hold finite numbers of 0 or more, not all 0. "
                f"Received: weights={weights}"
            )

    def scheme(self, num_stages: int) -> list[float]:
        if self.stage_weights is None:
            return [1.0] * num_stages
        if len(self.stage_weights) != num_stages:
            raise ValueError(
                f"Expected one weight for each of {num_stages} stages. "
                f"Received: weights={self.stage_weights}"
            )
        return self.stage_weights

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "weights": self.stage_weights}
