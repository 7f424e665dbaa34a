"""A ResNeXt with heads along its depth: shallow subnetworks, to compare."""

import keras

from keras_anytime.nets import blocks as blocks_lib
from keras_anytime.nets import resnext


def shallow_resnext(
    input_shape,
    classes,
    blocks=9,
    width=64,
    branches=None,
    bottleneck=4,
    factors=(1, 2, 4),
    stem="cifar",
    l2=5e-5,
    synchronized=False,
    name="shallow_resnext",
):
    """Builds a ResNeXt with a head on the output of all blocks but the first.

    The ablation of Lee 2018, whose subnetworks are shallow instead of thin.
    The default is its 29-layer network.

    ```python
    model = ka.nets.shallow_resnext((32, 32, 3), classes=10)
    ```

    Args:
        input_shape: Tuple `(height, width, channels)`.
        classes: Integer. Number of classes; or a dict such as
            `{"fine": 100, "coarse": 20}` for one head per label set.
        blocks: Integer of 2 or more. Blocks L in all, as many in each scale;
            the network has L - 1 stages.
        width: Integer. Channels W of the first scale.
        branches: Integer. Branches C of a block, or `None` for an eighth of
            the width.
        bottleneck: Integer. Channels B of a branch in the first scale; they
            double from scale to scale.
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
        ValueError: If an argument is not one of these.

    Reference:
        [Lee and Shin, 2018, Section 4.1 and Appendix B](
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
    )
    if blocks < 2:
        raise ValueError(
            "The first block has no head, so there must be 2 or more. "
            f"Received: blocks={blocks}"
        )
    image = keras.Input(input_shape, name="image")
    x = blocks_lib.stem(image, width, stem, l2=l2, name="stem_stage1")
    features = []
    done = 0
    plan = resnext.scales(blocks, width, bottleneck, factors)
    for scale, (count, channels, inner) in enumerate(plan, start=1):
        if scale > 1:
            stage = len(features) + 1
            x = resnext.downscaled(
                x, channels, f"block{scale - 1}_transition_stage{stage}"
            )
        for index in range(count):
            stage = len(features) + 1
            (x,) = resnext.unit(
                [x],
                branches,
                inner,
                [stage],
                l2=l2,
                name=f"block{scale}_unit{index + 1}",
            )
            done += 1
            if done > 1:
                features.append(
                    [blocks_lib.normalized(x, f"final_stage{stage}")]
                )
    outputs = blocks_lib.heads(features, classes, l2)
    return blocks_lib.network(image, outputs, synchronized, name)
