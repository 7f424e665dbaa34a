"""DualProj: the mean gradient, projected to conflict with no gradient."""

import keras

from keras_anytime.backend.types import Tensor
from keras_anytime.gradients import gram as gram_lib
from keras_anytime.gradients import quadratic
from keras_anytime.gradients.dual_cone import DualConeCombiner


@keras.saving.register_keras_serializable(package="keras_anytime")
class DualProj(DualConeCombiner):
    """Projects the mean gradient so that it conflicts with none (DualProj).

    The update is the point of the dual cone of the gradients that is next to
    their mean: `min_d |d - g_0|` under `g_i'd >= 0`. It increases no loss, to
    first order. `reg_eps` relaxes that as in `UPGrad`.

    Zero gradients move nothing and are counted in the mean. Parallel gradients
    count once for the conflicts, and each for the mean; opposed ones cancel. A
    gradient that is not finite is left out of the training step. Beyond the
    gradients of the stages, it costs a few linear systems of size K.

    Args:
        preference: Sequence of K numbers of 0 or more, the weights of the mean
            that is projected. `None` means 1 / K each.
        reg_eps: Float of 0 or more, added to the diagonal of the Gram matrix,
            whose trace is 1.
        norm_eps: Float of 0 or more. Gradients whose squared norms have a
            smaller sum are averaged as they are. TorchJD has 1e-4 here, which
            turns the projection off where gradients are small.
        refresh_every: As in `Orthogonal`.
        name: Optional string.

    Raises:
        ValueError: If an argument is wrong.

    Reference:
        [Lopez-Paz and Ranzato, 2017, Eq. 11](
        https://arxiv.org/abs/1706.08840)
    """

    def coefficients(self, gram: Tensor, sizes: list[int]) -> Tensor:
        """Returns the weights of the projected mean.

        Args:
            gram: Tensor `(K, K)`, the inner products of the stage gradients.
            sizes: Sequence of K integers. Not used.

        Returns:
            Tensor `(K,)`, no entry negative.
        """
        gram, finite = gram_lib.finite_part(gram)
        mean = self.shares(finite, gram.dtype)
        return quadratic.dual_cone_weights(
            gram, mean[None], self.reg_eps, self.norm_eps
        )[0]
