"""Plain SGD on an anytime network: the weighted sum of all losses."""

import keras
from keras import ops

from keras_anytime.backend.types import Tensor
from keras_anytime.gradients.base import Combiner


@keras.saving.register_keras_serializable(package="keras_anytime")
class Sum(Combiner):
    """Takes the gradient of the weighted mean or sum of the stages' losses.

    The loss is `Σ w_i L_i / Σ w_i` for the mean, and `Σ w_i L_i` for the sum.
    It takes one backward pass.

    Wan 2020 averages. Hu 2017, Hu 2019 and Lee 2018 sum, so a training of
    theirs needs `reduction="sum"`: with K stages of equal weights, the mean has
    K times smaller gradients, and hence a K times lower learning rate.

    Args:
        reduction: `"mean"`, in which only the ratios of the weights count, or
            `"sum"`, in which their size counts too.
        name: Optional string.

    Raises:
        ValueError: If `reduction` is neither.

    Reference:
        - [Wan et al., 2020, Eq. 1](https://arxiv.org/abs/2008.06635)
        - [Hu et al., 2019, Section 3](https://arxiv.org/abs/1708.06832)
        - [Lee and Shin, 2018, Eq. 2](https://arxiv.org/abs/1807.02609)
    """

    single_backward = True

    def __init__(self, reduction: str = "mean", name: str | None = None):
        super().__init__(name=name)
        if reduction not in ("mean", "sum"):
            raise ValueError(
                "`reduction` must be 'mean' or 'sum'. "
                f"Received: reduction={reduction!r}"
            )
        self.reduction = reduction

    def loss_coefficients(self, weights: Tensor) -> Tensor:
        """Returns `w_i / Σ w_i` for the mean, the weights for the sum.

        Args:
            weights: Float tensor `(K,)`, the loss weights.

        Returns:
            Float tensor `(K,)`.
        """
        return (
            weights / ops.sum(weights) if self.reduction == "mean" else weights
        )

    def coefficients(self, gram: Tensor, sizes: list[int]) -> Tensor:
        """Returns 1 / K for the mean (of weights with mean 1), 1 for the sum.

        Args:
            gram: Tensor `(K, K)`. Only its dtype is used.
            sizes: Sequence of K integers. Only its length is used.

        Returns:
            Tensor `(K,)`.
        """
        share = 1 / len(sizes) if self.reduction == "mean" else 1.0
        return ops.full((len(sizes),), share, dtype=gram.dtype)

    def get_config(self) -> dict:
        return {**super().get_config(), "reduction": self.reduction}
