"""Width-nested residual networks: the channels of a ResNet split by stage."""

from collections.abc import Sequence

import keras

from keras_anytime.model import AnytimeModel
from keras_anytime.nesting import Nesting
from keras_anytime.nets import arguments
from keras_anytime.nets import blocks
from keras_anytime.nets.residual import residual_unit


def width_nested_resnet(
    input_shape: arguments.ImageShape,
    classes: arguments.Classes,
    nesting: str | Nesting = "w1-w2-w4",
    units: Sequence[int] = (7, 7, 6),
    filters: Sequence[int] = (32, 64, 128),
    unit: str = "basic",
    stem: str = "cifar",
    l2: float = 5e-5,
    synchronized: bool = False,
    name: str = "width_nested_resnet",
) -> AnytimeModel:
    """Builds a pre-activation ResNet whose channels are split over the stages.

    Stage k owns some channels of every layer and reads its own channels and
    those of earlier stages. Its subnetwork is therefore a narrower ResNet,
    without the connections from later channels to earlier ones. Shortcuts are
    identities within each slice. The first unit of a block has a projection
    if its size or width differs from that of its input.

    The default is ResNet-42 for CIFAR. The paper gives neither its units nor
    its widths. Here, 42 layers are a stem, 20 units of two convolutions in
    blocks of 7, 7 and 6, and a head. The widths (32, 64, 128) are chosen
    because they fit the paper's greedy error of 10.2% at `w1`, which has 8 to
    32 channels. ResNet-50 for ImageNet is `units=(3, 4, 6, 3)`,
    `filters=(256, 512, 1024, 2048)`, `unit="bottleneck"`, `stem="imagenet"`.

    ```python
    net = ka.nets.width_nested_resnet(
        (8, 8, 1), classes=10, nesting="w1-w2", units=(1, 1), filters=(8, 16)
    )
    net(images)  # [logits of stage 1 (32, 10), logits of stage 2 (32, 10)]
    ```

    Args:
        input_shape: Tuple `(height, width, channels)`.
        classes: Integer. Number of classes; or a dict such as
            `{"fine": 100, "coarse": 20}` for one head per label set.
        nesting: `Nesting` or its labels, with widths only: `"w1-w2-w4"`
            (Wan 2020), or even widths `"w1-w2-w3-w4"` (Lee 2018).
        units: Sequence of integers, the units in each block.
        filters: Sequence of integers, the output channels of each block in
            the full network.
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
        ValueError: If an argument is invalid, the nesting deepens, or a width
            cannot be split.

    Reference:
        [Wan et al., 2020, Sections 3.3.2 and 5.1](
        https://arxiv.org/abs/2008.06635);
        [Lee and Shin, 2018, Section 3](https://arxiv.org/abs/1807.02609);
        units as in [He et al., 2016](https://arxiv.org/abs/1603.05027)
    """
    nesting = _check(input_shape, classes, nesting, units, filters, unit, stem)
    image = keras.Input(input_shape, name="image")
    stem_widths = nesting.slices(filters[0] // blocks.EXPANSION[unit])
    features = [
        blocks.stem(image, width, stem, l2=l2, name=f"stem_stage{k}")
        for k, width in enumerate(stem_widths, start=1)
    ]
    stages = range(1, nesting.num_stages + 1)
    for block, (count, width) in enumerate(zip(units, filters, strict=True)):
        for index in range(count):
            features = residual_unit(
                features,
                unit,
                nesting.slices(width),
                strides=2 if block > 0 and index == 0 else 1,
                stages=stages,
                l2=l2,
                name=f"block{block + 1}_unit{index + 1}",
            )
    features = [
        blocks.batch_norm_relu(x, f"final_stage{k}")
        for k, x in enumerate(features, start=1)
    ]
    outputs = blocks.heads([features[:k] for k in stages], classes, l2)
    return blocks.build_model(image, outputs, classes, synchronized, name)


def _check(
    input_shape: arguments.ImageShape,
    classes: arguments.Classes,
    nesting: str | Nesting,
    units: Sequence[int],
    filters: Sequence[int],
    unit: str,
    stem: str,
) -> Nesting:
    arguments.check_common(input_shape, classes, stem)
    arguments.check_blocks(units, filters, unit)
    nesting = arguments.as_nesting(nesting)
    if len(set(nesting.depths)) > 1:
        raise ValueError(
            "A width-nested network grows in width only, for example "
            f"'w1-w2-w4'. Received: nesting={str(nesting)!r}"
        )
    arguments.check_widths(nesting, filters, unit)
    return nesting
