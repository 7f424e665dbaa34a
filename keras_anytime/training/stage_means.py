"""The mean of one number per stage over an epoch."""

import keras
import numpy as np
from keras import ops

from keras_anytime.backend.types import Tensor


class StageMeans:
    """Averages the numbers of all stages over training steps, for callbacks.

    The sums are neither saved nor part of the model's weights: they start anew
    with each epoch.

    Args:
        num_stages: Integer K.
        name: String, what the numbers are.

    Attributes:
        variables: List of the `keras.Variable`s that hold the sums.
    """

    def __init__(self, num_stages: int, name: str):
        self._sums, self._count = (
            keras.Variable(
                ops.zeros(shape, "float32"), trainable=False, name=of_variable
            )
            for of_variable, shape in (
                (f"{name}_sums", (num_stages,)),
                (f"{name}_count", ()),
            )
        )
        self.variables = [self._sums, self._count]

    def update(self, values: Tensor) -> None:
        """Adds the numbers of one training step.

        Args:
            values: Float tensor `(K,)`.
        """
        self._sums.assign_add(ops.cast(values, "float32"))
        self._count.assign_add(ops.ones((), "float32"))

    def result(self) -> np.ndarray:
        """Returns the means since the last reset.

        Returns:
            Float array `(K,)`; NaN before the first training step.
        """
        count = float(ops.convert_to_numpy(self._count))
        sums = ops.convert_to_numpy(self._sums)
        return sums / count if count else np.full(sums.shape, np.nan)

    def reset(self) -> None:
        """Starts a new mean."""
        for variable in self.variables:
            variable.assign(ops.zeros_like(variable.value))
