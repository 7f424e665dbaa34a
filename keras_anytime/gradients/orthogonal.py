"""OSGD: projects stage gradients onto orthogonal complements of others."""

from collections.abc import Sequence

import keras
from keras import ops

from keras_anytime.backend.types import Tensor
from keras_anytime.gradients import gram as gram_lib
from keras_anytime.gradients.base import check_order
from keras_anytime.gradients.base import check_scale
from keras_anytime.gradients.refreshed import RefreshedCombiner


@keras.saving.register_keras_serializable(package="keras_anytime")
class Orthogonal(RefreshedCombiner):
    """Removes from each stage's gradient its components along others (OSGD).

    Projects each stage's gradient onto the orthogonal complement of the
    gradients of higher priority, and sums the projected gradients. A stage
    then changes the weights only in directions in which no stage of higher
    priority has a gradient.

    A stage whose gradient is not finite is left out of the training step. The
    projections do not depend on a common scale of the losses.

    Args:
        priority: Sequence of all stage numbers, counted from 1, the most
            important stage first. `None` means the order of the stages, which
            the paper finds best.
        normalize: Boolean. Whether each gradient is first scaled to the norm
            `sqrt(d_i) * scale`, where `d_i` is the size of its subnetwork
            (OSGD-Norm).
        scale: Float above 0. The constant C of Eq. 2; used with `normalize`
            only.
        refresh_every: Integer of 1 or more. The coefficients of the stage
            gradients are computed every so many training steps. The training
            steps in between use the last coefficients and loss weights again.
            They cost one backward pass, about as much as those of `Sum` (on
            several replicas, and on JAX without a GPU, as much as any), and
            leave no stage out. 1 is the paper's algorithm.
        name: Optional string.

    Raises:
        ValueError: If `priority` is not a permutation of the stages, `scale` is
            not positive, or `refresh_every` is not a whole number of 1 or more.

    Reference:
        [Wan et al., 2020, Section 4.3, Algorithm 2](
        https://arxiv.org/abs/2008.06635)
    """

    def __init__(
        self,
        priority: Sequence[int] | None = None,
        normalize: bool = False,
        scale: float = 0.5,
        refresh_every: int = 1,
        name: str | None = None,
    ):
        super().__init__(refresh_every=refresh_every, name=name)
        self.priority = None if priority is None else list(priority)
        self.normalize = normalize
        self.scale = scale
        if self.priority is not None:
            check_order("priority", self.priority, len(self.priority))
        check_scale(scale)

    def build(self, input_shape: tuple[int, ...]) -> None:
        if self.priority is not None:
            check_order("priority", self.priority, input_shape[0])
        super().build(input_shape)

    def coefficients(self, gram: Tensor, sizes: list[int]) -> Tensor:
        """Returns c such that the OSGD update is Σ c_i g_i.

        Args:
            gram: Tensor `(K, K)`, the inner products of the stage gradients.
            sizes: Sequence of K integers d_i, the parameters of each stage's
                subnetwork. Used with `normalize` only.

        Returns:
            Tensor `(K,)`, all finite.
        """
        num_stages = len(sizes)
        order = [
            stage - 1 for stage in self.priority or range(1, num_stages + 1)
        ]
        gram = ops.convert_to_tensor(gram)
        if not self.normalize:
            return gram_lib.gram_schmidt_coefficients(gram, order)
        factors = gram_lib.normalizing_factors(gram, sizes, self.scale)
        scaled = gram * factors[:, None] * factors[None, :]
        return factors * gram_lib.gram_schmidt_coefficients(scaled, order)

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "priority": self.priority,
            "normalize": self.normalize,
            "scale": self.scale,
        }
