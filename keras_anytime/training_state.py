"""The base of weightings and combiners: objects with state for training."""

import keras


class TrainingState(keras.layers.Layer):
    """A layer whose variables belong to training, not to the network.

    A model that was compiled with it saves and restores its variables, which
    are created in `build(input_shape)`, where `input_shape` is
    `(num_stages,)`.

    Args:
        name: Optional string.
    """

    def __init__(self, name=None):
        super().__init__(name=name, trainable=False, dtype="float32")

    def build(self, input_shape):
        self.num_stages = input_shape[0]
        self.built = True

    def ensure_built(self, num_stages):
        """Creates the variables, or checks that they are for as many stages.

        Args:
            num_stages: Integer.

        Raises:
            ValueError: If it was built for another number of stages.
        """
        if not self.built:
            self.build((num_stages,))
        elif self.num_stages != num_stages:
            raise ValueError(
                f"{type(self).__name__} has the state of training a network "
                f"of {self.num_stages} stages; make a new one. "
                f"Received: a network of {num_stages} stages"
            )

    def get_config(self):
        return {"name": self.name}

    def load_own_variables(self, store):
        # Weights that were saved before training bring no state of it. It then
        # starts afresh, as that of Keras' optimizers does.
        if len(store.keys()):
            super().load_own_variables(store)


def check_steps(argument, value):
    """Raises a `ValueError` if an argument is no number of steps.

    Args:
        argument: String, the argument's name.
        value: What was given.
    """
    if value != int(value) or value < 1:
        raise ValueError(
            f"`{argument}` must be a whole number of steps, 1 or more. "
            f"Received: {argument}={value}"
        )
