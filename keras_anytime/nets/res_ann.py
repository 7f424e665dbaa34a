"""ResANN: a ResNet with heads at regular intervals along its depth."""

from collections.abc import Sequence

import keras

from keras_anytime.model import AnytimeModel
from keras_anytime.nets import arguments
from keras_anytime.nets import blocks
from keras_anytime.nets.residual import residual_unit


def res_ann(
    input_shape: arguments.ImageShape,
    classes: arguments.Classes,
    units: Sequence[int] = (9, 9, 9),
    filters: Sequence[int] = (32, 64, 128),
    head_every: int = 1,
    unit: str = "basic",
    stem: str = "cifar",
    l2: float = 5e-5,
    synchronized: bool = False,
    name: str = "res_ann",
) -> AnytimeModel:
    """Builds a ResNet with a head after every unit, or every few units.

    The papers describe a network for CIFAR by three numbers: n, the units in
    each of three blocks; c, the channels of the first block, which double
    from block to block; and s, the units from one head to the next. Here they
    are `units=(n, n, n)`, `filters=(c, 2 * c, 4 * c)`, `head_every=s`. The
    papers' pairs (n, c) are {7, 9, 13, 17, 25} x {16, 32}, (9, 64), (9, 128)
    and (13, 64), with s = 3 for n = 25 and s = 1 otherwise; the ensembles of
    Hu 2017 also have n = 1 and 3, and its validation network is (5, 16). A 3x3
    convolution of stride 2 lies between blocks, which makes 6n + 3
    convolutions.

    Hu 2017 has the units of Han et al., 2017: `unit="pyramid"`, which lacks
    the first ReLU and ends with a normalization. Hu 2019 describes the default,
    pre-activation units. Hu 2017 leaves open whether the network has anything
    else of Han's. Here it has not: channels stay the same within a block, as
    Hu says, and heads begin with BN-ReLU, as in both.

    With bottleneck units, the network is a ResNet for ImageNet: a block begins
    with a unit that strides and has a projection. With
    `filters=(256, 512, 1024, 2048)`, `unit="bottleneck"` and
    `stem="imagenet"`, ResANN26 is `units=(2, 2, 2, 2)`, `head_every=2`;
    ResANN50 is `units=(3, 4, 6, 3)`, `head_every=2`; and ResANN101 is
    `units=(3, 4, 23, 3)`, `head_every=3`.

    ```python
    net = ka.nets.res_ann(
        (8, 8, 1), classes=10, units=(2, 2), filters=(8, 16), head_every=2
    )
    net(images)  # [logits of stage 1 (32, 10), logits of stage 2 (32, 10)]
    ```

    Args:
        input_shape: Tuple `(height, width, channels)`.
        classes: Integer. Number of classes; or a dict such as
            `{"fine": 100, "coarse": 20}` for one head per label set.
        units: Sequence of integers, the units in each block.
        filters: Sequence of integers, the output channels of each block.
        head_every: Integer. Units from one head to the next, counted back
            from the last unit, which always has a head.
        unit: `"basic"` (3x3, 3x3), `"bottleneck"` (1x1, 3x3, 1x1, where the
            first two have a quarter of the channels), or `"pyramid"`
            (BN-3x3-BN-ReLU-3x3-BN, of Han et al., 2017).
        stem: `"cifar"` (3x3) or `"imagenet"` (7x7 of stride 2, 3x3 max pooling
            of stride 2).
        l2: Float. Factor of each kernel's squared norm in the loss. The
            default 5e-5 is the usual weight decay of 1e-4.
        synchronized: Boolean. Whether batch statistics are computed over the
            global batch when several replicas share it.
        name: String.

    Returns:
        An `AnytimeModel` with one output of float32 logits `(batch, classes)`
        per stage and label set.

    Raises:
        ValueError: If an argument is invalid.

    Reference:
        [Hu et al., 2019, Appendix B](https://arxiv.org/abs/1708.06832);
        [Hu et al., 2017, Section 4.1 and Appendix B](
        https://arxiv.org/abs/1708.06832v1);
        [Han et al., 2017](https://arxiv.org/abs/1610.02915)
    """
    arguments.check_common(input_shape, classes, stem)
    arguments.check_blocks(units, filters, unit)
    arguments.check_counts(head_every=head_every)
    image = keras.Input(input_shape, name="image")
    stem_width = filters[0] // blocks.EXPANSION[unit]
    x = blocks.stem(image, stem_width, stem, l2=l2, name="stem_stage1")
    features: list[list[keras.KerasTensor]] = []
    depth = 0
    for block, (count, width) in enumerate(zip(units, filters, strict=True)):
        strides = 2 if block else 1
        if block and unit != "bottleneck":
            stage = len(features) + 1
            x = blocks.convolution(
                x,
                width,
                3,
                strides,
                l2=l2,
                name=f"block{block}_transition_stage{stage}_conv",
            )
            strides = 1
        for index in range(count):
            stage = len(features) + 1
            (x,) = residual_unit(
                [x],
                unit,
                [width],
                strides=1 if index else strides,
                stages=[stage],
                l2=l2,
                name=f"block{block + 1}_unit{index + 1}",
            )
            depth += 1
            if (sum(units) - depth) % head_every == 0:
                features.append(
                    [blocks.batch_norm_relu(x, f"final_stage{stage}")]
                )
    outputs = blocks.heads(features, classes, l2)
    return blocks.build_model(image, outputs, classes, synchronized, name)
