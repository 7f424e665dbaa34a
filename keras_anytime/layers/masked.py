"""All slices of a layer as one kernel under a block-triangular mask."""

import keras
from keras import ops

from keras_anytime.layers import masks
from keras_anytime.layers.sliced import SlicedConv2D
from keras_anytime.layers.sliced import SlicedDense


@keras.saving.register_keras_serializable(package="keras_anytime")
class SlicewiseInitializer(keras.initializers.Initializer):
    """Draws each slice of a masked kernel with its own fan-in and fan-out.

    Args:
        initializer: The `keras.initializers.Initializer` of one slice.
        input_slices: K integers, the input channels that each stage adds.
        output_slices: K integers, the output channels that each stage adds.
    """

    def __init__(self, initializer, input_slices, output_slices):
        self.initializer = keras.initializers.get(initializer)
        self.input_slices = input_slices
        self.output_slices = output_slices

    def __call__(self, shape, dtype=None):
        kernels = []
        for stage, outputs in enumerate(self.output_slices):
            inputs = sum(self.input_slices[: stage + 1])
            drawn = None
            if outputs:
                drawn = self.initializer.clone()(
                    (*shape[:-2], inputs, outputs), dtype="float32"
                )
                drawn = ops.convert_to_numpy(drawn)
            kernels.append(drawn)
        whole = masks.assemble_kernel(
            kernels, self.input_slices, self.output_slices
        )
        return ops.cast(whole, dtype or "float32")

    def get_config(self):
        return {
            "initializer": keras.initializers.serialize(self.initializer),
            "input_slices": self.input_slices,
            "output_slices": self.output_slices,
        }


class _Masked:
    """What `MaskedConv2D` and `MaskedDense` add to the layers of Keras."""

    def _split(self, input_slices, output_slices):
        self.mask = masks.block_triangular_mask(input_slices, output_slices)
        self.input_slices = tuple(input_slices)
        self.output_slices = tuple(output_slices)
        self.kernel_initializer = SlicewiseInitializer(
            self.kernel_initializer, self.input_slices, self.output_slices
        )

    @property
    def kernel(self):
        """The kernel, zero where a slice would read a later stage."""
        kernel = ops.convert_to_tensor(super().kernel)
        return kernel * ops.cast(self.mask, kernel.dtype)

    def build(self, input_shape):
        if input_shape[-1] != sum(self.input_slices):
            raise ValueError(
                f"Expected {sum(self.input_slices)} input channels, the sum "
                f"of input_slices={self.input_slices}. "
                f"Received: input_shape={tuple(input_shape)}"
            )
        super().build(input_shape)

    def get_config(self):
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

    def to_slices(self):
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
        layers = []
        for stage, one in enumerate(kernels):
            if not one.size:
                layers.append(None)
                continue
            layer = self._slice_layer.from_config(
                {
                    **config,
                    "name": f"{self.name}_stage{stage + 1}",
                    self._size_argument: self.output_slices[stage],
                }
            )
            layer.build((*[None] * (one.ndim - 1), one.shape[-2]))
            stop = sum(self.output_slices[: stage + 1])
            start = stop - self.output_slices[stage]
            layer.set_weights([one, *(values[start:stop] for values in bias)])
            layers.append(layer)
        return layers

    def set_slices(self, layers):
        """Takes over the weights of one slice layer per stage.

        Args:
            layers: List of K built slice layers; `None` where a stage adds no
                channel.

        Raises:
            ValueError: If a kernel's shape does not fit the slices.
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
class MaskedConv2D(_Masked, keras.layers.Conv2D):
    """All slices of a 2D convolution as one kernel under a mask.

    Equal in output and gradient to one `SlicedConv2D` per stage with the same
    weights. One wide convolution can run faster than several narrow ones, but
    each stage's backward pass then costs the whole kernel. An OSGD step of
    three stages on a CPU took 0.6 times that of slices at 8-16-32 filters, 1.0
    times at 16-32-64, and 1.7 times at 32-64-128. Networks are built of
    slices; this form is there to compare and to convert.

    Args:
        input_slices: K integers, the input channels that each stage adds.
        output_slices: K integers, the output channels that each stage adds.
        kernel_size: As for `keras.layers.Conv2D`.
        **kwargs: Arguments of `keras.layers.Conv2D`, `filters` and `groups`
            apart.

    Call arguments:
        inputs: Tensor `(batch, height, width, sum(input_slices))`, the
            stages' channels in order.

    Returns:
        Tensor `(batch, new_height, new_width, sum(output_slices))`.

    Raises:
        ValueError: If the slices do not describe the same number of stages,
            or the input has other channels.

    Reference:
        [Wan et al., 2020, Figure 5](https://arxiv.org/abs/2008.06635)
    """

    _slice_layer = SlicedConv2D
    _size_argument = "filters"

    def __init__(self, input_slices, output_slices, kernel_size, **kwargs):
        masks.check_slices(input_slices, output_slices)
        if kwargs.get("groups", 1) != 1:
            raise ValueError(
                "A masked convolution has one group. "
                f"Received: groups={kwargs['groups']}"
            )
        super().__init__(sum(output_slices), kernel_size, **kwargs)
        self._split(input_slices, output_slices)


@keras.saving.register_keras_serializable(package="keras_anytime")
class MaskedDense(_Masked, keras.layers.Dense):
    """All slices of a dense layer as one kernel under a mask.

    Equal in output and gradient to one `SlicedDense` per stage with the same
    weights.

    Args:
        input_slices: K integers, the input features that each stage adds.
        output_slices: K integers, the outputs that each stage adds.
        **kwargs: Arguments of `keras.layers.Dense`, `units` apart.

    Call arguments:
        inputs: Tensor `(batch, ..., sum(input_slices))`, the stages' features
            in order.

    Returns:
        Tensor `(batch, ..., sum(output_slices))`.

    Raises:
        ValueError: If the slices do not describe the same number of stages,
            or the input has other features.

    Reference:
        [Wan et al., 2020, Figure 5](https://arxiv.org/abs/2008.06635)
    """

    _slice_layer = SlicedDense
    _size_argument = "units"

    def __init__(self, input_slices, output_slices, **kwargs):
        masks.check_slices(input_slices, output_slices)
        super().__init__(sum(output_slices), **kwargs)
        self._split(input_slices, output_slices)
