"""A combiner from a function of the Gram matrix."""

import keras

from keras_anytime.gradients.base import Combiner


@keras.saving.register_keras_serializable(package="keras_anytime")
class Function(Combiner):
    """Combines gradients with the coefficients that a function gives.

    ```python
    def first_only(gram, sizes):
        return keras.ops.one_hot(0, len(sizes), dtype=gram.dtype)

    model.compile(optimizer, loss, gradients=first_only)
    ```

    Args:
        function: Callable from the Gram matrix `(K, K)` and the K sizes d_i to
            the coefficients `(K,)`, made of `keras.ops`. To be saved with a
            model, it must be registered with Keras.
        name: Optional string.

    Raises:
        ValueError: If `function` cannot be called.
    """

    def __init__(self, function, name=None):
        super().__init__(name=name)
        if not callable(function):
            raise ValueError(
                f"`function` must be callable. Received: function={function!r}"
            )
        self.function = function

    def coefficients(self, gram, sizes):
        """Returns what the function gives.

        Args:
            gram: Tensor `(K, K)`, the inner products of the stage gradients.
            sizes: Sequence of K integers d_i.

        Returns:
            Tensor `(K,)`.
        """
        return self.function(gram, sizes)

    def get_config(self):
        function = keras.saving.serialize_keras_object(self.function)
        return {**super().get_config(), "function": function}

    @classmethod
    def from_config(cls, config):
        function = keras.saving.deserialize_keras_object(config["function"])
        return cls(**{**config, "function": function})
