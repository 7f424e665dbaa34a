"""A ResNeXt with heads along its depth, the ablation of Lee and Shin."""

from collections.abc import Sequence

import keras

from keras_anytime.model import AnytimeModel
from keras_anytime.nets import arguments
from keras_anytime.nets import blocks
from keras_anytime.nets import resnext


def shallow_resnext(
    input_shape: arguments.ImageShape,
    classes: arguments.Classes,
    units: Sequence[int] = (3, 3, 3),
    filters: Sequence[int] = (64, 128, 256),
    branches: int | None = None,
    branch_filters: int = 4,
    stem: str = "cifar",
    l2: float = 5e-5,
    synchronized: bool = False,
    name: str = "shallow_resnext",
) -> AnytimeModel:
    """Builds a ResNeXt with a head after every unit but the first.

    This is the ablation of Lee 2018, whose subnetworks are shallow instead of
    thin. The default is the paper's network of 29 layers. The paper's L is
    `sum(units)`, its W is `filters[0]`, its C is `branches`, and its B is
    `branch_filters`.

    ```python
    net = ka.nets.shallow_resnext(
        (8, 8, 1), classes=10, units=(2, 1), filters=(8, 16)
    )
    net(images)  # [logits of stage 1 (32, 10), logits of stage 2 (32, 10)]
    ```

    Args:
        input_shape: Tuple `(height, width, channels)`.
        classes: Integer. Number of classes; or a dict such as
            `{"fine": 100, "coarse": 20}` for one head per label set.
        units: Sequence of integers, the units in each block, 2 or more in
            total. The network has `sum(units) - 1` stages.
        filters: Sequence of integers, the output channels of each block. They
            do not decrease.
        branches: Integer. Branches of a unit; or `None` for an eighth of the
            first block's channels.
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
        ValueError: If an argument is invalid.

    Reference:
        [Lee and Shin, 2018, Section 4.1 and Appendix B](
        https://arxiv.org/abs/1807.02609)
    """
    branches = resnext.check_arguments(
        input_shape, classes, units, filters, branches, branch_filters, stem
    )
    if sum(units) < 2:
        raise ValueError(
            "`units` must hold 2 or more in total, because the first unit has "
            f"no head. Received: units={units}"
        )
    image = keras.Input(input_shape, name="image")
    x = blocks.stem(image, filters[0], stem, l2=l2, name="stem_stage1")
    features: list[list[keras.KerasTensor]] = []
    for block, (count, width) in enumerate(zip(units, filters, strict=True)):
        if block:
            stage = len(features) + 1
            x = resnext.downscale(
                x, width, f"block{block}_transition_stage{stage}"
            )
        for index in range(count):
            stage = len(features) + 1
            (x,) = resnext.branched_unit(
                [x],
                branches,
                branch_filters * 2**block,
                [stage],
                l2=l2,
                name=f"block{block + 1}_unit{index + 1}",
            )
            if block or index:
                features.append(
                    [blocks.batch_norm_relu(x, f"final_stage{stage}")]
                )
    outputs = blocks.heads(features, classes, l2)
    return blocks.build_model(image, outputs, classes, synchronized, name)
