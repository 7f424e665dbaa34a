"""The interface of loss weightings."""

import keras
from keras import ops

from keras_anytime.training_state import TrainingState


class Weighting(TrainingState):
    """Gives each stage's loss its weight in the current step.

    A subclass implements `call(losses)` and creates the variables that it
    needs in `build(input_shape)`, where `input_shape` is `(num_stages,)`. The
    variables are saved and restored with the model that was compiled with the
    weighting.

    Call arguments:
        losses: Float tensor `(num_stages,)`, the losses of one step, in the
            order of the stages.

    Returns:
        Float tensor `(num_stages,)`. No gradient flows through it.

    Raises:
        ValueError: If called with another number of losses than before.
    """

    def __call__(self, losses):
        losses = ops.convert_to_tensor(losses, dtype="float32")
        if losses.ndim != 1:
            raise ValueError(
                "A weighting takes one loss per stage, in one axis. "
                f"Received: losses.shape={tuple(losses.shape)}"
            )
        weights = super().__call__(ops.stop_gradient(losses))
        if tuple(weights.shape) != tuple(losses.shape):
            raise ValueError(
                "A weighting gives one weight per stage. Received: weights of "
                f"shape {tuple(weights.shape)} from {type(self).__name__} for "
                f"losses of shape {tuple(losses.shape)}"
            )
        return ops.stop_gradient(weights)

    def build(self, input_shape):
        super().build(input_shape)
        self.input_spec = keras.layers.InputSpec(shape=tuple(input_shape))

    def compute_output_shape(self, input_shape):
        return input_shape
