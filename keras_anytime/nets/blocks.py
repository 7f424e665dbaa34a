"""Building blocks that the families share; each makes one stage's slice."""

from collections.abc import Sequence
from typing import Any
from typing import TypeAlias

import keras

from keras_anytime import tasks
from keras_anytime.layers import BatchNormalization
from keras_anytime.layers import GroupedConv2D
from keras_anytime.layers import SlicedConv2D
from keras_anytime.layers import SlicedDense
from keras_anytime.model import AnytimeModel

# The number of classes or the task, or those of each label set.
Classes: TypeAlias = int | tasks.Task | dict[str, int | tasks.Task]

# Output channels of a unit, per channel inside the unit.
EXPANSION = {"basic": 1, "bottleneck": 4, "pyramid": 1}

STEMS = ("cifar", "imagenet")


def convolution(
    inputs: keras.KerasTensor | list[keras.KerasTensor],
    filters: int,
    kernel_size: int,
    strides: int = 1,
    groups: int = 1,
    *,
    l2: float,
    name: str,
) -> keras.KerasTensor:
    """Applies one slice of a convolution, without bias and with same padding.

    The kernel is He-normal.

    Args:
        inputs: Tensor, or list of the tensors that the slice reads.
        filters: Integer. Channels that the slice adds.
        kernel_size: Integer.
        strides: Integer.
        groups: Integer. Number of branches in the slice.
        l2: Float. Factor of the kernel's squared norm in the loss.
        name: String. The layer's name.

    Returns:
        Tensor `(batch, height / strides, width / strides, filters)`.
    """
    layer = SlicedConv2D
    grouping = {}
    if groups > 1:
        layer = GroupedConv2D
        grouping = {"groups": groups}
    return layer(
        filters,
        kernel_size,
        strides=strides,
        padding="same",
        use_bias=False,
        kernel_initializer="he_normal",
        kernel_regularizer=l2_regularizer(l2),
        name=name,
        **grouping,
    )(inputs)


def l2_regularizer(l2: float) -> keras.regularizers.Regularizer | None:
    """Returns the Keras regularizer of a kernel; `None` if `l2` is 0."""
    return keras.regularizers.L2(l2) if l2 else None


def batch_norm_relu(inputs: keras.KerasTensor, name: str) -> keras.KerasTensor:
    """Applies batch normalization and ReLU to one slice's channels.

    Each slice has statistics of its own, so the output of a stage never
    depends on a later stage.
    """
    x = batch_norm(inputs, name)
    return keras.layers.ReLU(name=f"{name}_relu")(x)


def batch_norm(inputs: keras.KerasTensor, name: str) -> keras.KerasTensor:
    """Applies batch normalization to one slice's channels."""
    return batch_norm_layer(name)(inputs)


def batch_norm_layer(name: str) -> BatchNormalization:
    """Returns the batch normalization that all networks use, not yet called."""
    return BatchNormalization(momentum=0.9, epsilon=1e-5, name=f"{name}_bn")


def add(tensors: list[keras.KerasTensor], name: str) -> keras.KerasTensor:
    """Returns the sum of the tensors; a single tensor is returned as it is."""
    if len(tensors) == 1:
        return tensors[0]
    return keras.layers.Add(name=name)(tensors)


def concatenate(
    tensors: list[keras.KerasTensor], name: str
) -> keras.KerasTensor:
    """Concatenates channels; a single tensor is returned as it is."""
    if len(tensors) == 1:
        return tensors[0]
    return keras.layers.Concatenate(name=name)(tensors)


def subsample(
    inputs: keras.KerasTensor, strides: int, name: str
) -> keras.KerasTensor:
    """Keeps every n-th row and column.

    A 1x1 convolution of the result equals a 1x1 convolution with strides. The
    latter can crash the process: on CPUs (oneDNN), TensorFlow 2.21 aborts in
    the gradient of strided 1x1 kernels with fewer than 16 input channels.
    Other kernel sizes are not affected.

    Args:
        inputs: Tensor `(batch, height, width, channels)`.
        strides: Integer.
        name: String. The layer's name.

    Returns:
        Tensor `(batch, height / strides, width / strides, channels)`, rounded
        up.
    """
    return keras.layers.MaxPooling2D(1, strides=strides, name=name)(inputs)


def stem(
    image: keras.KerasTensor, filters: int, kind: str, *, l2: float, name: str
) -> keras.KerasTensor:
    """Applies the first convolution, or the slice of it that a stage adds.

    Args:
        image: Tensor `(batch, height, width, channels)`.
        filters: Integer. Channels that the slice adds.
        kind: `"cifar"` (3x3) or `"imagenet"` (7x7 of stride 2, 3x3 max pooling
            of stride 2).
        l2: Float. Factor of the kernel's squared norm in the loss.
        name: String. Prefix of the layers' names.

    Returns:
        Tensor `(batch, height, width, filters)`; `"imagenet"` divides height
        and width by 4.
    """
    if kind == "cifar":
        return convolution(image, filters, 3, l2=l2, name=f"{name}_conv")
    x = convolution(image, filters, 7, 2, l2=l2, name=f"{name}_conv")
    return stem_pooling(x, name)


def stem_pooling(inputs: keras.KerasTensor, name: str) -> keras.KerasTensor:
    """Applies the 3x3 max pooling of stride 2 that ends an ImageNet stem."""
    return keras.layers.MaxPooling2D(
        3, strides=2, padding="same", name=f"{name}_pool"
    )(inputs)


def unit_convolutions(
    kind: str, filters: int, strides: int = 1
) -> list[tuple[int, int, int]]:
    """Returns the sizes of the convolutions in a residual unit.

    Args:
        kind: `"basic"` or `"pyramid"` (3x3, 3x3), or `"bottleneck"` (1x1, 3x3,
            1x1, where the first two have a quarter of the channels).
        filters: Integer. Output channels of the unit.
        strides: Integer. Strides of the first 3x3 convolution.

    Returns:
        List of (filters, kernel size, strides).
    """
    if kind != "bottleneck":
        return [(filters, 3, strides), (filters, 3, 1)]
    inner = filters // EXPANSION[kind]
    return [(inner, 1, 1), (inner, 3, strides), (filters, 1, 1)]


def preactivation_convolutions(
    x: keras.KerasTensor,
    sizes: Sequence[tuple[int, int, int]],
    stage: int,
    *,
    l2: float,
    name: str,
) -> keras.KerasTensor:
    """Applies convolutions in sequence, each after BN-ReLU.

    Args:
        x: Tensor `(batch, height, width, channels)`.
        sizes: Sequence of (filters, kernel size, strides).
        stage: Integer. The stage that adds them.
        l2: Float. Factor of each kernel's squared norm in the loss.
        name: String. Prefix of the layers' names.

    Returns:
        Tensor `(batch, height, width, filters)`.
    """
    for index, size in enumerate(sizes, start=1):
        position = "in" if index == 1 else f"conv{index - 1}"
        x = convolution(
            batch_norm_relu(x, f"{name}_{position}_stage{stage}"),
            *size,
            l2=l2,
            name=f"{name}_conv{index}_stage{stage}",
        )
    return x


def heads(
    features: Sequence[list[keras.KerasTensor]],
    classes: Classes,
    l2: float,
) -> list[keras.KerasTensor]:
    """Applies pooling and one classifier per stage and label set.

    Args:
        features: Sequence of K lists of tensors `(batch, height, width,
            channels)`: the features that each stage's classifier reads.
        classes: Integer or task, or dict from label sets to these.
        l2: Float. Factor of each kernel's squared norm in the loss.

    Returns:
        List of float32 tensors `(batch, classes)`, made by layers named
        `stage_1` to `stage_K`. With label sets `fine` and `coarse` the layers
        are named `stage_1_fine`, `stage_1_coarse`, `stage_2_fine` and so on.
        Logits stay float32 under mixed precision.
    """
    pooled: dict[int, keras.KerasTensor] = {}
    outputs = []
    for k, tensors in enumerate(features, start=1):
        new = [tensor for tensor in tensors if id(tensor) not in pooled]
        for index, tensor in enumerate(new):
            suffix = f"_{index}" if len(new) > 1 else ""
            pooled[id(tensor)] = keras.layers.GlobalAveragePooling2D(
                name=f"pool_stage{k}{suffix}"
            )(tensor)
        outputs += classifiers(
            [pooled[id(tensor)] for tensor in tensors], classes, k, l2
        )
    return outputs


def classifiers(
    features: list[keras.KerasTensor],
    classes: Classes,
    stage: int,
    l2: float,
) -> list[keras.KerasTensor]:
    """Applies the classifiers of one stage, one per label set.

    Args:
        features: List of tensors `(batch, channels)`.
        classes: Integer or task, or dict from label sets to these.
        stage: Integer, counted from 1.
        l2: Float. Factor of each kernel's squared norm in the loss.

    Returns:
        List of float32 tensors `(batch, classes)`.
    """
    prefix = f"stage_{stage}"
    if isinstance(classes, dict):
        sizes = {
            f"{prefix}_{name}": tasks.get(entry).size
            for name, entry in classes.items()
        }
    else:
        sizes = {prefix: tasks.get(classes).size}
    return [
        SlicedDense(
            size,
            kernel_regularizer=l2_regularizer(l2),
            dtype="float32",
            name=name,
        )(features)
        for name, size in sizes.items()
    ]


def task_of(classes: Classes) -> Any:
    """Returns the task that a builder was given, or a dict of them.

    Args:
        classes: As for `heads`.

    Returns:
        As `AnytimeModel` takes it: `None` for numbers of classes only, where
        shape and loss of the outputs tell the task.
    """
    entries = classes if isinstance(classes, dict) else {None: classes}
    if not any(isinstance(entry, tasks.Task) for entry in entries.values()):
        return None
    given = {name: tasks.get(entry) for name, entry in entries.items()}
    return given if isinstance(classes, dict) else given[None]


def build_model(
    image: keras.KerasTensor,
    outputs: list[keras.KerasTensor],
    classes: Classes,
    synchronized: bool,
    name: str,
) -> AnytimeModel:
    """Builds the model from the image to the logits.

    Args:
        image: The symbolic image tensor.
        outputs: List of the logits' tensors, in the order of `heads`.
        classes: As for `heads`.
        synchronized: Boolean. Whether batch statistics are computed over all
            replicas' images.
        name: String.

    Returns:
        An `AnytimeModel`.
    """
    model = AnytimeModel(image, outputs, name=name, task=task_of(classes))
    for layer in model.layers:
        if isinstance(layer, BatchNormalization):
            layer.synchronized = synchronized
    return model
