"""GradVac: gradients turned to the cosines that they usually have."""

from collections.abc import Sequence

import keras
from keras import ops

from keras_anytime.backend.types import Tensor
from keras_anytime.gradients import gram as gram_lib
from keras_anytime.gradients import surgery
from keras_anytime.gradients.visiting import VisitingCombiner


@keras.saving.register_keras_serializable(package="keras_anytime")
class GradVac(VisitingCombiner):
    """Turns gradients to the cosines that they usually have (GradVac).

    Each gradient meets the others in a random order. Where its cosine with
    `g_j`, after the changes before, is below the moving average `p_ij` of their
    cosines, so much of `g_j` is added to it that the cosine becomes `p_ij`:
    `g_i += |g_i| (p sqrt(1 - c²) - c sqrt(1 - p²)) / (|g_j| sqrt(1 - p²)) g_j`.
    Then `p_ij = (1 - beta) p_ij + beta c`. The averages start at 0, where the
    first step is that of PCGrad, and are variables of the combiner. The update
    is the sum of the changed gradients.

    Pairs with a zero gradient, and their averages, are left as they are.
    TorchJD adds 1e-8 to denominators instead, which matters for gradients that
    are about as short. Parallel gradients raise their average; the nearer it is
    to 1, the more of `g_j` a gradient takes that is not parallel any more. A
    gradient that is not finite is left out of the training step. Beyond the
    gradients of the stages, it costs K rounds of some operations on matrices of
    size K.

    It has no `refresh_every`: the averages are updated in each training step.

    Args:
        beta: Float in [0, 1]. Share of each cosine in its new average.
        order: Sequence of all stage numbers, counted from 1: the order in which
            every gradient meets the others. `None` draws an order for each
            gradient in each training step.
        seed: Integer from 0 to 2**32 - 1, of the draws. `None` takes a random
            seed, which `keras.utils.set_random_seed` determines.
        name: Optional string.

    Attributes:
        targets: Float variable `(K, K)`, the averages of the cosines.

    Raises:
        ValueError: If an argument is wrong.

    Reference:
        [Wang et al., 2021, Algorithm 1](https://arxiv.org/abs/2010.05874)
    """

    def __init__(
        self,
        beta: float = 0.5,
        order: Sequence[int] | None = None,
        seed: int | None = None,
        name: str | None = None,
    ):
        super().__init__(order=order, seed=seed, name=name)
        if not 0 <= beta <= 1:
            raise ValueError(f"`beta` must be in [0, 1]. Received: beta={beta}")
        self.beta = beta

    def build(self, input_shape: tuple[int, ...]) -> None:
        self.targets = self._zeros("targets", (input_shape[0],) * 2)
        super().build(input_shape)

    def coefficients(self, gram: Tensor, sizes: list[int]) -> Tensor:
        """Returns the coefficients of the sum of the changed gradients.

        Args:
            gram: Tensor `(K, K)`, the inner products of the stage gradients.
            sizes: Sequence of K integers. Not used.

        Returns:
            Tensor `(K,)`.
        """
        gram, finite = gram_lib.finite_part(gram)
        self.ensure_built(gram.shape[0])
        visits = self.visits(gram.shape[0], gram.dtype)
        rows, targets = surgery.vaccinated_rows(
            gram, visits, ops.cast(self.targets.value, gram.dtype), self.beta
        )
        self.targets.assign(ops.cast(targets, "float32"))
        return ops.where(finite, ops.sum(rows, axis=0), 0)

    def get_config(self) -> dict:
        return {**super().get_config(), "beta": self.beta}
