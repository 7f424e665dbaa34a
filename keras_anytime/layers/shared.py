"""Convolutions whose kernel slices are shared by several passes."""

import itertools
from typing import Any

import keras
from keras import ops

from keras_anytime.backend.types import Tensor
from keras_anytime.layers.grouped import grouped_kernel


@keras.saving.register_keras_serializable(package="keras_anytime")
class SharedKernel(keras.layers.Layer):
    """One slice of a convolution kernel, as a tensor in the graph.

    Convolutions read the slice by an edge of the graph. The graph therefore
    says which slices a stage owns, and a slice that several stages use exists
    once.

    Args:
        shape: Tuple `(rows, columns, inputs / groups, filters)`.
        kernel_initializer: As in `keras.layers.Conv2D`.
        kernel_regularizer: As in `keras.layers.Conv2D`.
        **kwargs: Arguments of `keras.layers.Layer`.

    Input shape:
        Arbitrary. The layer does not use its input; it needs one to be part of
        the graph.

    Output shape:
        `shape`.

    Reference:
        [Lee and Shin, 2018, Section 3.1](https://arxiv.org/abs/1807.02609)
    """

    def __init__(
        self,
        shape: tuple[int, int, int, int],
        kernel_initializer: Any = "he_normal",
        kernel_regularizer: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.shape = tuple(shape)
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)

    def build(self, input_shape: tuple) -> None:
        self.kernel = self.add_weight(
            name="kernel",
            shape=self.shape,
            initializer=self.kernel_initializer,
            regularizer=self.kernel_regularizer,
        )

    def call(self, inputs: Tensor) -> Tensor:
        return ops.convert_to_tensor(self.kernel)

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        return self.shape

    def get_config(self) -> dict[str, Any]:
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
    """A 2D convolution that receives the slices of its kernel as inputs.

    It uses same padding and has no bias.

    ```python
    kernels = [ka.layers.SharedKernel((3, 3, 1, 4))(images) for _ in range(2)]
    ka.layers.SharedConv2D()([images, *kernels]).shape  # (32, 8, 8, 8)
    ```

    Args:
        joined: `"filters"` or `"inputs"`. The axis of the kernel along which
            the slices are concatenated.
        groups: Integer. Number of branches of all slices together.
        split: Boolean. Whether the filters of each slice are a tensor of their
            own. Only slices of filters can be split.
        zero_filled: As in `GroupedConv2D`.
        **kwargs: Arguments of `keras.layers.Layer`.

    Input shape:
        List of `(batch, height, width, channels)` and the shapes of the kernel
        slices, in order.

    Output shape:
        `(batch, height, width, filters)`; with `split` a list of one such
        shape for each slice.

    Raises:
        ValueError: If `joined` is neither `"filters"` nor `"inputs"`, or slices
            of inputs are to be split.

    Reference:
        [Lee and Shin, 2018, Section 3.1](https://arxiv.org/abs/1807.02609)
    """

    _AXES = {"filters": -1, "inputs": -2}

    def __init__(
        self,
        joined: str = "filters",
        groups: int = 1,
        split: bool = False,
        zero_filled: bool | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if joined not in self._AXES:
            raise ValueError(
                f"`joined` must be one of {sorted(self._AXES)}. "
                f"Received: joined={joined!r}"
            )
        if split and joined != "filters":
            raise ValueError(
                "Slices of inputs add up to one output, which has no parts to "
                f"split. Received: split={split}, joined={joined!r}"
            )
        self.joined = joined
        self.groups = groups
        self.split = split
        self.zero_filled = zero_filled

    def call(self, inputs: list[Tensor]) -> Tensor | list[Tensor]:
        features, *kernels = inputs
        kernel = kernels[0]
        if len(kernels) > 1:
            kernel = ops.concatenate(kernels, axis=self._AXES[self.joined])
        outputs = ops.conv(
            features,
            grouped_kernel(kernel, self.groups, self.zero_filled),
            padding="same",
            data_format="channels_last",
        )
        if not self.split:
            return outputs
        filters = [kernel.shape[-1] for kernel in kernels]
        ends = list(itertools.accumulate(filters[:-1]))
        return list(ops.split(outputs, ends, axis=-1))

    def compute_output_shape(
        self, input_shape: list[tuple]
    ) -> tuple | list[tuple]:
        features, *kernels = input_shape
        filters = [kernel[-1] for kernel in kernels]
        if self.split:
            return [(*features[:-1], count) for count in filters]
        if self.joined == "filters":
            return (*features[:-1], sum(filters))
        return (*features[:-1], filters[0])

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "joined": self.joined,
            "groups": self.groups,
            "split": self.split,
            "zero_filled": self.zero_filled,
        }
