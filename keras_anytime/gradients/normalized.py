"""NormSGD: scales stage gradients to one norm per parameter."""

import keras

from keras_anytime.backend.types import Gradient
from keras_anytime.backend.types import Tensor
from keras_anytime.gradients import gram as gram_lib
from keras_anytime.gradients.base import Combiner
from keras_anytime.gradients.base import check_scale


@keras.saving.register_keras_serializable(package="keras_anytime")
class Normalized(Combiner):
    """Scales all stage gradients to one norm per parameter (NormSGD).

    Each gradient gets the norm `sqrt(d_i) * scale`, where `d_i` is the number
    of parameters of its subnetwork. The gradient of a variable is the average
    over the stages that own it. Loss weights make no difference, unless they
    are 0.

    A stage whose gradient is zero or not finite adds nothing.

    By Eq. 2, the gradient of each parameter is about `scale` in size, however
    small the losses are. With a learning rate of 0.1 and the paper's 1/2, each
    parameter moves by 0.05 in a training step, and by up to 0.5 with a momentum
    of 0.9, which multiplies steady updates by 10. Weights start at about 0.1.
    Kernels before batch normalization stand it, because only their direction
    counts; the shifts of batch normalization and the heads do not. In trainings
    of 8 and 40 epochs of a small network on 2,000 images of CIFAR-10, 1/2
    stayed near chance with momentum 0.9 at rate 0.1, for all of the longer one:
    it is not for lack of time. The same 1/2 trained without momentum, and at
    rate 0.01 with momentum, as did 0.01 to 0.1 with both (see
    `recipes/results/cifar10_calibration.json`). The paper states no momentum,
    so its 1/2 fits this reading of Eq. 2 without one. With the usual momentum
    of 0.9, start at 0.05 or less, and calibrate: `recipes/calibrate.py`.

    Args:
        scale: Float above 0. The constant C of Eq. 2, which the paper set
            "using calibration experiments" on its networks. The norm of the
            update does not shrink with the losses, so training converges only
            as the learning rate falls.
        name: Optional string.

    Raises:
        ValueError: If `scale` is not positive.

    Reference:
        [Wan et al., 2020, Section 4.2, Eq. 2](
        https://arxiv.org/abs/2008.06635)
    """

    def __init__(self, scale: float = 0.5, name: str | None = None):
        super().__init__(name=name)
        check_scale(scale)
        self.scale = scale

    def call(
        self,
        gradients: list[Gradient],
        loss_scale: Tensor = 1.0,
        already_combined: bool = False,
    ) -> Gradient:
        total = super().call(gradients, loss_scale, already_combined)
        owners = [
            sum(gradient is not None for gradient in of_stages)
            for of_stages in zip(*gradients, strict=True)
        ]
        return [
            None if gradient is None else gradient / count
            for gradient, count in zip(total, owners, strict=True)
        ]

    def coefficients(self, gram: Tensor, sizes: list[int]) -> Tensor:
        """Returns c, before each variable is averaged over its owners.

        Args:
            gram: Tensor `(K, K)`, the inner products of the stage gradients.
            sizes: Sequence of K integers d_i, the parameters of each stage's
                subnetwork.

        Returns:
            Tensor `(K,)`, all finite.
        """
        return gram_lib.normalizing_factors(gram, sizes, self.scale)

    def get_config(self) -> dict:
        return {**super().get_config(), "scale": self.scale}
