"""Units and transitions that the ResNeXts of Lee and Shin share."""

from collections.abc import Sequence

import keras

from keras_anytime.layers import ChannelPadding
from keras_anytime.nets import arguments
from keras_anytime.nets import blocks


def branched_unit(
    features: list[keras.KerasTensor],
    branches: int,
    branch_filters: int,
    stages: Sequence[int],
    *,
    l2: float,
    name: str,
) -> list[keras.KerasTensor]:
    """Applies one unit of parallel branches to the features of each slice.

    Slice k reads slices 1 to k, has branches of its own (1x1, grouped 3x3,
    1x1, each after BN-ReLU), and adds their output to itself.

    Args:
        features: List of tensors `(batch, height, width, channels)`, one for
            each slice.
        branches: Integer. Number of branches in each slice.
        branch_filters: Integer. Channels inside a branch.
        stages: Sequence of integers. The stage that adds each slice.
        l2: Float. Factor of each kernel's squared norm in the loss.
        name: String. Prefix of the layers' names.

    Returns:
        List of tensors with the shapes of `features`.

    Reference:
        [Lee and Shin, 2018, Section 3.2](https://arxiv.org/abs/1807.02609)
    """
    inner = branches * branch_filters
    active: list[keras.KerasTensor] = []
    outputs = []
    for k, own in zip(stages, features, strict=True):
        active.append(blocks.batch_norm_relu(own, f"{name}_in_stage{k}"))
        x = blocks.convolution(
            active, inner, 1, l2=l2, name=f"{name}_conv1_stage{k}"
        )
        x = blocks.convolution(
            blocks.batch_norm_relu(x, f"{name}_conv1_stage{k}"),
            inner,
            3,
            groups=branches,
            l2=l2,
            name=f"{name}_conv2_stage{k}",
        )
        x = blocks.convolution(
            blocks.batch_norm_relu(x, f"{name}_conv2_stage{k}"),
            own.shape[-1],
            1,
            l2=l2,
            name=f"{name}_conv3_stage{k}",
        )
        outputs.append(blocks.add([own, x], f"{name}_add_stage{k}"))
    return outputs


def downscale(
    inputs: keras.KerasTensor, filters: int, name: str
) -> keras.KerasTensor:
    """Halves height and width, and appends channels of zeros.

    Args:
        inputs: Tensor `(batch, height, width, channels)`.
        filters: Integer. Channels of the output.
        name: String. Prefix of the layers' names.

    Returns:
        Tensor `(batch, height / 2, width / 2, filters)`.

    Reference:
        [Lee and Shin, 2018, Appendix B](https://arxiv.org/abs/1807.02609)
    """
    x = keras.layers.AveragePooling2D(2, padding="same", name=f"{name}_pool")(
        inputs
    )
    missing = filters - x.shape[-1]
    if missing:
        x = ChannelPadding(missing, name=f"{name}_padded")(x)
    return x


def check_arguments(
    input_shape: arguments.ImageShape,
    classes: arguments.Classes,
    units: Sequence[int],
    filters: Sequence[int],
    branches: int | None,
    branch_filters: int,
    stem: str,
    num_stages: int = 1,
) -> int:
    """Raises a `ValueError` if an argument of a ResNeXt is invalid.

    Returns:
        Integer. The number of branches, which defaults to an eighth of the
        first block's channels.
    """
    arguments.check_common(input_shape, classes, stem)
    arguments.check_blocks(units, filters)
    if branches is None:
        branches = max(filters[0] // 8, 1)
    arguments.check_counts(
        branches=branches, branch_filters=branch_filters, num_stages=num_stages
    )
    if list(filters) != sorted(filters):
        raise ValueError(
            "`filters` must not decrease from block to block, because "
            f"transitions append channels. Received: filters={filters}"
        )
    return branches
