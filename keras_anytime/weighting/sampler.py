"""The base of weightings that amplify one randomly drawn stage at a time."""

from typing import Any

import keras
from keras import ops

from keras_anytime.backend.types import Tensor
from keras_anytime.training_state import RandomState
from keras_anytime.training_state import check_not_negative
from keras_anytime.weighting.base import Weighting
from keras_anytime.weighting.sieve import Sieve


class Sampler(RandomState, Weighting):
    """Draws one stage in each training step and raises its weight.

    The weights are `B + boost * sum(B) * d`, where `B` are the weights of
    `base`, and `d` is 1 for the drawn stage and 0 for the others.

    With `Sum()`, which takes a weighted mean, the drawn stage alone gets
    `boost / (1 + boost)` of all weight. `Orthogonal()` keeps the scale of the
    weights, which is large with `Sieve()`: there, lower the learning rate, or
    give the base a `total`.

    A subclass implements `probabilities`. If these depend on earlier training
    steps, it also implements `update`, and creates its variables in `build`. A
    subclass with arguments of its own adds them to `get_config`.

    ```python
    @keras.saving.register_keras_serializable(package="docs")
    class Worst(ka.weighting.Sampler):
        def probabilities(self, weights, losses):
            return keras.ops.softmax(losses)


    weights = Worst(boost=1.0)([2.0, 1.0, 0.5])
    ```

    The state of the random numbers is a variable. A model that was saved and
    loaded continues with the draws that it would have made, and all replicas of
    a training draw the same stage.

    Args:
        base: A `Weighting`, or `None` for `Sieve()`.
        boost: Float of 0 or more. Share of the sum of all weights that is added
            to the weight of the drawn stage.
        seed: Integer of 0 or more. `None` takes a random seed, which
            `keras.utils.set_random_seed` determines.
        name: Optional string.

    Attributes:
        last_drawn: Integer variable. The stage drawn last, counted from 1; 0
            before the first draw.

    Call arguments:
        losses: Float tensor `(num_stages,)`.

    Returns:
        Float tensor `(num_stages,)`.

    Raises:
        ValueError: If an argument is outside its range.

    Reference:
        [Hu et al., 2017, Section 3.2](https://arxiv.org/abs/1708.06832v1),
        where `boost` is gamma
    """

    def __init__(
        self,
        base: Weighting | None = None,
        boost: float = 0.5,
        seed: int | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(seed=seed, name=name)
        if not isinstance(base, Weighting | None):
            raise ValueError(
                f"`base` must be a `Weighting`, or None. Received: base={base}"
            )
        check_not_negative("boost", boost)
        self.base = Sieve() if base is None else base
        self.boost = boost

    def build(self, input_shape: tuple[int, ...]) -> None:
        self.base.ensure_built(input_shape[0])
        self.last_drawn = self.add_weight(
            name="last_drawn", shape=(), initializer="zeros", dtype="int32"
        )
        super().build(input_shape)

    def probabilities(self, weights: Tensor, losses: Tensor) -> Tensor:
        """Returns the probability of drawing each stage, up to a factor.

        Args:
            weights: Float tensor `(num_stages,)`. The weights of `base`.
            losses: Float tensor `(num_stages,)`. The losses of this training
                step. Entries may be infinite or NaN.

        Returns:
            Float tensor `(num_stages,)`, no entry negative. If all entries are
            0, or an entry is not finite, all stages are equally likely.
        """
        raise TypeError(
            "A sampler must implement `probabilities`. "
            f"Received: {type(self).__name__}"
        )

    def update(
        self, losses: Tensor, probabilities: Tensor, drawn: Tensor
    ) -> None:
        """Updates the variables of the subclass after a draw.

        Args:
            losses: Float tensor `(num_stages,)`. The losses of this training
                step. Entries may be infinite or NaN.
            probabilities: Float tensor `(num_stages,)` of sum 1. The
                probabilities of the draw.
            drawn: Float tensor `(num_stages,)`. 1 for the drawn stage and 0 for
                the others.
        """

    def call(self, losses: Tensor) -> Tensor:
        weights = self.base(losses)
        probabilities = self._of_sum_one(weights, losses)
        stage = keras.random.categorical(
            # The logit of probability 0 is minus infinity: never drawn.
            ops.log(probabilities)[None],
            num_samples=1,
            seed=self.seed_generator,
        )[0, 0]
        drawn = ops.one_hot(stage, self.num_stages, dtype=losses.dtype)
        self.last_drawn.assign(ops.cast(stage, "int32") + 1)
        self.update(losses, probabilities, drawn)
        return weights + self.boost * ops.sum(weights) * drawn

    def draw_probabilities(self, losses: Any) -> Any:
        """Returns the probability of each stage in the next draw.

        It draws nothing, and changes no state.

        ```python
        sampler = ka.weighting.AverageLoss()
        sampler([2.0, 1.0, 0.5])
        sampler.draw_probabilities([2.0, 1.0, 0.5])  # of sum 1
        ```

        Args:
            losses: Float tensor `(num_stages,)`. The losses that the next
                training step is expected to have.

        Returns:
            Float array `(num_stages,)` of sum 1.
        """
        losses = ops.convert_to_tensor(losses, dtype="float32")
        self.ensure_built(losses.shape[0])
        # The base may have state, which a training step would change.
        variables = self.base.variables
        values = [ops.convert_to_numpy(variable) for variable in variables]
        try:
            weights = self.base(losses)
        finally:
            for variable, value in zip(variables, values, strict=True):
                variable.assign(value)
        return ops.convert_to_numpy(self._of_sum_one(weights, losses))

    def _of_sum_one(self, weights: Tensor, losses: Tensor) -> Tensor:
        """Returns the probabilities of the draw, checked and of sum 1."""
        probabilities = ops.convert_to_tensor(
            self.probabilities(weights, losses), losses.dtype
        )
        if tuple(probabilities.shape) != tuple(losses.shape):
            raise ValueError(
                f"`{type(self).__name__}.probabilities` must return one "
                "probability per stage. Received: probabilities of shape "
                f"{tuple(probabilities.shape)} for losses of shape "
                f"{tuple(losses.shape)}"
            )
        return _normalized(probabilities)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "base": keras.saving.serialize_keras_object(self.base),
            "boost": self.boost,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Sampler":
        base = keras.saving.deserialize_keras_object(config["base"])
        return cls(**{**config, "base": base})


def _normalized(values):
    """Returns values scaled to sum 1; even ones if that is impossible."""
    total = ops.sum(values)
    usable = ops.logical_and(ops.isfinite(total), total > 0)
    even = ops.full_like(values, 1 / values.shape[0])
    return ops.where(usable, values / ops.where(usable, total, 1), even)
