"""Padding with channels of zeros, where features meet wider features."""

from typing import Any

import keras
from keras import ops

from keras_anytime.backend.types import Tensor


@keras.saving.register_keras_serializable(package="keras_anytime")
class ChannelPadding(keras.layers.Layer):
    """Appends channels of zeros to its input.

    ```python
    ka.layers.ChannelPadding(2)(images).shape  # (32, 8, 8, 3)
    ```

    Args:
        channels: Integer. Number of channels to append.
        **kwargs: Arguments of `keras.layers.Layer`.

    Input shape:
        `(batch, height, width, input_channels)`.

    Output shape:
        `(batch, height, width, input_channels + channels)`.

    Raises:
        ValueError: If `channels` is negative.

    Reference:
        Shortcuts of type A in
        [He et al., 2016](https://arxiv.org/abs/1512.03385)
    """

    def __init__(self, channels: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if channels < 0:
            raise ValueError(
                f"`channels` must be 0 or more. Received: channels={channels}"
            )
        self.channels = channels

    def call(self, inputs: Tensor) -> Tensor:
        return ops.pad(inputs, [[0, 0], [0, 0], [0, 0], [0, self.channels]])

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        return (*input_shape[:-1], input_shape[-1] + self.channels)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "channels": self.channels}
