"""Weightings that amplify one stage, drawn at random, in each step."""

import math
import operator
import random

import keras
from keras import ops

from keras_anytime.weighting.base import Weighting
from keras_anytime.weighting.sieve import Sieve


class Sampler(Weighting):
    """Adds a share of all weight to that of one stage, drawn in each step.

    `B + boost * sum(B) * d`, where `B` are the weights that `base` gives, and
    `d` is 1 for the drawn stage and 0 for the others. To `Sum()`, which takes
    a weighted mean, that is a share of `boost / (1 + boost)` for the drawn
    stage alone. `Orthogonal` and others keep the scale of the weights, large
    with `Sieve()`: there, lower the learning rate or give the base a `total`.

    A subclass implements `probabilities`, and `update` where these depend on
    what came before; variables for that are created in `build`:

    ```python
    @keras.saving.register_keras_serializable("mine")
    class Worst(Sampler):
        def probabilities(self, weights, losses):
            return keras.ops.softmax(losses)
    ```

    A subclass with arguments of its own adds them to `get_config`.

    The state of the random numbers is a variable. A model that was saved and
    loaded goes on with the very draws that it would have made, and replicas of
    one training draw the same stage.

    Args:
        base: A `Weighting`, or `None` for `Sieve()`.
        boost: Float of 0 or more.
        seed: Integer of 0 or more; `None` for a random one, which
            `keras.utils.set_random_seed` decides.
        name: Optional string.

    Attributes:
        last_drawn: Integer variable, the stage of the last draw, counted from
            1; 0 before the first.

    Call arguments:
        losses: Float tensor `(num_stages,)`.

    Returns:
        Float tensor `(num_stages,)`.

    Raises:
        ValueError: If an argument is outside its range.

    Reference:
        [Hu et al., 2017, Section 3.2](https://arxiv.org/abs/1708.06832v1),
        with `boost` for gamma
    """

    def __init__(self, base=None, boost=0.5, seed=None, name=None):
        super().__init__(name=name)
        if not isinstance(base, Weighting | None):
            raise ValueError(
                f"`base` must be a `Weighting`, or None. Received: base={base}"
            )
        if not 0 <= boost < math.inf:
            raise ValueError(
                f"`boost` must be 0 or more. Received: boost={boost}"
            )
        self.base = Sieve() if base is None else base
        self.boost = boost
        self.seed = _checked(seed)

    def build(self, input_shape):
        self.base.ensure_built(input_shape[0])
        # Not in the constructor, since variables for several replicas are
        # those that were created for the network. A seed that is drawn is no
        # setting: its state is saved, and a resumed training draws another.
        seed = random.randint(1, 10**9) if self.seed is None else self.seed
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.last_drawn = self.add_weight(
            name="last_drawn", shape=(), initializer="zeros", dtype="int32"
        )
        super().build(input_shape)

    def probabilities(self, weights, losses):
        """Returns what the stages' probabilities in a draw are proportional to.

        Args:
            weights: Float tensor `(num_stages,)`, the weights of the base.
            losses: Float tensor `(num_stages,)`, the losses of this step. They
                may be not finite.

        Returns:
            Float tensor `(num_stages,)`, no entry negative. Where all are 0,
            or one is not finite, the draw is even.
        """
        raise TypeError(
            "A sampler must implement `probabilities`. "
            f"Received: {type(self).__name__}"
        )

    def update(self, losses, probabilities, drawn):
        """Assigns to the subclass' variables, after each draw.

        Args:
            losses: Float tensor `(num_stages,)`, the losses of this step. They
                may be not finite.
            probabilities: Float tensor `(num_stages,)` of sum 1, those of the
                draw.
            drawn: Float tensor `(num_stages,)`, 1 for the drawn stage and 0
                for the others.
        """

    def call(self, losses):
        weights = self.base(losses)
        probabilities = ops.convert_to_tensor(
            self.probabilities(weights, losses), losses.dtype
        )
        if tuple(probabilities.shape) != tuple(losses.shape):
            raise ValueError(
                "A sampler gives one probability per stage. Received: "
                f"probabilities of shape {tuple(probabilities.shape)} from "
                f"{type(self).__name__} for losses of shape "
                f"{tuple(losses.shape)}"
            )
        probabilities = _of_sum_1(probabilities)
        stage = keras.random.categorical(
            # Of probability 0 is a logit of minus infinity, never drawn.
            ops.log(probabilities)[None],
            num_samples=1,
            seed=self.seed_generator,
        )[0, 0]
        drawn = ops.one_hot(stage, self.num_stages, dtype=losses.dtype)
        self.last_drawn.assign(ops.cast(stage, "int32") + 1)
        self.update(losses, probabilities, drawn)
        return weights + self.boost * ops.sum(weights) * drawn

    def save_own_variables(self, store):
        super().save_own_variables(store)
        # Keras leaves out the state of random numbers.
        store["seed_state"] = ops.convert_to_numpy(self.seed_generator.state)

    def load_own_variables(self, store):
        values = {key: store[key] for key in store.keys()}
        if "seed_state" in values:
            self.seed_generator.state.assign(values.pop("seed_state"))
        super().load_own_variables(values)

    def get_config(self):
        return {
            **super().get_config(),
            "base": keras.saving.serialize_keras_object(self.base),
            "boost": self.boost,
            "seed": self.seed,
        }

    @classmethod
    def from_config(cls, config):
        base = keras.saving.deserialize_keras_object(config["base"])
        return cls(**{**config, "base": base})


def _checked(seed):
    """Returns the seed as an integer, or `None`."""
    if seed is None:
        return None
    try:
        number = operator.index(seed)
    except TypeError:
        number = -1
    if not 0 <= number < 2**32:
        raise ValueError(
            f"`seed` must be an integer of 0 or more. Received: seed={seed}"
        )
    return number


def _of_sum_1(values):
    total = ops.sum(values)
    usable = ops.logical_and(ops.isfinite(total), total > 0)
    even = ops.full_like(values, 1 / values.shape[0])
    return ops.where(usable, values / ops.where(usable, total, 1), even)
