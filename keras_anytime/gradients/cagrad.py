"""CAGrad: the best worst improvement near the mean gradient."""

import keras

from keras_anytime.backend.types import Tensor
from keras_anytime.gradients import gram as gram_lib
from keras_anytime.gradients import quadratic
from keras_anytime.gradients.preferred import mean_weights
from keras_anytime.gradients.refreshed import RefreshedCombiner
from keras_anytime.training_state import check_not_negative


@keras.saving.register_keras_serializable(package="keras_anytime")
class CAGrad(RefreshedCombiner):
    """Improves the worst loss, within a distance of the mean gradient (CAGrad).

    `max_d min_i g_i'd` under `|d - g_0| <= c |g_0|`, with the mean gradient
    `g_0`. For c = 0 the update is `g_0`; the larger c, the nearer it is to a
    multiple of MGDA's.

    The update is zero where the combination of gradients that it adds is
    shorter than `norm_eps`, relative to all gradients together: no direction
    improves all losses there. So a zero gradient can make it zero. Parallel
    gradients count once for the worst loss, and each for the mean. A gradient
    that is not finite is left out of the training step. Beyond the gradients of
    the stages, it costs about ten linear systems of size K.

    TorchJD also returns zero where the sum of the squared norms is below
    `norm_eps`; here the scale of the losses makes no difference.

    Args:
        c: Float of 0 or more, the radius relative to the norm of the mean. The
            paper takes values below 1.
        norm_eps: Float of 0 or more; see above.
        refresh_every: As in `Orthogonal`.
        name: Optional string.

    Raises:
        ValueError: If an argument is outside its range.

    Reference:
        [Liu et al., 2021, Algorithm 1](https://arxiv.org/abs/2110.14048)
    """

    def __init__(
        self,
        c: float = 0.5,
        norm_eps: float = 1e-4,
        refresh_every: int = 1,
        name: str | None = None,
    ):
        super().__init__(refresh_every=refresh_every, name=name)
        check_not_negative("c", c)
        check_not_negative("norm_eps", norm_eps)
        self.c = c
        self.norm_eps = norm_eps

    def coefficients(self, gram: Tensor, sizes: list[int]) -> Tensor:
        """Returns the coefficients of the update d.

        Args:
            gram: Tensor `(K, K)`, the inner products of the stage gradients.
            sizes: Sequence of K integers. Not used.

        Returns:
            Tensor `(K,)`, no entry negative.
        """
        gram, finite = gram_lib.finite_part(gram)
        mean = mean_weights(finite, gram.dtype)
        if self.c == 0:
            return mean
        return quadratic.conflict_averse_weights(
            gram, mean, finite, self.c, self.norm_eps
        )

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "c": self.c,
            "norm_eps": self.norm_eps,
        }
