"""The interface of all weightings: losses of the stages in, weights out."""

from typing import Any

import keras
from keras import ops

from keras_anytime.backend.types import Tensor
from keras_anytime.training_state import TrainingState


class Weighting(TrainingState):
    """Computes the weight of each stage's loss in a training step.

    A subclass implements `call(losses)`, and creates the variables that it
    needs in `build(input_shape)`, where `input_shape` is `(num_stages,)`. The
    variables are saved and restored with the model that was compiled with the
    weighting.

    ```python
    @keras.saving.register_keras_serializable(package="docs")
    class LargestFirst(ka.weighting.Weighting):
        def call(self, losses):
            return losses / keras.ops.max(losses)


    weights = LargestFirst()([2.0, 1.0, 0.5])  # [1.0, 0.5, 0.25]
    ```

    Args:
        name: Optional string.

    Call arguments:
        losses: Float tensor `(num_stages,)`. The losses of one training step,
            in the order of the stages.

    Returns:
        Float tensor `(num_stages,)`. No gradient flows through it.

    Raises:
        ValueError: If the losses have another shape than before, or `call`
            returns another number of weights.
    """

    def __call__(self, losses: Any) -> Tensor:
        losses = ops.convert_to_tensor(losses, dtype="float32")
        if losses.ndim != 1:
            raise ValueError(
                "A weighting takes a tensor with one loss per stage, of shape "
                "(num_stages,). "
                f"Received: losses.shape={tuple(losses.shape)}"
            )
        weights = super().__call__(ops.stop_gradient(losses))
        if tuple(weights.shape) != tuple(losses.shape):
            raise ValueError(
                f"`{type(self).__name__}.call` must return one weight per "
                f"stage. Received: weights of shape {tuple(weights.shape)} for "
                f"losses of shape {tuple(losses.shape)}"
            )
        return ops.stop_gradient(weights)

    def build(self, input_shape: tuple[int, ...]) -> None:
        super().build(input_shape)
        self.input_spec = keras.layers.InputSpec(shape=tuple(input_shape))

    def compute_output_shape(
        self, input_shape: tuple[int, ...]
    ) -> tuple[int, ...]:
        return input_shape
