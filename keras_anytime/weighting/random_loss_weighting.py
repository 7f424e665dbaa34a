"""RandomLossWeighting: new random weights in each training step (RLW)."""

import keras
from keras import ops

from keras_anytime.backend.types import Tensor
from keras_anytime.training_state import RandomState
from keras_anytime.weighting.base import Weighting


@keras.saving.register_keras_serializable(package="keras_anytime")
class RandomLossWeighting(RandomState, Weighting):
    """Draws new weights in each training step (RLW).

    `B = K softmax(z)` with K independent z of the standard normal distribution.
    On average all weights are 1. The paper proposes it as the baseline that
    other weightings should beat. Its weights have the sum 1 instead of K.

    Args:
        seed: Integer from 0 to 2**32 - 1. `None` takes a random seed, which
            `keras.utils.set_random_seed` determines.
        name: Optional string.

    Call arguments:
        losses: Float tensor `(num_stages,)`.

    Returns:
        Float tensor `(num_stages,)` of sum K.

    Raises:
        ValueError: If `seed` is outside its range.

    Reference:
        [Lin et al., 2022, Section 3](https://arxiv.org/abs/2111.10603)
    """

    def call(self, losses: Tensor) -> Tensor:
        drawn = keras.random.normal(
            (self.num_stages,), dtype=losses.dtype, seed=self.seed_generator
        )
        # Not `ops.softmax`, which warns if there is a single stage.
        return self.num_stages * ops.exp(ops.log_softmax(drawn))
