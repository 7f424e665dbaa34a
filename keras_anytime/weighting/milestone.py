"""Milestone: draws one of a few important stages in half of all steps."""

import math
from collections.abc import Iterable
from typing import Any

import keras
from keras import ops

from keras_anytime.backend.types import Tensor
from keras_anytime.weighting.base import Weighting
from keras_anytime.weighting.sampler import Sampler


@keras.saving.register_keras_serializable(package="keras_anytime")
class Milestone(Sampler):
    """Amplifies a milestone in half of the draws, another stage otherwise.

    `p_k = 1 / (2 M)` for each of the M milestones and `1 / (2 (K - M))` for
    each other stage. If all stages are milestones, `p_k = 1 / K`.

    Args:
        milestones: Sequence of stage numbers, counted from 1. `None` takes the
            stages at 1/4, 1/2, 3/4 and the whole of their number K, that is
            `ceil(K / 4)` and so on. The paper's milestones are at these shares
            of the cost, which a weighting does not know. If the stages' costs
            do not grow evenly, give the stages at these costs.
        base: A `Weighting`, or `None` for `Sieve()`.
        boost: Float of 0 or more. Share of the sum of all weights that is added
            to the weight of the drawn stage.
        seed: Integer of 0 or more. `None` takes a random seed, which
            `keras.utils.set_random_seed` determines.
        name: Optional string.

    Call arguments:
        losses: Float tensor `(num_stages,)`.

    Returns:
        Float tensor `(num_stages,)`.

    Raises:
        ValueError: If an argument is outside its range. When the model is
            compiled, if a milestone is no stage of it.

    Reference:
        [Hu et al., 2017, Section 4.4](https://arxiv.org/abs/1708.06832v1)
    """

    def __init__(
        self,
        milestones: Iterable[int] | None = None,
        base: Weighting | None = None,
        boost: float = 0.5,
        seed: int | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(base=base, boost=boost, seed=seed, name=name)
        self.milestones = None if milestones is None else list(milestones)
        if milestones is not None and not self.milestones:
            raise ValueError(
                "`milestones` must name a stage. "
                f"Received: milestones={milestones}"
            )

    def build(self, input_shape: tuple[int, ...]) -> None:
        stages = range(1, input_shape[0] + 1)
        if self.milestones and not set(self.milestones) <= set(stages):
            raise ValueError(
                f"`milestones` must be among the stages 1 to {len(stages)}. "
                f"Received: milestones={self.milestones}"
            )
        super().build(input_shape)

    def probabilities(self, weights: Tensor, losses: Tensor) -> Tensor:
        stages = range(1, self.num_stages + 1)
        milestones = set(
            self.milestones
            or [math.ceil(i * self.num_stages / 4) for i in (1, 2, 3, 4)]
        )
        num_others = self.num_stages - len(milestones)
        # Each group has sum 1, so each group gets half of the draws.
        return ops.convert_to_tensor(
            [
                1 / len(milestones) if stage in milestones else 1 / num_others
                for stage in stages
            ],
            weights.dtype,
        )

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "milestones": self.milestones}
