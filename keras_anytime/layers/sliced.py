"""One slice of a layer: the channels that one stage adds."""

from typing import Any

import keras
from keras import ops

from keras_anytime.backend.types import Tensor


class _SlicedLayer(keras.layers.Layer):
    """Base of Keras layers that may read several tensors.

    A subclass inherits from this class first and from a Keras layer second.
    Several inputs are concatenated along the last axis.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # The Keras layer's input specification describes the joined tensor.
        self.input_spec = None

    def build(self, input_shape: Any) -> None:
        super().build(_joined_shape(input_shape))
        self.input_spec = None

    def call(self, inputs: Tensor | list[Tensor]) -> Tensor:
        if isinstance(inputs, (list, tuple)):
            inputs = (
                ops.concatenate(inputs, axis=-1)
                if len(inputs) > 1
                else inputs[0]
            )
        return super().call(inputs)

    def compute_output_shape(self, input_shape: Any) -> tuple:
        return super().compute_output_shape(_joined_shape(input_shape))


@keras.saving.register_keras_serializable(package="keras_anytime")
class SlicedConv2D(_SlicedLayer, keras.layers.Conv2D):
    """The slice of a 2D convolution that one stage adds.

    It convolves the concatenation of all features that its stage may read. The
    edges of the Keras graph determine these features; the layer itself has no
    notion of stages.

    ```python
    a = np.zeros((1, 8, 8, 3), "float32")
    first = ka.layers.SlicedConv2D(4, 3, padding="same")
    second = ka.layers.SlicedConv2D(4, 3, padding="same")
    b = first(a)        # Stage 1 reads the image.
    c = second([a, b])  # Stage 2 reads the image and stage 1's features.
    ```

    Args:
        filters: Integer. Number of channels that this slice adds.
        kernel_size: As in `keras.layers.Conv2D`.
        **kwargs: Other arguments of `keras.layers.Conv2D`; `data_format` must
            be `"channels_last"`.

    Input shape:
        `(batch, height, width, channels)`, or a list of such shapes that
        differ in their channels only.

    Output shape:
        `(batch, new_height, new_width, filters)`.

    Raises:
        ValueError: If `data_format` is not `"channels_last"`.

    Reference:
        [Lee and Shin, 2018](https://arxiv.org/abs/1807.02609);
        [Wan et al., 2020, Section 3.3.2](https://arxiv.org/abs/2008.06635)
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int | tuple[int, int],
        **kwargs: Any,
    ) -> None:
        super().__init__(filters, kernel_size, **kwargs)
        if self.data_format != "channels_last":
            raise ValueError(
                "Slices need `data_format='channels_last'`. "
                f"Received: data_format={self.data_format!r}"
            )


@keras.saving.register_keras_serializable(package="keras_anytime")
class SlicedDense(_SlicedLayer, keras.layers.Dense):
    """The slice of a dense layer that one stage adds.

    Like `SlicedConv2D`, it reads the concatenation of its inputs.

    Args:
        units: Integer. Number of outputs that this slice adds.
        **kwargs: Other arguments of `keras.layers.Dense`.

    Input shape:
        `(batch, ..., features)`, or a list of such shapes that differ in the
        last axis only.

    Output shape:
        `(batch, ..., units)`.

    Reference:
        [Wan et al., 2020, Section 3.3.2](https://arxiv.org/abs/2008.06635)
    """


def _joined_shape(shape: Any) -> tuple:
    """Returns the shape of the concatenated inputs."""
    if not isinstance(shape[0], (list, tuple)):
        return shape
    return (*shape[0][:-1], sum(input_shape[-1] for input_shape in shape))
