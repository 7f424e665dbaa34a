"""The exponential-weights learner that EXP3 and RWM share."""

from typing import Any

from keras import ops

from keras_anytime.backend.types import Tensor
from keras_anytime.weighting.base import Weighting
from keras_anytime.weighting.learner import Learner


class ExponentialWeights(Learner):
    """A learner with multiplicative updates that mixes in uniform draws.

    `p = (1 - gamma) v + gamma / K`, and after each draw `v_k` is multiplied by
    `exp(gamma / K * reward_k)` and scaled to sum 1. A subclass implements
    `reward`.

    Args:
        exploration: Float in (0, 1]. The paper's gamma: the probability of a
            uniform draw, and the learning rate.
        last_share: As in `Learner`.
        base: As in `Sampler`.
        boost: As in `Sampler`.
        seed: As in `Sampler`.
        name: Optional string.

    Attributes:
        state: Float variable `(num_stages,)`, whose softmax is v.

    Raises:
        ValueError: If an argument is outside its range.

    Reference:
        [Hu et al., 2017, Appendix D.3](https://arxiv.org/abs/1708.06832v1)
    """

    def __init__(
        self,
        exploration: float = 0.3,
        last_share: float = 0.8,
        base: Weighting | None = None,
        boost: float = 0.5,
        seed: int | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(last_share, base, boost, seed, name)
        if not 0 < exploration <= 1:
            raise ValueError(
                "`exploration` must be above 0 and at most 1. "
                f"Received: exploration={exploration}"
            )
        self.exploration = exploration

    def probabilities(self, weights: Tensor, losses: Tensor) -> Tensor:
        # Not `ops.softmax`, which warns if there is a single stage.
        v = ops.exp(ops.log_softmax(self.state))
        return (1 - self.exploration) * v + self.exploration / self.num_stages

    def reward(
        self, gains: Tensor, probabilities: Tensor, drawn: Tensor
    ) -> Tensor:
        """Returns the reward of each stage; arguments as in `next_state`."""
        raise TypeError(
            "A learner must implement `reward`. "
            f"Received: {type(self).__name__}"
        )

    def next_state(
        self, gains: Tensor, probabilities: Tensor, drawn: Tensor
    ) -> Tensor:
        rate = self.exploration / self.num_stages
        reward = self.reward(gains, probabilities, drawn)
        # The state is logarithms, since v itself would underflow to 0.
        return ops.log_softmax(self.state + rate * reward)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "exploration": self.exploration}
