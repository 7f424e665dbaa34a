"""IS-ResNeXt: thin subnetworks of a ResNeXt that share their features."""

from collections.abc import Sequence

import keras

from keras_anytime.model import AnytimeModel
from keras_anytime.nets import arguments
from keras_anytime.nets import blocks
from keras_anytime.nets import resnext


def inclusive_sparse_resnext(
    input_shape: arguments.ImageShape,
    classes: arguments.Classes,
    num_stages: int = 6,
    units: Sequence[int] = (5, 5, 5),
    filters: Sequence[int] = (96, 192, 384),
    branches: int | None = None,
    branch_filters: int = 4,
    stem: str = "cifar",
    l2: float = 5e-5,
    synchronized: bool = False,
    name: str = "inclusive_sparse_resnext",
) -> AnytimeModel:
    """Builds an Inclusive Sparse ResNeXt, which answers in one pass.

    All stages have the depth of the whole network and split its channels
    evenly. Slice k of a unit's output is computed by the branches of stage k,
    which read the slices 1 to k of the unit's input. Normalizations are
    shared, like the features. Between blocks, average pooling halves height
    and width, and channels of zeros widen each slice.

    The default is the network for CIFAR. The network for ImageNet is
    `num_stages=5`, `units=(5, 5, 5, 5)`, `filters=(160, 320, 640, 640)`,
    `stem="imagenet"`; the network for CUB is `num_stages=6`,
    `units=(4, 4, 4, 4)`, `filters=(192, 384, 768, 768)`, `stem="imagenet"`.
    The paper's L is `sum(units)`, its W is `filters[0]`, its C is `branches`,
    its B is `branch_filters`, and its K is `num_stages`.

    The paper leaves C and B open. Here B = 4 and C = W / 8, so a unit has half
    as many channels inside as outside, as in I-ResNeXt (W = 64, C = 8) and in
    ResNeXt-50 (32x4d). In the last of four blocks B doubles once more while
    the features keep their width (Appendix B), so there a unit has as many
    channels inside as outside.

    ```python
    net = ka.nets.inclusive_sparse_resnext(
        (8, 8, 1), classes=10, num_stages=2, units=(1,), filters=(16,)
    )
    net(images)  # [logits of stage 1 (32, 10), logits of stage 2 (32, 10)]
    ```

    Args:
        input_shape: Tuple `(height, width, channels)`.
        classes: Integer. Number of classes; or a dict such as
            `{"fine": 100, "coarse": 20}` for one head per label set.
        num_stages: Integer. Number of stages K.
        units: Sequence of integers, the units in each block.
        filters: Sequence of integers, the output channels of each block,
            multiples of K. They do not decrease.
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
        ValueError: If an argument is invalid, or if the filters or branches
            cannot be split.

    Reference:
        [Lee and Shin, 2018, Section 3.2 and Appendix B](
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
    arguments.check_divisible(
        "num_stages", num_stages, filters=filters, branches=branches
    )
    image = keras.Input(input_shape, name="image")
    stages = range(1, num_stages + 1)
    features = [
        blocks.stem(
            image, filters[0] // num_stages, stem, l2=l2, name=f"stem_stage{k}"
        )
        for k in stages
    ]
    for block, (count, width) in enumerate(zip(units, filters, strict=True)):
        if block:
            features = [
                resnext.downscale(
                    x,
                    width // num_stages,
                    f"block{block}_transition_stage{k}",
                )
                for k, x in zip(stages, features, strict=True)
            ]
        for index in range(count):
            features = resnext.branched_unit(
                features,
                branches // num_stages,
                branch_filters * 2**block,
                stages,
                l2=l2,
                name=f"block{block + 1}_unit{index + 1}",
            )
    features = [
        blocks.batch_norm_relu(x, f"final_stage{k}")
        for k, x in zip(stages, features, strict=True)
    ]
    outputs = blocks.heads([features[:k] for k in stages], classes, l2)
    return blocks.build_model(image, outputs, classes, synchronized, name)
