"""The base classes of weightings and gradient combiners."""

import math
import operator
import random
from typing import Any

import keras
from keras import ops


class TrainingState(keras.layers.Layer):
    """A layer whose variables are state of training, not weights of a network.

    A model that is compiled with it saves and restores its variables. They are
    created in `build(input_shape)`, with `input_shape` `(num_stages,)`.

    Args:
        name: Optional string.
    """

    def __init__(self, name: str | None = None):
        super().__init__(name=name, trainable=False, dtype="float32")

    def build(self, input_shape: tuple[int, ...]) -> None:
        self.num_stages = input_shape[0]
        self.built = True

    def ensure_built(self, num_stages: int) -> None:
        """Creates the variables, or checks that they fit the number of stages.

        Args:
            num_stages: Integer.

        Raises:
            ValueError: If they were created for another number of stages.
        """
        if not self.built:
            self.build((num_stages,))
        elif self.num_stages != num_stages:
            raise ValueError(
                f"This {type(self).__name__} holds the state of training a "
                f"network of {self.num_stages} stages. Make a new one for "
                f"another network. Received: a network of {num_stages} stages"
            )

    def get_config(self) -> dict:
        return {"name": self.name}

    def load_own_variables(self, store: dict) -> None:
        # A file that was saved before training holds no state. Then the state
        # starts anew, as that of Keras' optimizers does.
        if len(store.keys()):
            super().load_own_variables(store)


class RandomState(TrainingState):
    """Training state with a generator of random numbers.

    The state of the random numbers is a variable. A model that was saved and
    loaded continues with the draws that it would have made, and all replicas of
    a training draw the same.

    Args:
        seed: Integer from 0 to 2**32 - 1. `None` takes a random seed, which
            `keras.utils.set_random_seed` determines.
        name: Optional string.

    Raises:
        ValueError: If `seed` is none of these.
    """

    def __init__(
        self, seed: int | None = None, name: str | None = None
    ) -> None:
        super().__init__(name=name)
        self.seed = _as_seed(seed)

    def build(self, input_shape: tuple[int, ...]) -> None:
        # The generator is made here and not in the constructor, because its
        # variable must be created under the strategy of the network. A random
        # seed is not written to `self.seed`: it is state and no setting, so
        # that the configurations of two runs are equal.
        seed = random.randint(1, 10**9) if self.seed is None else self.seed
        self.seed_generator = keras.random.SeedGenerator(seed)
        super().build(input_shape)

    def save_own_variables(self, store: Any) -> None:
        super().save_own_variables(store)
        # Keras does not save the state of random numbers.
        store["seed_state"] = ops.convert_to_numpy(self.seed_generator.state)

    def load_own_variables(self, store: Any) -> None:
        values = {key: store[key] for key in store.keys()}
        if "seed_state" in values:
            self.seed_generator.state.assign(values.pop("seed_state"))
        super().load_own_variables(values)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "seed": self.seed}


def check_steps(argument: str, value: float) -> None:
    """Checks an argument that is a number of training steps.

    Args:
        argument: String, the argument's name.
        value: The argument's value.

    Raises:
        ValueError: If the value is not a whole number of 1 or more.
    """
    if value != int(value) or value < 1:
        raise ValueError(
            f"`{argument}` must be a whole number of training steps, 1 or "
            "more. "
            f"Received: {argument}={value}"
        )


def check_above_zero(argument: str, value: float) -> None:
    """Checks an argument that is a finite number above 0.

    Args:
        argument: String, the name of the argument.
        value: Number.

    Raises:
        ValueError: If it is not.
    """
    if not 0 < value < math.inf:
        raise ValueError(
            f"`{argument}` must be above 0. Received: {argument}={value}"
        )


def check_not_negative(argument: str, value: float) -> None:
    """Checks an argument that is a finite number of 0 or more.

    Args:
        argument: String, the name of the argument.
        value: Number.

    Raises:
        ValueError: If it is not.
    """
    if not 0 <= value < math.inf:
        raise ValueError(
            f"`{argument}` must be 0 or more. Received: {argument}={value}"
        )


def _as_seed(seed):
    """Returns the seed as an integer, or `None`."""
    if seed is None:
        return None
    try:
        number = operator.index(seed)
    except TypeError:
        number = -1
    if not 0 <= number < 2**32:
        raise ValueError(
            "`seed` must be an integer from 0 to 2**32 - 1, or None. "
            f"Received: seed={seed}"
        )
    return number
