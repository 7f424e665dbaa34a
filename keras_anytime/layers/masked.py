"""All slices of a layer as one kernel under a block-triangular mask."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_anytime.backend.types import Tensor
from keras_anytime.layers import masks
from keras_anytime.layers.sliced import SlicedConv2D
from keras_anytime.layers.sliced import SlicedDense


@keras.saving.register_keras_serializable(package="keras_anytime")
class SlicewiseInitializer(keras.initializers.Initializer):
    """Initializes each slice of a masked kernel by its own fan-in and fan-out.

    Args:
        initializer: The `keras.initializers.Initializer` of one slice.
        input_slices: K integers, the input channels that each stage adds.
        output_slices: K integers, the output channels that each stage adds.
    """

    def __init__(
        self,
        initializer: Any,
        input_slices: Sequence[int],
        output_slices: Sequence[int],
    ) -> None:
        self.initializer = keras.initializers.get(initializer)
        self.input_slices = input_slices
        self.output_slices = output_slices

    def __call__(
        self, shape: tuple[int, ...], dtype: str | None = None
    ) -> Tensor:
        kernels: list[np.ndarray | None] = []
        for stage, outputs in enumerate(self.output_slices):
            inputs = sum(self.input_slices[: stage + 1])
            kernel = None
            if outputs:
                kernel = ops.convert_to_numpy(
                    self.initializer.clone()(
                        (*shape[:-2], inputs, outputs), dtype="float32"
                    )
                )
            kernels.append(kernel)
        masked_kernel = masks.assemble_kernel(
            kernels, self.input_slices, self.output_slices
        )
        return ops.cast(masked_kernel, dtype or "float32")

    def get_config(self) -> dict[str, Any]:
        return {
            "initializer": keras.initializers.serialize(self.initializer),
            "input_slices": self.input_slices,
            "output_slices": self.output_slices,
        }


class _MaskedLayer(keras.layers.Layer):
    """Base of Keras layers whose kernel is masked.

    A subclass inherits from this class first and from a Keras layer second.
    """

    # The layer of one slice, and its argument for the number of outputs.
    _slice_layer: type[keras.layers.Layer]
    _size_argument: str

    def _set_slices(
        self, input_slices: Sequence[int], output_slices: Sequence[int]
    ) -> None:
        self.mask = masks.block_triangular_mask(input_slices, output_slices)
        self.input_slices = tuple(input_slices)
        self.output_slices = tuple(output_slices)
        self.kernel_initializer: keras.initializers.Initializer = (
            SlicewiseInitializer(
                self.kernel_initializer, self.input_slices, self.output_slices
            )
        )

    @property
    def kernel(self) -> Tensor:
        """The kernel, zero where a slice would read a later stage."""
        kernel = ops.convert_to_tensor(super().kernel)
        return kernel * ops.cast(self.mask, kernel.dtype)

    def build(self, input_shape: tuple) -> None:
        if input_shape[-1] != sum(self.input_slices):
            raise ValueError(
                f"Expected {sum(self.input_slices)} input channels, the sum "
                f"of input_slices={self.input_slices}. "
                f"Received: input_shape={tuple(input_shape)}"
            )
        super().build(input_shape)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        for derived in ("filters", "units", "groups"):
            config.pop(derived, None)
        return {
            **config,
            "kernel_initializer": keras.initializers.serialize(
                self.kernel_initializer.initializer
            ),
            "input_slices": self.input_slices,
            "output_slices": self.output_slices,
        }

    def to_slices(self) -> list[keras.layers.Layer | None]:
        """Returns one built slice layer per stage, with this layer's weights.

        Returns:
            List of K layers; `None` where a stage adds no channel.
        """
        kernel, *bias = self.get_weights()
        kernels = masks.split_kernel(
            kernel, self.input_slices, self.output_slices
        )
        config = self.get_config()
        del config["input_slices"], config["output_slices"]
        layers: list[keras.layers.Layer | None] = []
        for stage, slice_kernel in enumerate(kernels):
            if not slice_kernel.size:
                layers.append(None)
                continue
            layer = self._slice_layer.from_config(
                {
                    **config,
                    "name": f"{self.name}_stage{stage + 1}",
                    self._size_argument: self.output_slices[stage],
                }
            )
            layer.build(
                (*[None] * (slice_kernel.ndim - 1), slice_kernel.shape[-2])
            )
            stop = sum(self.output_slices[: stage + 1])
            start = stop - self.output_slices[stage]
            layer.set_weights(
                [slice_kernel, *(values[start:stop] for values in bias)]
            )
            layers.append(layer)
        return layers

    def set_slices(self, layers: Sequence[keras.layers.Layer | None]) -> None:
        """Sets the weights from one slice layer per stage.

        Args:
            layers: List of K built slice layers; `None` where a stage adds no
                channel.

        Raises:
            ValueError: If a kernel's shape does not match the slices.
        """
        weights = [layer and layer.get_weights() for layer in layers]
        kernel = masks.assemble_kernel(
            [weight and weight[0] for weight in weights],
            self.input_slices,
            self.output_slices,
        )
        bias = [weight[1] for weight in weights if weight and self.use_bias]
        self.set_weights(
            [kernel, *([ops.concatenate(bias)] if self.use_bias else [])]
        )


@keras.saving.register_keras_serializable(package="keras_anytime")
class MaskedConv2D(_MaskedLayer, keras.layers.Conv2D):
    """All slices of a 2D convolution as one kernel under a mask.

    Outputs and gradients equal those of one `SlicedConv2D` per stage with the
    same weights. One wide convolution can run faster than several narrow ones,
    but each stage's backward pass costs the whole kernel. An OSGD training
    step of three stages on a CPU took 0.6 times that of slices at 8-16-32
    filters, 1.0 times at 16-32-64, and 1.7 times at 32-64-128. The networks of
    `ka.nets` consist of slices; this form serves comparison and conversion.

    ```python
    layer = ka.layers.MaskedConv2D((1, 0), (2, 2), kernel_size=3)
    layer(images).shape          # (32, 6, 6, 4)
    first, second = layer.to_slices()
    ```

    Args:
        input_slices: K integers, the input channels that each stage adds.
        output_slices: K integers, the output channels that each stage adds.
        kernel_size: As in `keras.layers.Conv2D`.
        **kwargs: Other arguments of `keras.layers.Conv2D`, except `filters`
            and `groups`.

    Input shape:
        `(batch, height, width, sum(input_slices))`, the channels of all stages
        in order.

    Output shape:
        `(batch, new_height, new_width, sum(output_slices))`.

    Raises:
        ValueError: If the slices describe different numbers of stages, or the
            input has another number of channels.

    Reference:
        [Wan et al., 2020, Figure 5](https://arxiv.org/abs/2008.06635)
    """

    _slice_layer = SlicedConv2D
    _size_argument = "filters"

    def __init__(
        self,
        input_slices: Sequence[int],
        output_slices: Sequence[int],
        kernel_size: int | tuple[int, int],
        **kwargs: Any,
    ) -> None:
        masks.check_slices(input_slices, output_slices)
        if kwargs.get("groups", 1) != 1:
            raise ValueError(
                "`groups` must be 1 in a masked convolution. "
                f"Received: groups={kwargs['groups']}"
            )
        super().__init__(sum(output_slices), kernel_size, **kwargs)
        self._set_slices(input_slices, output_slices)


@keras.saving.register_keras_serializable(package="keras_anytime")
class MaskedDense(_MaskedLayer, keras.layers.Dense):
    """All slices of a dense layer as one kernel under a mask.

    Outputs and gradients equal those of one `SlicedDense` per stage with the
    same weights.

    Args:
        input_slices: K integers, the input features that each stage adds.
        output_slices: K integers, the outputs that each stage adds.
        **kwargs: Other arguments of `keras.layers.Dense`, except `units`.

    Input shape:
        `(batch, ..., sum(input_slices))`, the features of all stages in order.

    Output shape:
        `(batch, ..., sum(output_slices))`.

    Raises:
        ValueError: If the slices describe different numbers of stages, or the
            input has another number of features.

    Reference:
        [Wan et al., 2020, Figure 5](https://arxiv.org/abs/2008.06635)
    """

    _slice_layer = SlicedDense
    _size_argument = "units"

    def __init__(
        self,
        input_slices: Sequence[int],
        output_slices: Sequence[int],
        **kwargs: Any,
    ) -> None:
        masks.check_slices(input_slices, output_slices)
        super().__init__(sum(output_slices), **kwargs)
        self._set_slices(input_slices, output_slices)
