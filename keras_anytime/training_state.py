"""The base class of weightings and gradient combiners."""

import keras


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
