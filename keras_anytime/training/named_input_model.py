"""NamedInputModel: a functional model that takes its inputs by name."""

import functools
from typing import Any

import keras

from keras_anytime.stages.named_inputs import arranged_inputs
from keras_anytime.training.data_info import RememberingModel
from keras_anytime.training.inputs import check_examples
from keras_anytime.training.inputs import check_inputs
from keras_anytime.training.tokens import token_limits


class NamedInputModel(RememberingModel):
    """The part of a model that takes inputs, checked and in any order.

    Data of several inputs is a dict by the names of the input layers, or a
    tuple or list in their order, however the model was made.
    """

    def evaluate(
        self, x: Any = None, y: Any = None, *args: Any, **kwargs: Any
    ) -> Any:
        """Measures all outputs; arguments as in `keras.Model.evaluate`.

        Args:
            x: As of `fit`.
            y: As of `fit`.
            *args: As in `keras.Model.evaluate`.
            **kwargs: As in `keras.Model.evaluate`.

        Returns:
            As `keras.Model.evaluate`.

        Raises:
            ValueError: If arrays are not what `fit` takes.
        """
        if self.compiled and y is not None:
            check_examples(self, x, y)
        return super().evaluate(x, y, *args, **kwargs)

    def predict(self, x: Any, *args: Any, **kwargs: Any) -> Any:
        """Returns the answers of all outputs, as `keras.Model.predict` does.

        Args:
            x: As of `fit`; a data set may be one of inputs alone.
            *args: As in `keras.Model.predict`.
            **kwargs: As in `keras.Model.predict`.

        Returns:
            List of arrays, one for each output; an array for one output; of a
            `MultitaskModel` a dict from tasks to arrays.

        Raises:
            ValueError: If arrays are not the inputs of the network.
        """
        check_inputs(self, x)
        return super().predict(x, *args, **kwargs)

    def __call__(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        """Returns the answers of all outputs.

        Args:
            inputs: Tensor; of several inputs a dict by their names or a tuple
                in their order.
            *args: As in `keras.Model.__call__`.
            **kwargs: As in `keras.Model.__call__`.
        """
        return super().__call__(arranged_inputs(self, inputs), *args, **kwargs)

    def call(self, inputs: Any, training: Any = None, mask: Any = None) -> Any:
        """Computes the answers; see `__call__`.

        Args:
            inputs: As of `__call__`.
            training: As in `keras.Model.call`.
            mask: As in `keras.Model.call`.
        """
        # On JAX, Keras calls this method and not the model.
        return super().call(arranged_inputs(self, inputs), training, mask)

    @property
    def input_layers(self) -> list[keras.layers.InputLayer]:
        """List of the input layers, in the order of the inputs."""
        by_output = {
            id(operation.output): operation
            for operation in self.operations
            if isinstance(operation, keras.layers.InputLayer)
        }
        return [by_output[id(tensor)] for tensor in self.inputs]

    @functools.cached_property
    def token_limits(self) -> dict[str, int]:
        """Dict from the names of inputs of tokens to sizes of vocabularies."""
        return token_limits(self)
