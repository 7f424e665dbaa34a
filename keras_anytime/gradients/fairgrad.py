"""FairGrad: updates of alpha-fair improvements of all losses."""

import math

import keras

from keras_anytime.backend.types import Tensor
from keras_anytime.gradients import fairness
from keras_anytime.gradients import gram as gram_lib
from keras_anytime.gradients.preferred import mean_weights
from keras_anytime.gradients.refreshed import RefreshedCombiner


@keras.saving.register_keras_serializable(package="keras_anytime")
class FairGrad(RefreshedCombiner):
    """Divides the improvement of the losses fairly (FairGrad).

    The weights w are the positive solution of `G w = w^(-1 / alpha)`, entry by
    entry: the update maximizes the sum of the alpha-fair utilities of the
    improvements `g_i'd`. `alpha` of 0 stands for the mean of the gradients, 1
    for proportional fairness, which is Nash-MTL without its scaling, 2 for the
    least potential delay, and a large one for the best worst improvement.

    The update of gradients that are all 10 times shorter is not 10 times
    shorter: weights grow with a negative power of the scale of the losses, so
    that the learning rate has another meaning than with `Sum`.

    The solution is exact. A zero gradient, or one that is not finite, is left
    out of the training step. Parallel gradients of one length have one weight.
    Where gradients are opposed, there is no solution, and the update is nearly
    free of what they conflict in. Beyond the gradients of the stages, it costs
    about ten linear systems of size K.

    Args:
        alpha: Float of 0 or more.
        refresh_every: As in `Orthogonal`.
        name: Optional string.

    Raises:
        ValueError: If an argument is outside its range.

    Reference:
        [Ban and Ji, 2024, Eq. 4](https://arxiv.org/abs/2402.15638)
    """

    def __init__(
        self,
        alpha: float = 2.0,
        refresh_every: int = 1,
        name: str | None = None,
    ):
        super().__init__(refresh_every=refresh_every, name=name)
        if not (alpha == 0 or 0.1 <= alpha < math.inf):
            raise ValueError(
                "`alpha` must be 0, or 0.1 or more: weights overflow between "
                f"them. Received: alpha={alpha}"
            )
        self.alpha = alpha

    def coefficients(self, gram: Tensor, sizes: list[int]) -> Tensor:
        """Returns the weights of the update.

        Args:
            gram: Tensor `(K, K)`, the inner products of the stage gradients.
            sizes: Sequence of K integers. Not used.

        Returns:
            Tensor `(K,)`, no entry negative.
        """
        gram, finite = gram_lib.finite_part(gram)
        if self.alpha == 0:
            return mean_weights(finite, gram.dtype)
        return fairness.fair_weights(gram, 1 / self.alpha)

    def get_config(self) -> dict:
        return {**super().get_config(), "alpha": self.alpha}
