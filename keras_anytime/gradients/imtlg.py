"""IMTL-G: an update of equal projections on all gradients."""

import keras

from keras_anytime.backend.types import Tensor
from keras_anytime.gradients import gram as gram_lib
from keras_anytime.gradients import spectral
from keras_anytime.gradients.refreshed import RefreshedCombiner


@keras.saving.register_keras_serializable(package="keras_anytime")
class IMTLG(RefreshedCombiner):
    """Takes an update of equal projections on all gradients (IMTL-G).

    The weights are `v / Σ v` with `v = G^+ d` and `d_i = |g_i|`, where `G^+` is
    the pseudoinverse of the Gram matrix. The update's inner product with the
    unit vector of each gradient is the same, if there is such an update. Its
    direction does not depend on the scale of each loss.

    Weights may be negative, and large where `Σ v` is near 0: then the update
    may increase losses. Where it is 0, as for two opposed gradients of one
    length, the update is zero. Zero gradients get the weight 0. Parallel
    gradients share one weight by their length. A gradient that is not finite is
    left out of the training step. Of dependent gradients, those that are 1e7
    times shorter than the longest count as zero. Beyond the gradients of the
    stages, it costs two eigendecompositions of size K.

    Args:
        refresh_every: As in `Orthogonal`.
        name: Optional string.

    Raises:
        ValueError: If `refresh_every` is not a whole number of 1 or more.

    Reference:
        - [Liu et al., 2021](https://openreview.net/forum?id=IMPnRXEWpvr)
        - [Quinton and Rey, 2024](https://arxiv.org/abs/2406.16232), for
          dependent gradients
    """

    def coefficients(self, gram: Tensor, sizes: list[int]) -> Tensor:
        """Returns the weights of the update.

        Args:
            gram: Tensor `(K, K)`, the inner products of the stage gradients.
            sizes: Sequence of K integers. Not used.

        Returns:
            Tensor `(K,)` of sum 1, or zeros.
        """
        gram, _ = gram_lib.finite_part(gram)
        return spectral.impartial_weights(gram)
