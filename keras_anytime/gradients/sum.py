"""Plain SGD on an anytime network: the weighted sum of all losses."""

import keras
from keras import ops

from keras_anytime.gradients.base import Combiner


@keras.saving.register_keras_serializable(package="keras_anytime")
class Sum(Combiner):
    """The gradient of the weighted mean, or sum, of the stages' losses.

    One backward pass of the joint loss: `Σ w_i L_i / Σ w_i` for the mean,
    `Σ w_i L_i` for the sum.

    Args:
        reduction: `"mean"` or `"sum"`.
        name: Optional string.

    Raises:
        ValueError: If `reduction` is neither.

    Reference:
        [Wan et al., 2020, Eq. 1](https://arxiv.org/abs/2008.06635)
    """

    joint = True

    def __init__(self, reduction="mean", name=None):
        super().__init__(name=name)
        if reduction not in ("mean", "sum"):
            raise ValueError(
                "`reduction` must be 'mean' or 'sum'. "
                f"Received: reduction={reduction!r}"
            )
        self.reduction = reduction

    def objective(self, losses, weights):
        """Returns the joint loss.

        Args:
            losses: Tensor `(K,)`.
            weights: Tensor `(K,)`.

        Returns:
            Scalar tensor.
        """
        total = ops.sum(weights * losses)
        return total / ops.sum(weights) if self.reduction == "mean" else total

    def coefficients(self, gram, sizes):
        """Returns 1 / K for the mean (of weights with mean 1), 1 for the sum.

        Args:
            gram: Tensor `(K, K)`. Only its dtype is used.
            sizes: Sequence of K integers. Only its length is used.

        Returns:
            Tensor `(K,)`.
        """
        share = 1 / len(sizes) if self.reduction == "mean" else 1.0
        return ops.full((len(sizes),), share, dtype=gram.dtype)

    def get_config(self):
        return {**super().get_config(), "reduction": self.reduction}
