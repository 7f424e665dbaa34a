"""Nash-MTL: the update that gradients agree on in a bargaining game."""

import math

import keras
from keras import ops

from keras_anytime.backend.types import Tensor
from keras_anytime.gradients import fairness
from keras_anytime.gradients import gram as gram_lib
from keras_anytime.gradients.refreshed import RefreshedCombiner


@keras.saving.register_keras_serializable(package="keras_anytime")
class NashMTL(RefreshedCombiner):
    """Takes the Nash bargaining solution of the gradients (Nash-MTL).

    The weights a are the positive solution of `G a = 1 / a`, entry by entry,
    for the Gram matrix G: the update maximizes `Σ log g_i'd` among those of its
    length. Its norm is `sqrt(K)`, however long the gradients are, and is cut to
    `max_norm`, as in the authors' program. The update does not shrink with the
    losses, so that training converges only as the learning rate falls. The
    scale of each loss makes no difference.

    The solution is exact. The authors' program and TorchJD approximate it by a
    sequence of up to 20 convex programs, which start from the last solution and
    often end before they reach this one. Here, no state is kept.

    A zero gradient, or one that is not finite, is left out of the training
    step. Parallel gradients have equal shares of the update. Where gradients
    are opposed, there is no solution, and the update is nearly free of what
    they conflict in. Beyond the gradients of the stages, it costs about ten
    linear systems of size K.

    Args:
        max_norm: Float of 0 or more, the largest norm of the update; 0 means
            no limit.
        refresh_every: As in `Orthogonal`. The limit is that of the training
            steps that compute coefficients.
        name: Optional string.

    Raises:
        ValueError: If an argument is outside its range.

    Reference:
        [Navon et al., 2022, Claim 3.1](https://arxiv.org/abs/2202.01017)
    """

    def __init__(
        self,
        max_norm: float = 1.0,
        refresh_every: int = 1,
        name: str | None = None,
    ):
        super().__init__(refresh_every=refresh_every, name=name)
        if not 0 <= max_norm < math.inf:
            raise ValueError(
                "`max_norm` must be 0, which means no limit, or above 0. "
                f"Received: max_norm={max_norm}"
            )
        self.max_norm = max_norm

    def coefficients(self, gram: Tensor, sizes: list[int]) -> Tensor:
        """Returns the weights of the update.

        Args:
            gram: Tensor `(K, K)`, the inner products of the stage gradients.
            sizes: Sequence of K integers. Not used.

        Returns:
            Tensor `(K,)`, no entry negative.
        """
        gram, _ = gram_lib.finite_part(gram)
        weights = fairness.fair_weights(gram, 1.0)
        if self.max_norm == 0:
            return weights
        length = ops.sqrt(
            ops.maximum(ops.sum(weights * ops.matmul(gram, weights)), 0)
        )
        too_long = length > self.max_norm
        factor = self.max_norm / ops.where(too_long, length, 1)
        return ops.where(too_long, factor, 1) * weights

    def get_config(self) -> dict:
        return {**super().get_config(), "max_norm": self.max_norm}
