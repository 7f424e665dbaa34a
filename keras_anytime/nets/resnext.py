"""What the networks of Lee and Shin share: scales and units of ResNeXt."""

import keras

from keras_anytime.layers import ChannelPadding
from keras_anytime.nets import arguments
from keras_anytime.nets import blocks


def unit(features, branches, bottleneck, stages, *, l2, name):
    """Adds one unit of branches to the features of each slice.

    Slice k reads slices 1 to k, has branches of its own (1x1, grouped 3x3,
    1x1, each after BN-ReLU), and adds what they compute to itself.

    Args:
        features: List of tensors `(batch, height, width, channels)`, one for
            each slice.
        branches: Integer. Branches of each slice.
        bottleneck: Integer. Channels of a branch.
        stages: Sequence of integers. The stages that add the slices.
        l2: Float. Factor of the squared norm of each kernel in the loss.
        name: String. Start of the layers' names.

    Returns:
        List of tensors like `features`.

    Reference:
        [Lee and Shin, 2018, Section 3.2](https://arxiv.org/abs/1807.02609)
    """
    active = []
    outputs = []
    for k, own in zip(stages, features, strict=True):
        active.append(blocks.normalized(own, f"{name}_in_stage{k}"))
        inner = branches * bottleneck
        x = blocks.convolution(
            active, inner, 1, l2=l2, name=f"{name}_conv1_stage{k}"
        )
        x = blocks.convolution(
            blocks.normalized(x, f"{name}_conv1_stage{k}"),
            inner,
            3,
            groups=branches,
            l2=l2,
            name=f"{name}_conv2_stage{k}",
        )
        x = blocks.convolution(
            blocks.normalized(x, f"{name}_conv2_stage{k}"),
            own.shape[-1],
            1,
            l2=l2,
            name=f"{name}_conv3_stage{k}",
        )
        outputs.append(blocks.added([own, x], f"{name}_add_stage{k}"))
    return outputs


def downscaled(inputs, width, name):
    """Half the height and width, and channels of zeros up to a width.

    Args:
        inputs: Tensor `(batch, height, width, channels)`.
        width: Integer. Channels to return.
        name: String. Start of the layers' names.

    Returns:
        Tensor `(batch, height / 2, width / 2, width)`.

    Reference:
        [Lee and Shin, 2018, Appendix B](https://arxiv.org/abs/1807.02609)
    """
    x = keras.layers.AveragePooling2D(2, padding="same", name=f"{name}_pool")(
        inputs
    )
    missing = width - x.shape[-1]
    if missing:
        x = ChannelPadding(missing, name=f"{name}_padded")(x)
    return x


def scales(num_blocks, width, bottleneck, factors):
    """Returns what the blocks of each scale are like.

    Args:
        num_blocks: Integer. Blocks L of the network.
        width: Integer. Channels W of the first scale.
        bottleneck: Integer. Channels B of a branch in the first scale; they
            double from scale to scale.
        factors: Sequence of integers. Channels of each scale, in multiples of
            `width`.

    Returns:
        List of (blocks, channels, bottleneck) for each scale.
    """
    return [
        (num_blocks // len(factors), width * factor, bottleneck * 2**index)
        for index, factor in enumerate(factors)
    ]


def check(
    input_shape,
    classes,
    stem,
    *,
    num_blocks,
    width,
    branches,
    bottleneck,
    factors,
    stages=1,
):
    """Raises a `ValueError` unless the arguments make a network.

    Returns:
        Integer: the branches, `width / 8` where they are `None`.
    """
    arguments.check_common(input_shape, classes, stem)
    if branches is None:
        branches = max(width // 8, 1)
    arguments.check_counts(
        blocks=num_blocks,
        width=width,
        branches=branches,
        bottleneck=bottleneck,
        stages=stages,
    )
    arguments.check_sequence("factors", factors, "scale")
    if factors[0] != 1 or list(factors) != sorted(factors):
        raise ValueError(
            "`factors` must hold the width of each scale in multiples of the "
            "first one, never shrinking, such as (1, 2, 4). "
            f"Received: factors={factors}"
        )
    if num_blocks % len(factors):
        raise ValueError(
            f"Each of the {len(factors)} scales has the same number of "
            f"blocks, so `blocks` must be a multiple of {len(factors)}. "
            f"Received: blocks={num_blocks}"
        )
    return branches
