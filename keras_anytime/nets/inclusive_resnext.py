"""I-ResNeXt: thin subnetworks of a ResNeXt that share its convolutions."""

from collections.abc import Sequence

import keras

from keras_anytime.layers import SharedConv2D
from keras_anytime.layers import SharedKernel
from keras_anytime.model import AnytimeModel
from keras_anytime.nets import arguments
from keras_anytime.nets import blocks
from keras_anytime.nets import resnext


def inclusive_resnext(
    input_shape: arguments.ImageShape,
    classes: arguments.Classes,
    num_stages: int = 8,
    units: Sequence[int] = (7, 7, 7),
    filters: Sequence[int] = (64, 128, 256),
    branches: int | None = 8,
    branch_filters: int = 4,
    stem: str = "cifar",
    l2: float = 5e-5,
    synchronized: bool = False,
    name: str = "inclusive_resnext",
) -> AnytimeModel:
    """Builds an Inclusive ResNeXt, whose K answers take K passes.

    Subnetwork k is a ResNeXt with the first k / K of the branches in each
    unit. The subnetworks share all convolutions and nothing else: each has
    normalizations of its own, so after the stem no feature of one subnetwork
    serves another. K answers therefore take K passes, and the model has no
    steps (`model.interruptible` is `False`). Between blocks, average pooling
    halves height and width, and channels of zeros widen the features.

    The default is the network of 65 layers for CIFAR. The network of 29 layers
    in the ablation is `units=(3, 3, 3)`. The paper's L is `sum(units)`, its W
    is `filters[0]`, its C is `branches`, its B is `branch_filters`, and its K
    is `num_stages`.

    ```python
    net = ka.nets.inclusive_resnext(
        (8, 8, 1), classes=10, num_stages=2,
        units=(1,), filters=(8,), branches=2,
    )
    net(images)  # [logits of stage 1 (32, 10), logits of stage 2 (32, 10)]
    ```

    Args:
        input_shape: Tuple `(height, width, channels)`.
        classes: Integer. Number of classes; or a dict such as
            `{"fine": 100, "coarse": 20}` for one head per label set.
        num_stages: Integer. Number of stages K.
        units: Sequence of integers, the units in each block.
        filters: Sequence of integers, the output channels of each block. They
            do not decrease.
        branches: Integer. Branches of a unit, a multiple of K; or `None` for
            an eighth of the first block's channels.
        branch_filters: Integer. Channels inside a branch in the first block.
            They double from block to block.
        stem: `"cifar"` (3x3) or `"imagenet"` (7x7 of stride 2, 3x3 max pooling
            of stride 2).
        l2: Float. Factor of each kernel's squared norm in the loss. The
            default 5e-5 is the paper's weight decay of 1e-4.
        synchronized: Boolean. Whether batch statistics are computed over the
            global batch when several replicas share it.
        name: String.

    Returns:
        An `AnytimeModel` with one output of float32 logits `(batch, classes)`
        per stage and label set.

    Raises:
        ValueError: If an argument is invalid, or the branches cannot be split.

    Reference:
        [Lee and Shin, 2018, Section 3.1 and Appendix B](
        https://arxiv.org/abs/1807.02609)
    """
    branches = resnext.check_arguments(
        input_shape,
        classes,
        units,
        filters,
        branches,
        branch_filters,
        stem,
        num_stages,
    )
    arguments.check_divisible("num_stages", num_stages, branches=branches)
    image = keras.Input(input_shape, name="image")
    kernels = [
        [
            _unit_kernels(
                image,
                width,
                branches,
                branch_filters * 2 ** (block - 1),
                num_stages,
                l2,
                f"block{block}_unit{index}",
            )
            for index in range(1, count + 1)
        ]
        for block, (count, width) in enumerate(
            zip(units, filters, strict=True), start=1
        )
    ]
    stem_output = blocks.stem(
        image, filters[0], stem, l2=l2, name="stem_stage1"
    )
    features = []
    for k in range(1, num_stages + 1):
        x = stem_output
        for block, width in enumerate(filters, start=1):
            if block > 1:
                x = resnext.downscale(
                    x, width, f"block{block - 1}_transition_stage{k}"
                )
            for index, unit_kernels in enumerate(kernels[block - 1], start=1):
                x = _unit(
                    x,
                    [slices[:k] for slices in unit_kernels],
                    branches * k // num_stages,
                    f"block{block}_unit{index}",
                    k,
                )
        features.append([blocks.batch_norm_relu(x, f"final_stage{k}")])
    outputs = blocks.heads(features, classes, l2)
    return blocks.build_model(image, outputs, synchronized, name)


def _unit_kernels(
    image: keras.KerasTensor,
    width: int,
    branches: int,
    branch_filters: int,
    num_stages: int,
    l2: float,
    name: str,
) -> list[list[keras.KerasTensor]]:
    """Returns the slices of a unit's three kernels: 1x1, grouped 3x3, 1x1."""
    inner = branches // num_stages * branch_filters
    shapes = (
        (1, 1, width, inner),
        (3, 3, branch_filters, inner),
        (1, 1, inner, width),
    )
    # He-normal for the whole kernel. A slice of the last kernel has only its
    # share of the inputs, so its scale is divided by the number of slices.
    scales = (2.0, 2.0, 2.0 / num_stages)
    return [
        [
            SharedKernel(
                shape,
                kernel_initializer=keras.initializers.VarianceScaling(
                    scale, "fan_in", "truncated_normal"
                ),
                kernel_regularizer=blocks.l2_regularizer(l2),
                name=f"{name}_kernel{index}_stage{k}",
            )(image)
            for k in range(1, num_stages + 1)
        ]
        for index, (shape, scale) in enumerate(
            zip(shapes, scales, strict=True), start=1
        )
    ]


def _unit(
    x: keras.KerasTensor,
    kernels: list[list[keras.KerasTensor]],
    branches: int,
    name: str,
    stage: int,
) -> keras.KerasTensor:
    """Applies one unit of one subnetwork, with normalizations of its own."""
    shortcut = x
    for index, slices in enumerate(kernels, start=1):
        position = "in" if index == 1 else f"conv{index - 1}"
        x = blocks.batch_norm_relu(x, f"{name}_{position}_stage{stage}")
        x = SharedConv2D(
            joined="inputs" if index == 3 else "filters",
            groups=branches if index == 2 else 1,
            name=f"{name}_conv{index}_stage{stage}",
        )([x, *slices])
    return blocks.add([shortcut, x], f"{name}_add_stage{stage}")
