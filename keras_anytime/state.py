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

    def get_config(self):
        return {"name": self.name}

    def load_own_variables(self, store):
        # Weights that were saved before training bring no state of it. It then
        # starts afresh, as that of Keras' optimizers does.
        if len(store.keys()):
            super().load_own_variables(store)
