"""Blocks that the families of networks share, each for one slice."""

import keras

from keras_anytime.layers import BatchNormalization
from keras_anytime.layers import GroupedConv2D
from keras_anytime.layers import SlicedConv2D
from keras_anytime.layers import SlicedDense
from keras_anytime.model import AnytimeModel

# Output channels of a unit per channel inside of it.
EXPANSION = {"basic": 1, "bottleneck": 4}

STEMS = ("cifar", "imagenet")


def convolution(inputs, filters, kernel_size, strides=1, groups=1, *, l2, name):
    """One slice of a convolution: no bias, He-normal, padded to keep size.

    Args:
        inputs: Tensor, or list of the tensors that the slice reads.
        filters: Integer. Channels that the slice adds.
        kernel_size: Integer.
        strides: Integer.
        groups: Integer. Branches that the slice consists of.
        l2: Float. Factor of the kernel's squared norm in the loss.
        name: String. The layer's name.

    Returns:
        Tensor `(batch, height / strides, width / strides, filters)`.
    """
    layer = SlicedConv2D
    branches = {}
    if groups > 1:
        layer = GroupedConv2D
        branches = {"groups": groups}
    return layer(
        filters,
        kernel_size,
        strides=strides,
        padding="same",
        use_bias=False,
        kernel_initializer="he_normal",
        kernel_regularizer=regularizer(l2),
        name=name,
        **branches,
    )(inputs)


def regularizer(l2):
    """Returns the Keras regularizer of a kernel, `None` for `l2=0`."""
    return keras.regularizers.L2(l2) if l2 else None


def normalized(inputs, name):
    """Batch normalization and ReLU of the channels of one slice.

    Statistics are per slice, so what a stage computes never depends on a
    later stage.
    """
    x = BatchNormalization(momentum=0.9, epsilon=1e-5, name=f"{name}_bn")(
        inputs
    )
    return keras.layers.ReLU(name=f"{name}_relu")(x)


def added(tensors, name):
    """The sum of a list of tensors, or the only one."""
    if len(tensors) == 1:
        return tensors[0]
    return keras.layers.Add(name=name)(tensors)


def joined(tensors, name):
    """The channels of a list of tensors in one, or the only one."""
    if len(tensors) == 1:
        return tensors[0]
    return keras.layers.Concatenate(name=name)(tensors)


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


def stem(image, filters, kind, *, l2, name):
    """The first convolution, or the slice of it that a stage adds.

    Args:
        image: Tensor `(batch, height, width, channels)`.
        filters: Integer. Channels that the slice adds.
        kind: `"cifar"` (3x3) or `"imagenet"` (7x7 of stride 2, 3x3 max pooling
            of stride 2).
        l2: Float. Factor of the kernel's squared norm in the loss.
        name: String. Start of the layers' names.

    Returns:
        Tensor `(batch, height, width, filters)`, a quarter as high and wide
        for `"imagenet"`.
    """
    if kind == "cifar":
        return convolution(image, filters, 3, l2=l2, name=f"{name}_conv")
    x = convolution(image, filters, 7, 2, l2=l2, name=f"{name}_conv")
    return pooled_stem(x, name)


def pooled_stem(inputs, name):
    """The 3x3 max pooling of stride 2 that ends the stem for ImageNet."""
    return keras.layers.MaxPooling2D(
        3, strides=2, padding="same", name=f"{name}_pool"
    )(inputs)


def unit_convolutions(kind, width, strides=1):
    """The convolutions of a residual unit: basic or bottleneck.

    Args:
        kind: `"basic"` (3x3, 3x3) or `"bottleneck"` (1x1, 3x3, 1x1, inside a
            quarter as wide).
        width: Integer. Output channels of the unit.
        strides: Integer. Strides of its first 3x3.

    Returns:
        List of (filters, kernel size, strides).
    """
    if kind == "basic":
        return [(width, 3, strides), (width, 3, 1)]
    inner = width // EXPANSION[kind]
    return [(inner, 1, 1), (inner, 3, strides), (width, 1, 1)]


def convolutions(x, sizes, stage, *, l2, name):
    """Convolutions in a row, each after normalization and ReLU.

    Args:
        x: Tensor `(batch, height, width, channels)`.
        sizes: List of (filters, kernel size, strides).
        stage: Integer. The stage that adds them.
        l2: Float. Factor of the squared norm of each kernel in the loss.
        name: String. Start of the layers' names.

    Returns:
        Tensor `(batch, height, width, filters)`.
    """
    for index, size in enumerate(sizes, start=1):
        where = "in" if index == 1 else f"conv{index - 1}"
        x = convolution(
            normalized(x, f"{name}_{where}_stage{stage}"),
            *size,
            l2=l2,
            name=f"{name}_conv{index}_stage{stage}",
        )
    return x


def heads(features, classes, l2):
    """One classifier per stage and label set, on pooled features.

    Args:
        features: List of K lists of tensors `(batch, height, width,
            channels)`: what each stage's classifier reads.
        classes: Integer, or dict from label sets to integers.
        l2: Float. Factor of the kernels' squared norm in the loss.

    Returns:
        List of float32 tensors `(batch, classes)`, by layers named `stage_1`
        to `stage_K`, or `stage_1_fine`, `stage_1_coarse`, `stage_2_fine` ...
        for label sets `fine` and `coarse`. Logits stay float32 under mixed
        precision.
    """
    pooled = {}
    outputs = []
    for k, tensors in enumerate(features, start=1):
        new = [one for one in tensors if id(one) not in pooled]
        for index, tensor in enumerate(new):
            suffix = f"_{index}" if len(new) > 1 else ""
            pooled[id(tensor)] = keras.layers.GlobalAveragePooling2D(
                name=f"pool_stage{k}{suffix}"
            )(tensor)
        outputs += classifiers(
            [pooled[id(one)] for one in tensors], classes, k, l2
        )
    return outputs


def classifiers(features, classes, stage, l2):
    """The classifiers of one stage, one per label set.

    Args:
        features: List of tensors `(batch, channels)`.
        classes: Integer, or dict from label sets to integers.
        stage: Integer, counted from 1.
        l2: Float. Factor of the kernels' squared norm in the loss.

    Returns:
        List of float32 tensors `(batch, classes)`.
    """
    label_sets = classes if isinstance(classes, dict) else {None: classes}
    return [
        SlicedDense(
            count,
            kernel_regularizer=regularizer(l2),
            dtype="float32",
            name=f"stage_{stage}{f'_{name}' if name else ''}",
        )(features)
        for name, count in label_sets.items()
    ]


def network(image, outputs, synchronized, name):
    """Returns the network from an image to the logits of its heads.

    Args:
        image: The symbolic image tensor.
        outputs: List of tensors as `heads` gives them.
        synchronized: Boolean. Whether batch statistics are taken over the
            images of all replicas.
        name: String.

    Returns:
        An `AnytimeModel`.
    """
    model = AnytimeModel(image, outputs, name=name)
    for layer in model.layers:
        if isinstance(layer, BatchNormalization):
            layer.synchronized = synchronized
    return model
