"""The loss statistics that samplers share, and the base of these samplers."""

from typing import Any

from keras import config
from keras import ops

from keras_anytime.backend.types import Tensor
from keras_anytime.weighting.base import Weighting
from keras_anytime.weighting.sampler import Sampler


def objectives(losses: Tensor, last_share: float) -> Tensor:
    """Returns the share of each stage's loss that the next stage saves.

    `L_k = (l_k - l_{k+1}) / l_k` for `k < K`, and
    `L_K = last_share * max_k L_k`.

    A negative share counts as 0: a stage that is better than the next one lags
    behind nothing, as in the paper's first objective
    `max((l_k - l*_k) / l*_k, 0)`. Negative shares have no lower bound, so a
    single loss near 0 could undo all that a sampler has learned. Shares above 1
    occur with negative losses only and count as 1.

    Args:
        losses: Float tensor `(num_stages,)`.
        last_share: Float in [0, 1]. The paper's lambda.

    Returns:
        Float tensor `(num_stages,)` in [0, 1]. All 0 for a single stage; NaN
        where the losses are NaN.

    Reference:
        [Hu et al., 2017, Appendix D.2](https://arxiv.org/abs/1708.06832v1)
    """
    current, following = losses[:-1], losses[1:]
    saved = (current - following) / ops.maximum(current, config.epsilon())
    saved = ops.clip(saved, 0, 1)
    last = last_share * ops.max(saved, initial=0)
    return ops.concatenate([saved, last[None]])


class Learner(Sampler):
    """A sampler that learns from the objectives of all training steps.

    A subclass implements `probabilities` from `state`, and `next_state`. A
    training step with a loss that is not finite leaves the state unchanged.

    Args:
        last_share: Float in [0, 1]. The paper's lambda. The last stage has no
            next stage; its objective is this share of the largest objective of
            the others.
        base: As in `Sampler`.
        boost: As in `Sampler`.
        seed: As in `Sampler`.
        name: Optional string.

    Attributes:
        state: Float variable `(num_stages,)`, initially 0.

    Raises:
        ValueError: If an argument is outside its range.
    """

    def __init__(
        self,
        last_share: float,
        base: Weighting | None,
        boost: float,
        seed: int | None,
        name: str | None,
    ) -> None:
        super().__init__(base=base, boost=boost, seed=seed, name=name)
        if not 0 <= last_share <= 1:
            raise ValueError(
                "`last_share` must be in [0, 1]. "
                f"Received: last_share={last_share}"
            )
        self.last_share = last_share

    def build(self, input_shape: tuple[int, ...]) -> None:
        self.state = self.add_weight(
            name="state", shape=input_shape, initializer="zeros"
        )
        super().build(input_shape)

    def next_state(
        self, gains: Tensor, probabilities: Tensor, drawn: Tensor
    ) -> Tensor:
        """Returns the state after a draw.

        Args:
            gains: Float tensor `(num_stages,)`. The objectives of this training
                step.
            probabilities: Float tensor `(num_stages,)`, as in `update`.
            drawn: Float tensor `(num_stages,)`, as in `update`.

        Returns:
            Float tensor `(num_stages,)`.
        """
        raise TypeError(
            "A learner must implement `next_state`. "
            f"Received: {type(self).__name__}"
        )

    def update(
        self, losses: Tensor, probabilities: Tensor, drawn: Tensor
    ) -> None:
        gains = objectives(losses, self.last_share)
        finite = ops.all(ops.isfinite(losses))
        state = self.next_state(gains, probabilities, drawn)
        self.state.assign(ops.where(finite, state, self.state.value))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "last_share": self.last_share}
