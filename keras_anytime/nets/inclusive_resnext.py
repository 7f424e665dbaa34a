"""I-ResNeXt: thin subnetworks of a ResNeXt that share its convolutions."""

from collections.abc import Sequence
from typing import TypeAlias

import keras

from keras_anytime.layers import BatchNormalization
from keras_anytime.layers import SharedConv2D
from keras_anytime.layers import SharedKernel
from keras_anytime.model import AnytimeModel
from keras_anytime.nets import arguments
from keras_anytime.nets import blocks
from keras_anytime.nets import resnext

NORMALIZATIONS = ("independent", "shared")


# The normalizations that passes share, by name; `None` if they share none.
_Layers: TypeAlias = dict[str, BatchNormalization] | None


def inclusive_resnext(
    input_shape: arguments.ImageShape,
    classes: arguments.Classes,
    num_stages: int = 8,
    units: Sequence[int] = (7, 7, 7),
    filters: Sequence[int] = (64, 128, 256),
    branches: int | None = 8,
    branch_filters: int = 4,
    normalization: str = "independent",
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

    With `normalization="shared"`, as in the paper's ablation, the subnetworks
    also share the normalizations inside of the units; inside a unit, those of
    each stage's branches. In a training step, each of the K passes normalizes
    by its own batch statistics, and each updates the moving statistics, which
    then fit none of the passes: the sum of few branches has another
    distribution than the sum of many. In inference the paper's thinnest
    subnetwork errs in more than 70% on CIFAR-10. The normalization before the
    classifier belongs to the classifier, which each subnetwork has for itself
    (Section 3.1); it stays independent.

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
        normalization: `"independent"`, each subnetwork has normalizations of
            its own, or `"shared"`.
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
        [Lee and Shin, 2018, Sections 3.1, 4.1 and Appendix B](
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
    arguments.check_choice("normalization", normalization, NORMALIZATIONS)
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
    shared: _Layers = {} if normalization == "shared" else None
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
                    shared,
                )
        features.append([blocks.batch_norm_relu(x, f"final_stage{k}")])
    outputs = blocks.heads(features, classes, l2)
    return blocks.build_model(image, outputs, classes, synchronized, name)


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
    shared: _Layers,
) -> keras.KerasTensor:
    """Applies one unit in the pass of one subnetwork."""
    shortcut = x
    tensors = [x]
    for index, slices in enumerate(kernels, start=1):
        position = "in" if index == 1 else f"conv{index - 1}"
        x = _normalized(tensors, f"{name}_{position}", stage, shared)
        last = index == len(kernels)
        x = SharedConv2D(
            joined="inputs" if last else "filters",
            groups=branches if index == 2 else 1,
            split=shared is not None and len(slices) > 1 and not last,
            name=f"{name}_conv{index}_stage{stage}",
        )([x, *slices])
        tensors = x if isinstance(x, list) else [x]
    return blocks.add([shortcut, x], f"{name}_add_stage{stage}")


def _normalized(
    tensors: list[keras.KerasTensor], name: str, stage: int, shared: _Layers
) -> keras.KerasTensor:
    """Applies BN-ReLU in the pass of one subnetwork.

    A shared layer normalizes the same branches in each pass. It is named after
    the first stage that has these branches, so a stage holds no normalization
    of later branches.

    Args:
        tensors: List of one tensor; or with shared normalizations of one
            tensor for each stage that adds branches.
        name: String. Prefix of the layers' names.
        stage: Integer, the stage whose pass it is.
        shared: Dict to which new shared layers are added, or `None`.

    Returns:
        Tensor, with the channels of all tensors.
    """
    if shared is None:
        (x,) = tensors
        return blocks.batch_norm_relu(x, f"{name}_stage{stage}")
    outputs = []
    for first_stage, x in enumerate(tensors, start=1):
        key = f"{name}_stage{first_stage}"
        if key not in shared:
            shared[key] = blocks.batch_norm_layer(key)
        outputs.append(shared[key](x))
    x = blocks.concatenate(outputs, f"{name}_stage{stage}_joined")
    return keras.layers.ReLU(name=f"{name}_stage{stage}_relu")(x)
