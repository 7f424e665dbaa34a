"""A gradient combiner made of a function of the Gram matrix."""

from collections.abc import Callable

import keras

from keras_anytime.backend.types import Tensor
from keras_anytime.gradients.base import Combiner


@keras.saving.register_keras_serializable(package="keras_anytime")
class Function(Combiner):
    """Combines stage gradients with the coefficients of a function.

    ```python
    def first_only(gram, sizes):
        return keras.ops.one_hot(0, len(sizes), dtype=gram.dtype)

    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("sgd", loss, gradients=first_only)
    ```

    Args:
        function: Callable from the Gram matrix `(K, K)` and the K sizes d_i to
            the coefficients `(K,)`, written with `keras.ops`. Register it with
            Keras to save it with a model.
        name: Optional string.

    Raises:
        ValueError: If `function` cannot be called.
    """

    def __init__(
        self,
        function: Callable[[Tensor, list[int]], Tensor],
        name: str | None = None,
    ):
        super().__init__(name=name)
        if not callable(function):
            raise ValueError(
                "`function` must be a function of the Gram matrix and the "
                f"sizes. Received: function={function!r}"
            )
        self.function = function

    def coefficients(self, gram: Tensor, sizes: list[int]) -> Tensor:
        """Returns the coefficients of the function.

        Args:
            gram: Tensor `(K, K)`, the inner products of the stage gradients.
            sizes: Sequence of K integers d_i.

        Returns:
            Tensor `(K,)`.
        """
        return self.function(gram, sizes)

    def get_config(self) -> dict:
        function = keras.saving.serialize_keras_object(self.function)
        return {**super().get_config(), "function": function}

    @classmethod
    def from_config(cls, config: dict) -> "Function":
        function = keras.saving.deserialize_keras_object(config["function"])
        return cls(**{**config, "function": function})
