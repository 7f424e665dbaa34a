"""Samplers that learn nothing: by the weights, or even among milestones."""

import math

import keras
from keras import ops

from keras_anytime.weighting.sampler import Sampler


@keras.saving.register_keras_serializable(package="keras_anytime")
class Alternating(Sampler):
    """Amplifies a stage drawn in proportion to its weight (AANN).

    A stage of weight 0 is never drawn.

    Args:
        base: A `Weighting`, or `None` for `Sieve()`, the paper's.
        boost: Float of 0 or more, the share of all weight that is added to
            the drawn stage's.
        seed: Integer of 0 or more; `None` for a random one, which
            `keras.utils.set_random_seed` decides.
        name: Optional string.

    Call arguments:
        losses: Float tensor `(num_stages,)`.

    Returns:
        Float tensor `(num_stages,)`.

    Raises:
        ValueError: If an argument is outside its range.

    Reference:
        [Hu et al., 2017, Sections 3.2 and 4.4](
        https://arxiv.org/abs/1708.06832v1)
    """

    def probabilities(self, weights, losses):
        return weights


@keras.saving.register_keras_serializable(package="keras_anytime")
class Milestone(Sampler):
    """Amplifies milestones, even among them, in half of the draws.

    The other half of the draws is even among the other stages. Where all
    stages are milestones, all draws are even.

    Args:
        milestones: Sequence of stage numbers, counted from 1, or `None` for
            the stages at 1/4, 1/2, 3/4 and the whole of their number K:
            `ceil(K / 4)` and so on. The paper's milestones are at these shares
            of the cost, which a weighting does not know; for stages of unequal
            cost, give those.
        base: A `Weighting`, or `None` for `Sieve()`.
        boost: Float of 0 or more, the share of all weight that is added to
            the drawn stage's.
        seed: Integer of 0 or more; `None` for a random one, which
            `keras.utils.set_random_seed` decides.
        name: Optional string.

    Call arguments:
        losses: Float tensor `(num_stages,)`.

    Returns:
        Float tensor `(num_stages,)`.

    Raises:
        ValueError: If an argument is outside its range, or there is no such
            stage.

    Reference:
        [Hu et al., 2017, Section 4.4](https://arxiv.org/abs/1708.06832v1)
    """

    def __init__(
        self, milestones=None, base=None, boost=0.5, seed=None, name=None
    ):
        super().__init__(base=base, boost=boost, seed=seed, name=name)
        self.milestones = None if milestones is None else list(milestones)
        if milestones is not None and not self.milestones:
            raise ValueError(
                "`milestones` must name a stage. "
                f"Received: milestones={milestones}"
            )

    def build(self, input_shape):
        stages = range(1, input_shape[0] + 1)
        if self.milestones and not set(self.milestones) <= set(stages):
            raise ValueError(
                f"`milestones` must be among the stages 1 to {len(stages)}. "
                f"Received: milestones={self.milestones}"
            )
        super().build(input_shape)

    def probabilities(self, weights, losses):
        stages = range(1, self.num_stages + 1)
        milestones = set(
            self.milestones
            or [math.ceil(i * self.num_stages / 4) for i in (1, 2, 3, 4)]
        )
        others = self.num_stages - len(milestones)
        # Each group sums to 1: half of the draws each, where there are two.
        return ops.convert_to_tensor(
            [
                1 / len(milestones) if stage in milestones else 1 / others
                for stage in stages
            ],
            weights.dtype,
        )

    def get_config(self):
        return {**super().get_config(), "milestones": self.milestones}
