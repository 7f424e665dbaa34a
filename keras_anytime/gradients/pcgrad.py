"""PCGrad: gradients projected off those that they conflict with."""

import keras
from keras import ops

from keras_anytime.backend.types import Tensor
from keras_anytime.gradients import gram as gram_lib
from keras_anytime.gradients import surgery
from keras_anytime.gradients.visiting import VisitingCombiner


@keras.saving.register_keras_serializable(package="keras_anytime")
class PCGrad(VisitingCombiner):
    """Projects each gradient off those that it conflicts with (PCGrad).

    Each gradient meets the others in a random order. Where its inner product
    with `g_j`, after the projections before, is negative, `g_i` is projected
    onto the plane that is orthogonal to `g_j`:
    `g_i -= (g_i'g_j / |g_j|²) g_j`. The update is the sum of the projected
    gradients. It may still increase a loss if there are three gradients or
    more. The scale of each loss makes no difference to the conflicts.

    Nothing is projected on a zero gradient. Parallel gradients are left as they
    are, and opposed ones turn to zero. A gradient that is not finite is left
    out of the training step. Beyond the gradients of the stages, it costs K
    rounds of a few operations on matrices of size K.

    It has no `refresh_every`: each training step draws new orders.

    Args:
        order: Sequence of all stage numbers, counted from 1: the order in which
            every gradient meets the others. `None` draws an order for each
            gradient in each training step, as in the paper.
        seed: Integer from 0 to 2**32 - 1, of the draws. `None` takes a random
            seed, which `keras.utils.set_random_seed` determines.
        name: Optional string.

    Raises:
        ValueError: If an argument is wrong.

    Reference:
        [Yu et al., 2020, Algorithm 1](https://arxiv.org/abs/2001.06782)
    """

    def coefficients(self, gram: Tensor, sizes: list[int]) -> Tensor:
        """Returns the coefficients of the sum of the projected gradients.

        Args:
            gram: Tensor `(K, K)`, the inner products of the stage gradients.
            sizes: Sequence of K integers. Not used.

        Returns:
            Tensor `(K,)`, no entry negative.
        """
        gram, finite = gram_lib.finite_part(gram)
        visits = self.visits(gram.shape[0], gram.dtype)
        rows = surgery.projected_rows(gram, visits)
        return ops.where(finite, ops.sum(rows, axis=0), 0)
