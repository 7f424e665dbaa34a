"""Kernels in slices that several passes of a network share."""

import keras
from keras import ops

from keras_anytime.layers.grouped import grouped_kernel


@keras.saving.register_keras_serializable(package="keras_anytime")
class SharedKernel(keras.layers.Layer):
    """One slice of a convolution kernel, as a tensor in the graph.

    Passes that convolve with it read it by an edge, so the graph says which
    slices a stage owns, and a slice that several stages use is there once.

    Args:
        shape: Tuple `(rows, columns, inputs / groups, filters)`.
        kernel_initializer: As for `keras.layers.Conv2D`.
        kernel_regularizer: As for `keras.layers.Conv2D`.
        **kwargs: Arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: Any tensor; what it holds does not matter.

    Returns:
        The kernel, a tensor of `shape`.

    Reference:
        [Lee and Shin, 2018, Section 3.1](https://arxiv.org/abs/1807.02609)
    """

    def __init__(
        self,
        shape,
        kernel_initializer="he_normal",
        kernel_regularizer=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.shape = tuple(shape)
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)

    def build(self, input_shape):
        self.kernel = self.add_weight(
            name="kernel",
            shape=self.shape,
            initializer=self.kernel_initializer,
            regularizer=self.kernel_regularizer,
        )

    def call(self, inputs):
        return ops.convert_to_tensor(self.kernel)

    def compute_output_shape(self, input_shape):
        return self.shape

    def get_config(self):
        return {
            **super().get_config(),
            "shape": self.shape,
            "kernel_initializer": keras.initializers.serialize(
                self.kernel_initializer
            ),
            "kernel_regularizer": keras.regularizers.serialize(
                self.kernel_regularizer
            ),
        }


@keras.saving.register_keras_serializable(package="keras_anytime")
class SharedConv2D(keras.layers.Layer):
    """A 2D convolution with kernel slices that are given to it.

    It pads to keep the size and has no bias.

    Args:
        joined: `"filters"` or `"inputs"`: the axis of the kernel that the
            slices make up.
        groups: Integer. Number of branches of all slices together.
        zero_filled: As for `GroupedConv2D`.
        **kwargs: Arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: List of the tensor `(batch, height, width, channels)` and of
            the slices of the kernel, in order.

    Returns:
        Tensor `(batch, height, width, filters)`.

    Raises:
        ValueError: If `joined` is neither of the two.

    Reference:
        [Lee and Shin, 2018, Section 3.1](https://arxiv.org/abs/1807.02609)
    """

    _AXES = {"filters": -1, "inputs": -2}

    def __init__(self, joined="filters", groups=1, zero_filled=None, **kwargs):
        super().__init__(**kwargs)
        if joined not in self._AXES:
            raise ValueError(
                f"`joined` must be one of {sorted(self._AXES)}. "
                f"Received: joined={joined!r}"
            )
        self.joined = joined
        self.groups = groups
        self.zero_filled = zero_filled

    def call(self, inputs):
        inputs, *kernels = inputs
        kernel = kernels[0]
        if len(kernels) > 1:
            kernel = ops.concatenate(kernels, axis=self._AXES[self.joined])
        return ops.conv(
            inputs,
            grouped_kernel(kernel, self.groups, self.zero_filled),
            padding="same",
            data_format="channels_last",
        )

    def compute_output_shape(self, input_shape):
        inputs, *kernels = input_shape
        filters = [kernel[-1] for kernel in kernels]
        if self.joined == "filters":
            return (*inputs[:-1], sum(filters))
        return (*inputs[:-1], filters[0])

    def get_config(self):
        return {
            **super().get_config(),
            "joined": self.joined,
            "groups": self.groups,
            "zero_filled": self.zero_filled,
        }
