"""UPGrad: the mean of gradients that conflict with no other."""

import keras
from keras import ops

from keras_anytime.backend.types import Tensor
from keras_anytime.gradients import gram as gram_lib
from keras_anytime.gradients import quadratic
from keras_anytime.gradients.dual_cone import DualConeCombiner


@keras.saving.register_keras_serializable(package="keras_anytime")
class UPGrad(DualConeCombiner):
    """Averages the projections of gradients that conflict with none (UPGrad).

    Each gradient is projected onto the dual cone of all gradients: the
    directions that have no negative inner product with any of them. The update
    is the mean of the projections. It increases no loss, to first order, and
    grows in proportion to each gradient.

    The inner product with a gradient can be below 0 by the part that `reg_eps`
    adds: by `reg_eps` times the coefficient and the sum of all squared norms.
    So conflicts of a gradient that is 100 times shorter than others are not
    solved with 1e-4. Take `reg_eps=1e-9` for gradients of very different
    length.

    Zero gradients move nothing and are counted in the mean. Parallel gradients
    are projected alike; opposed ones cancel. A gradient that is not finite is
    left out of the training step. Beyond the gradients of the stages, it costs
    a few linear systems of size K for each stage.

    Args:
        preference: Sequence of K numbers of 0 or more, the weights of the
            projections. `None` means 1 / K each.
        reg_eps: Float of 0 or more, added to the diagonal of the Gram matrix,
            whose trace is 1; see above.
        norm_eps: Float of 0 or more. Gradients whose squared norms have a
            smaller sum are averaged as they are. TorchJD has 1e-4 here, which
            turns the projections off where gradients are small.
        refresh_every: As in `Orthogonal`.
        name: Optional string.

    Raises:
        ValueError: If an argument is wrong.

    Reference:
        [Quinton and Rey, 2024, Section 3](https://arxiv.org/abs/2406.16232)
    """

    def coefficients(self, gram: Tensor, sizes: list[int]) -> Tensor:
        """Returns the weights of the mean projection.

        Args:
            gram: Tensor `(K, K)`, the inner products of the stage gradients.
            sizes: Sequence of K integers. Not used.

        Returns:
            Tensor `(K,)`, no entry negative.
        """
        gram, finite = gram_lib.finite_part(gram)
        weights = quadratic.dual_cone_weights(
            gram,
            ops.diag(self.shares(finite, gram.dtype)),
            self.reg_eps,
            self.norm_eps,
        )
        return ops.sum(weights, axis=0)
