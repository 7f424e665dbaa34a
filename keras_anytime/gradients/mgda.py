"""MGDA: the convex combination of gradients that has the least norm."""

import keras

from keras_anytime.backend.types import Tensor
from keras_anytime.gradients import gram as gram_lib
from keras_anytime.gradients import quadratic
from keras_anytime.gradients.refreshed import RefreshedCombiner


@keras.saving.register_keras_serializable(package="keras_anytime")
class MGDA(RefreshedCombiner):
    """Takes the convex combination of gradients with the least norm (MGDA).

    `min_a |Σ a_i g_i|²` under `a_i >= 0`, `Σ a_i = 1`. The update decreases all
    losses, each by at least its own squared norm times the learning rate, to
    first order; it is zero where no direction decreases them all. Short
    gradients outweigh long ones: a zero gradient makes the update zero.

    The minimum is exact. Implementations by Sener and Koltun's Frank-Wolfe
    steps, TorchJD's among them, stop at a step below 0.001 or after 100 steps,
    and are up to some percent longer.

    Of parallel gradients, the shortest counts; equal gradients share the
    weight. A gradient that is not finite is left out of the training step.
    Beyond the gradients of the stages, it costs a few linear systems of size K.

    Args:
        refresh_every: As in `Orthogonal`.
        name: Optional string.

    Raises:
        ValueError: If `refresh_every` is not a whole number of 1 or more.

    Reference:
        - [Désidéri, 2012](https://doi.org/10.1016/j.crma.2012.03.014)
        - [Sener and Koltun, 2018](https://arxiv.org/abs/1810.04650)
    """

    def coefficients(self, gram: Tensor, sizes: list[int]) -> Tensor:
        """Returns the weights of the combination.

        Args:
            gram: Tensor `(K, K)`, the inner products of the stage gradients.
            sizes: Sequence of K integers. Not used.

        Returns:
            Tensor `(K,)`, no entry negative, of sum 1.
        """
        return quadratic.min_norm_weights(*gram_lib.finite_part(gram))
