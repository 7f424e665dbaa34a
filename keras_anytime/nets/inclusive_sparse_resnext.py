"""IS-ResNeXt: thin subnetworks of a ResNeXt that share their features."""

import keras

from keras_anytime.nets import arguments
from keras_anytime.nets import blocks as blocks_lib
from keras_anytime.nets import resnext


def inclusive_sparse_resnext(
    input_shape,
    classes,
    blocks=15,
    width=96,
    branches=None,
    bottleneck=4,
    stages=6,
    factors=(1, 2, 4),
    stem="cifar",
    l2=5e-5,
    synchronized=False,
    name="inclusive_sparse_resnext",
):
    """Builds an Inclusive Sparse ResNeXt.

    All stages are as deep as the network and split its features evenly: slice
    k of a block's output comes from the branches of stage k alone, and these
    read the slices 1 to k of its input. Normalizations are shared, like the
    features. From scale to scale average pooling halves height and width, and
    channels of zeros widen each slice.

    The default is the network for CIFAR. `blocks=20, width=160, stages=5` and
    `blocks=16, width=192, stages=6`, both with `factors=(1, 2, 4, 4)` and
    `stem="imagenet"`, are those for ImageNet and CUB. The paper leaves the
    number of branches C and their width B open. Here B = 4, and C = W / 8, so
    that a block is half as wide inside as outside, as in I-ResNeXt (W = 64,
    C = 8) and in ResNeXt-50 (32x4d); in the last of four, where B doubles once
    more but the features do not widen (Appendix B), it is as wide.

    ```python
    model = ka.nets.inclusive_sparse_resnext((32, 32, 3), classes=10)
    ```

    Args:
        input_shape: Tuple `(height, width, channels)`.
        classes: Integer. Number of classes; or a dict such as
            `{"fine": 100, "coarse": 20}` for one head per label set.
        blocks: Integer. Blocks L in all, as many in each scale.
        width: Integer. Channels W of the first scale, a multiple of K.
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
        ValueError: If an argument is not one of these, or the width or the
            branches cannot be split.

    Reference:
        [Lee and Shin, 2018, Section 3.2 and Appendix B](
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
    arguments.check_divides("stages", stages, width=width, branches=branches)
    image = keras.Input(input_shape, name="image")
    numbers = range(1, stages + 1)
    features = [
        blocks_lib.stem(
            image, width // stages, stem, l2=l2, name=f"stem_stage{k}"
        )
        for k in numbers
    ]
    plan = resnext.scales(blocks, width, bottleneck, factors)
    for scale, (count, channels, inner) in enumerate(plan, start=1):
        if scale > 1:
            features = [
                resnext.downscaled(
                    x,
                    channels // stages,
                    f"block{scale - 1}_transition_stage{k}",
                )
                for k, x in zip(numbers, features, strict=True)
            ]
        for index in range(count):
            features = resnext.unit(
                features,
                branches // stages,
                inner,
                numbers,
                l2=l2,
                name=f"block{scale}_unit{index + 1}",
            )
    features = [
        blocks_lib.normalized(x, f"final_stage{k}")
        for k, x in zip(numbers, features, strict=True)
    ]
    read = [features[:k] for k in numbers]
    return blocks_lib.network(
        image, blocks_lib.heads(read, classes, l2), synchronized, name
    )
