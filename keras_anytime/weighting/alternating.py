"""Alternating: draws stages in proportion to their weights (AANN)."""

import keras

from keras_anytime.backend.types import Tensor
from keras_anytime.weighting.sampler import Sampler


@keras.saving.register_keras_serializable(package="keras_anytime")
class Alternating(Sampler):
    """Amplifies a stage drawn in proportion to its weight (AANN).

    `p_k = B_k / sum(B)`, where `B` are the weights of `base`. A stage of weight
    0 is never drawn.

    Args:
        base: A `Weighting`, or `None` for `Sieve()`, as in the paper.
        boost: Float of 0 or more. Share of the sum of all weights that is added
            to the weight of the drawn stage.
        seed: Integer of 0 or more. `None` takes a random seed, which
            `keras.utils.set_random_seed` determines.
        name: Optional string.

    Call arguments:
        losses: Float tensor `(num_stages,)`.

    Returns:
        Float tensor `(num_stages,)`.

    Raises:
        ValueError: If an argument is outside its range.

    Reference:
        [Hu et al., 2017, Sections 3.2 and 4.4](
        https://arxiv.org/abs/1708.06832v1)
    """

    def probabilities(self, weights: Tensor, losses: Tensor) -> Tensor:
        return weights
