"""Aligned-MTL: gradients whose principal components have one length."""

from collections.abc import Sequence

import keras

from keras_anytime.backend.types import Tensor
from keras_anytime.gradients import gram as gram_lib
from keras_anytime.gradients import spectral
from keras_anytime.gradients.preferred import PreferredCombiner

_SCALE_MODES = ("min", "median", "rmse")


@keras.saving.register_keras_serializable(package="keras_anytime")
class AlignedMTL(PreferredCombiner):
    """Brings the principal components of gradients to one length (Aligned-MTL).

    With the eigenvalues `l` and eigenvectors V of the Gram matrix, the weights
    of the gradients are `sqrt(s) V l^(-1/2) V' u`, with `u_i = 1 / K`. The
    aligned gradients are orthogonal and of the length `sqrt(s)`. With `"min"`,
    s is the smallest eigenvalue that is not rounding, so the more alike two
    gradients are, the shorter is the update.

    Zero gradients, and what is spanned by others to rounding, are left out. A
    gradient that is not finite is left out of the training step. Eigenvalues
    below K times 2e-16 of the largest count as rounding; of gradients whose
    lengths differ by 1e6, about four digits are right. Beyond the gradients of
    the stages, it costs one eigendecomposition of size K.

    Args:
        preference: Sequence of K numbers of 0 or more, the weights u. `None`
            means 1 / K each.
        scale_mode: `"min"`, `"median"` or `"rmse"`: s is the smallest
            eigenvalue, the median (of an even number, the smaller one) or the
            mean. The authors' program takes the mean.
        refresh_every: As in `Orthogonal`.
        name: Optional string.

    Raises:
        ValueError: If an argument is wrong.

    Reference:
        [Senushkin et al., 2023, Algorithm 1](https://arxiv.org/abs/2305.19000)
    """

    def __init__(
        self,
        preference: Sequence[float] | None = None,
        scale_mode: str = "min",
        refresh_every: int = 1,
        name: str | None = None,
    ):
        super().__init__(preference, refresh_every, name)
        if scale_mode not in _SCALE_MODES:
            raise ValueError(
                "`scale_mode` must be 'min', 'median' or 'rmse'. "
                f"Received: scale_mode={scale_mode!r}"
            )
        self.scale_mode = scale_mode

    def coefficients(self, gram: Tensor, sizes: list[int]) -> Tensor:
        """Returns the weights of the mean of the aligned gradients.

        Args:
            gram: Tensor `(K, K)`, the inner products of the stage gradients.
            sizes: Sequence of K integers. Not used.

        Returns:
            Tensor `(K,)`.
        """
        gram, finite = gram_lib.finite_part(gram)
        return spectral.aligned_weights(
            gram, self.shares(finite, gram.dtype), self.scale_mode
        )

    def get_config(self) -> dict:
        return {**super().get_config(), "scale_mode": self.scale_mode}
