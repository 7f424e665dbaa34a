"""AverageLoss: draws stages in proportion to their mean objective (AVGL)."""

from typing import Any

import keras

from keras_anytime.backend.types import Tensor
from keras_anytime.weighting.base import Weighting
from keras_anytime.weighting.learner import Learner


@keras.saving.register_keras_serializable(package="keras_anytime")
class AverageLoss(Learner):
    """Amplifies a stage drawn in proportion to its mean objective (AVGL).

    `p_k` is proportional to the exponential moving average of
    `L_k = (l_k - l_{k+1}) / l_k`, the share of stage k's loss that the next
    stage saves. A negative share counts as 0 before it enters the average:
    probabilities cannot be negative, and one training step with `l_k` near 0
    would outweigh all others.

    A draw uses the averages of the training steps before it. All stages are
    equally likely in the first draw, and as long as all averages are 0. A
    training step with a loss that is not finite leaves the averages unchanged.

    Args:
        momentum: Float in [0, 1). Share of the old average in each new one.
        last_share: Float in [0, 1]. The paper's lambda. The last stage has no
            next stage; its objective is this share of the largest objective of
            the others.
        base: A `Weighting`, or `None` for `Sieve()`, as in the paper.
        boost: Float of 0 or more. Share of the sum of all weights that is added
            to the weight of the drawn stage.
        seed: Integer of 0 or more. `None` takes a random seed, which
            `keras.utils.set_random_seed` determines.
        name: Optional string.

    Attributes:
        state: Float variable `(num_stages,)`. The averages up to a common
            factor: they start at 0, which does not change their ratios.

    Call arguments:
        losses: Float tensor `(num_stages,)`.

    Returns:
        Float tensor `(num_stages,)`.

    Raises:
        ValueError: If an argument is outside its range.

    Reference:
        [Hu et al., 2017, Appendices D.1, D.2 and D.4](
        https://arxiv.org/abs/1708.06832v1)
    """

    def __init__(
        self,
        momentum: float = 0.9,
        last_share: float = 0.8,
        base: Weighting | None = None,
        boost: float = 0.5,
        seed: int | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(last_share, base, boost, seed, name)
        if not 0 <= momentum < 1:
            raise ValueError(
                f"`momentum` must be in [0, 1). Received: momentum={momentum}"
            )
        self.momentum = momentum

    def probabilities(self, weights: Tensor, losses: Tensor) -> Tensor:
        return self.state.value

    def next_state(
        self, gains: Tensor, probabilities: Tensor, drawn: Tensor
    ) -> Tensor:
        return self.momentum * self.state + (1 - self.momentum) * gains

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "momentum": self.momentum}
