"""I-ResNeXt: thin subnetworks of a ResNeXt that share its convolutions."""

import keras

from keras_anytime.layers import SharedConv2D
from keras_anytime.layers import SharedKernel
from keras_anytime.nets import arguments
from keras_anytime.nets import blocks as blocks_lib
from keras_anytime.nets import resnext


def inclusive_resnext(
    input_shape,
    classes,
    blocks=21,
    width=64,
    branches=8,
    bottleneck=4,
    stages=8,
    factors=(1, 2, 4),
    stem="cifar",
    l2=5e-5,
    synchronized=False,
    name="inclusive_resnext",
):
    """Builds an Inclusive ResNeXt.

    Subnetwork k is a ResNeXt with the first k / K of the branches in each
    block. Subnetworks share all convolutions, and nothing else: each has
    normalizations of its own, so that after the stem no feature of one serves
    another. K answers take K passes, and there are no steps
    (`model.interruptible` is `False`).
    From scale to scale average pooling halves height and width, and channels
    of zeros widen the features.

    The default is the network of 65 layers for CIFAR, `blocks=9` that of 29
    layers in the ablation.

    ```python
    model = ka.nets.inclusive_resnext((32, 32, 3), classes=10)
    ```

    Args:
        input_shape: Tuple `(height, width, channels)`.
        classes: Integer. Number of classes; or a dict such as
            `{"fine": 100, "coarse": 20}` for one head per label set.
        blocks: Integer. Blocks L in all, as many in each scale.
        width: Integer. Channels W of the first scale.
        branches: Integer. Branches C of a block, a multiple of K, or `None`
            for an eighth of the width.
        bottleneck: Integer. Channels B of a branch in the first scale; they
            double from scale to scale.
        stages: Integer. Number of stages K.
        factors: Sequence of integers, one per scale: its channels in
            multiples of `width`.
        stem: `"cifar"` (3x3) or `"imagenet"` (7x7 of stride 2, 3x3 max pooling
            of stride 2).
        l2: Float. Factor of the squared norm of each kernel in the loss; 5e-5
            is the paper's weight decay of 1e-4.
        synchronized: Boolean. Whether batch statistics are those of the whole
            batch when several replicas share it.
        name: String.

    Returns:
        An `AnytimeModel` with one output of float32 logits `(batch, classes)`
        per stage and label set.

    Raises:
        ValueError: If an argument is not one of these, or the branches cannot
            be split.

    Reference:
        [Lee and Shin, 2018, Section 3.1 and Appendix B](
        https://arxiv.org/abs/1807.02609)
    """
    branches = resnext.check(
        input_shape,
        classes,
        stem,
        num_blocks=blocks,
        width=width,
        branches=branches,
        bottleneck=bottleneck,
        factors=factors,
        stages=stages,
    )
    arguments.check_divides("stages", stages, branches=branches)
    image = keras.Input(input_shape, name="image")
    plan = resnext.scales(blocks, width, bottleneck, factors)
    kernels = [
        [
            _kernels(
                image,
                channels,
                branches,
                inner,
                stages,
                l2,
                f"block{scale}_unit{index + 1}",
            )
            for index in range(count)
        ]
        for scale, (count, channels, inner) in enumerate(plan, start=1)
    ]
    first = blocks_lib.stem(image, width, stem, l2=l2, name="stem_stage1")
    features = []
    for k in range(1, stages + 1):
        x = first
        for scale, (_, channels, _) in enumerate(plan, start=1):
            if scale > 1:
                x = resnext.downscaled(
                    x, channels, f"block{scale - 1}_transition_stage{k}"
                )
            for index, slices in enumerate(kernels[scale - 1], start=1):
                x = _pass(
                    x,
                    [one[:k] for one in slices],
                    branches * k // stages,
                    f"block{scale}_unit{index}",
                    k,
                )
        features.append([blocks_lib.normalized(x, f"final_stage{k}")])
    outputs = blocks_lib.heads(features, classes, l2)
    return blocks_lib.network(image, outputs, synchronized, name)


def _kernels(image, width, branches, bottleneck, stages, l2, name):
    """The slices of a unit's three kernels: 1x1, grouped 3x3, 1x1."""
    inner = branches // stages * bottleneck
    shapes = (
        (1, 1, width, inner),
        (3, 3, bottleneck, inner),
        (1, 1, inner, width),
    )
    # He-normal for the whole kernel, of which a slice of the last one has but
    # its share of the inputs.
    scales = (2.0, 2.0, 2.0 / stages)
    return [
        [
            SharedKernel(
                shape,
                kernel_initializer=keras.initializers.VarianceScaling(
                    scale, "fan_in", "truncated_normal"
                ),
                kernel_regularizer=blocks_lib.regularizer(l2),
                name=f"{name}_kernel{index}_stage{k}",
            )(image)
            for k in range(1, stages + 1)
        ]
        for index, (shape, scale) in enumerate(
            zip(shapes, scales, strict=True), start=1
        )
    ]


def _pass(x, kernels, branches, name, stage):
    """One unit of one subnetwork, with normalizations of its own."""
    shortcut = x
    for index, slices in enumerate(kernels, start=1):
        where = "in" if index == 1 else f"conv{index - 1}"
        x = blocks_lib.normalized(x, f"{name}_{where}_stage{stage}")
        x = SharedConv2D(
            joined="inputs" if index == 3 else "filters",
            groups=branches if index == 2 else 1,
            name=f"{name}_conv{index}_stage{stage}",
        )([x, *slices])
    return blocks_lib.added([shortcut, x], f"{name}_add_stage{stage}")
