"""One slice of a layer: what one stage adds, with variables of its own."""

import keras
from keras import ops


class _Sliced:
    """What slices add to the layers of Keras: they may read several tensors."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        # The parent's specification describes the joined tensor.
        self.input_spec = None

    def build(self, input_shape):
        super().build(_joined_shape(input_shape))
        self.input_spec = None

    def call(self, inputs):
        if isinstance(inputs, (list, tuple)):
            inputs = (
                ops.concatenate(inputs, axis=-1)
                if len(inputs) > 1
                else inputs[0]
            )
        return super().call(inputs)

    def compute_output_shape(self, input_shape):
        return super().compute_output_shape(_joined_shape(input_shape))


@keras.saving.register_keras_serializable(package="keras_anytime")
class SlicedConv2D(_Sliced, keras.layers.Conv2D):
    """The slice of a 2D convolution that one stage adds.

    It convolves the concatenation of all features that its stage may read.
    The edges of the Keras graph say what these are; the layer itself knows
    nothing of stages.

    ```python
    first = SlicedConv2D(8, 3, padding="same")(a)           # stage 1
    second = SlicedConv2D(8, 3, padding="same")([a, b])     # stage 2
    ```

    Args:
        filters: Integer. The channels that this slice adds.
        kernel_size: As for `keras.layers.Conv2D`, like all other arguments;
            `data_format` must be `"channels_last"`.

    Call arguments:
        inputs: Tensor `(batch, height, width, channels)`, or a list of them
            that differ in channels only.

    Returns:
        Tensor `(batch, new_height, new_width, filters)`.

    Raises:
        ValueError: If `data_format` is not `"channels_last"`.

    Reference:
        [Lee and Shin, 2018](https://arxiv.org/abs/1807.02609);
        [Wan et al., 2020, Section 3.3.2](https://arxiv.org/abs/2008.06635)
    """

    def __init__(self, filters, kernel_size, **kwargs):
        super().__init__(filters, kernel_size, **kwargs)
        if self.data_format != "channels_last":
            raise ValueError(
                "Slices need `data_format='channels_last'`. "
                f"Received: data_format={self.data_format!r}"
            )


@keras.saving.register_keras_serializable(package="keras_anytime")
class SlicedDense(_Sliced, keras.layers.Dense):
    """The slice of a dense layer that one stage adds.

    Args:
        units: Integer. The outputs that this slice adds; all other arguments
            are those of `keras.layers.Dense`.

    Call arguments:
        inputs: Tensor `(batch, ..., features)`, or a list of them that differ
            in the last axis only.

    Returns:
        Tensor `(batch, ..., units)`.

    Reference:
        [Wan et al., 2020, Section 3.3.2](https://arxiv.org/abs/2008.06635)
    """


def _joined_shape(shape):
    if not isinstance(shape[0], (list, tuple)):
        return shape
    return (*shape[0][:-1], sum(one[-1] for one in shape))
