"""Blocks that the families of networks share, each for one slice."""

import keras

from keras_anytime.layers import SlicedConv2D
from keras_anytime.layers import SlicedDense


def convolution(inputs, filters, kernel_size, strides=1, *, l2, name):
    """One slice of a convolution: no bias, He-normal, padded to keep size.

    Args:
        inputs: Tensor, or list of the tensors that the slice reads.
        filters: Integer. Channels that the slice adds.
        kernel_size: Integer.
        strides: Integer.
        l2: Float. Factor of the kernel's squared norm in the loss.
        name: String. The layer's name.

    Returns:
        Tensor `(batch, height / strides, width / strides, filters)`.
    """
    return SlicedConv2D(
        filters,
        kernel_size,
        strides=strides,
        padding="same",
        use_bias=False,
        kernel_initializer="he_normal",
        kernel_regularizer=keras.regularizers.L2(l2) if l2 else None,
        name=name,
    )(inputs)


def normalised(inputs, name):
    """Batch normalisation and ReLU of the channels of one slice.

    Statistics are per slice, so what a stage computes never depends on a
    later stage.
    """
    x = keras.layers.BatchNormalization(
        momentum=0.9, epsilon=1e-5, name=f"{name}_bn"
    )(inputs)
    return keras.layers.ReLU(name=f"{name}_relu")(x)


def subsampled(inputs, strides, name):
    """Every n-th row and column, for a 1x1 convolution that strides.

    The same as striding in the convolution. That, however, can crash the
    process: on CPUs (oneDNN) TensorFlow 2.21 aborts in the gradient of 1x1
    kernels that stride and have fewer than 16 input channels. Other kernel
    sizes are sound.

    Args:
        inputs: Tensor `(batch, height, width, channels)`.
        strides: Integer.
        name: String. The layer's name.

    Returns:
        Tensor `(batch, height / strides, width / strides, channels)`, rounded
        up.
    """
    return keras.layers.MaxPooling2D(1, strides=strides, name=name)(inputs)


def heads(features, classes, l2):
    """One classifier per stage, on the pooled features that it may read.

    Args:
        features: List of K tensors `(batch, height, width, channels)`, the
            last features of each stage's slice.
        classes: Integer.
        l2: Float. Factor of the kernels' squared norm in the loss.

    Returns:
        List of K float32 tensors `(batch, classes)`, by layers named
        `stage_1` to `stage_K`; logits stay float32 under mixed precision.
    """
    pooled = [
        keras.layers.GlobalAveragePooling2D(name=f"pool_stage{k}")(one)
        for k, one in enumerate(features, start=1)
    ]
    return [
        SlicedDense(
            classes,
            kernel_regularizer=keras.regularizers.L2(l2) if l2 else None,
            dtype="float32",
            name=f"stage_{k}",
        )(pooled[:k])
        for k in range(1, len(features) + 1)
    ]
