"""Channels of zeros, where features meet wider ones."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="keras_anytime")
class ChannelPadding(keras.layers.Layer):
    """Appends channels of zeros.

    Args:
        channels: Integer. Channels to append.
        **kwargs: Arguments of `keras.layers.Layer`.

    Raises:
        ValueError: If `channels` is negative.

    Call arguments:
        inputs: Tensor `(batch, height, width, n)`.

    Returns:
        Tensor `(batch, height, width, n + channels)`.

    Reference:
        the shortcuts of type A of
        [He et al., 2016](https://arxiv.org/abs/1512.03385)
    """

    def __init__(self, channels, **kwargs):
        super().__init__(**kwargs)
        if channels < 0:
            raise ValueError(
                f"`channels` must be 0 or more. Received: channels={channels}"
            )
        self.channels = channels

    def call(self, inputs):
        return ops.pad(inputs, [[0, 0], [0, 0], [0, 0], [0, self.channels]])

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], input_shape[-1] + self.channels)

    def get_config(self):
        return {**super().get_config(), "channels": self.channels}
