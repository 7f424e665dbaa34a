"""Normalized SGD (NormSGD)."""

import keras

from keras_anytime.gradients import gram as gram_lib
from keras_anytime.gradients.base import Combiner
from keras_anytime.gradients.base import check_scale


@keras.saving.register_keras_serializable(package="keras_anytime")
class Normalized(Combiner):
    """Brings all stage gradients to one length per parameter (NormSGD).

    Each gradient is brought to the norm `sqrt(d_i) * scale`, where `d_i` is
    the number of parameters of its subnetwork. Each variable then moves by the
    average over the stages that own it. Weights of the losses make no
    difference, unless they are 0.

    A stage whose gradient is zero or not finite adds nothing.

    Args:
        scale: Float above 0. The constant C of Eq. 2. The norm of the update
            does not shrink with the losses, so the learning rate alone makes
            training settle: rates that suit `Sum` are often too large here
            with the paper's 1/2, which it found "using calibration
            experiments" on its own networks.
        name: Optional string.

    Raises:
        ValueError: If `scale` is not positive.

    Reference:
        [Wan et al., 2020, Section 4.2, Eq. 2](
        https://arxiv.org/abs/2008.06635)
    """

    def __init__(self, scale=0.5, name=None):
        super().__init__(name=name)
        check_scale(scale)
        self.scale = scale

    def call(self, gradients, loss_scale=1.0, weighted=False):
        total = super().call(gradients, loss_scale, weighted)
        return [
            one if one is None else one / sum(own is not None for own in column)
            for one, column in zip(
                total, zip(*gradients, strict=True), strict=True
            )
        ]

    def coefficients(self, gram, sizes):
        """Returns c, before each variable is averaged over its owners.

        Args:
            gram: Tensor `(K, K)`, the inner products of the stage gradients.
            sizes: Sequence of K integers d_i, the parameters of each stage's
                subnetwork.

        Returns:
            Tensor `(K,)`, all finite.
        """
        return gram_lib.normalizing_factors(gram, sizes, self.scale)

    def get_config(self):
        return {**super().get_config(), "scale": self.scale}
