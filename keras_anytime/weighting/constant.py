"""Weights that never change."""

import keras
from keras import ops

from keras_anytime.weighting.base import Weighting


@keras.saving.register_keras_serializable(package="keras_anytime")
class Constant(Weighting):
    """The same weights in every step; equal ones unless given.

    Args:
        weights: Sequence of one weight of 0 or more per stage, or `None` for
            a weight of 1 for each (CONST).
        name: Optional string.

    Call arguments:
        losses: Float tensor `(num_stages,)`.

    Returns:
        Float tensor `(num_stages,)`.

    Raises:
        ValueError: If a weight is negative or all are zero, or if their number
            is not that of the stages.

    Reference:
        [Hu et al., 2017, Section 3](https://arxiv.org/abs/1708.06832v1),
        CONST; [Wan et al., 2020, Eq. 1](https://arxiv.org/abs/2008.06635),
        `k_i`
    """

    def __init__(self, weights=None, name=None):
        super().__init__(name=name)
        self.stage_weights = None if weights is None else list(weights)
        if weights is not None and not (
            all(weight >= 0 for weight in weights) and sum(weights) > 0
        ):
            raise ValueError(
                "`weights` must hold numbers of 0 or more, not all 0. "
                f"Received: weights={weights}"
            )

    def build(self, input_shape):
        super().build(input_shape)
        if self.stage_weights and len(self.stage_weights) != input_shape[0]:
            raise ValueError(
                f"Expected one weight for each of {input_shape[0]} stages. "
                f"Received: weights={self.stage_weights}"
            )

    def call(self, losses):
        if self.stage_weights is None:
            return ops.ones_like(losses)
        return ops.convert_to_tensor(self.stage_weights, losses.dtype)

    def get_config(self):
        return {**super().get_config(), "weights": self.stage_weights}
