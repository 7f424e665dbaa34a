"""Width-nested residual networks: a ResNet in stripes, one per stage."""

import keras

from keras_anytime.nets import arguments
from keras_anytime.nets import blocks
from keras_anytime.nets.residual import residual_unit


def width_nested_resnet(
    input_shape,
    classes,
    nesting="w1-w2-w4",
    units=(7, 7, 6),
    filters=(32, 64, 128),
    unit="basic",
    stem="cifar",
    l2=5e-5,
    synchronized=False,
    name="width_nested_resnet",
):
    """Builds a pre-activation ResNet whose channels are split over stages.

    Stage k owns a stripe of the channels of each layer and reads those of the
    stages before it, so its subnetwork is a ResNet of its own width, without
    the edges that would run from a later stripe into an earlier one. Shortcuts
    are identities, per stripe; the first unit of a block whose size or width
    differs from its input has a projection that strides.

    The default is ResNet-42 for CIFAR. The paper does not give its units: 42
    layers are read as a stem, 20 units of two convolutions in blocks of 7, 7
    and 6, and a head. Nor does it give widths: (32, 64, 128) fits its greedy
    error of 10.2% for `w1`, 8 to 32 channels. `units=(3, 4, 6, 3)`,
    `filters=(256, 512, 1024, 2048)`, `unit="bottleneck"`, `stem="imagenet"`
    is ResNet-50.

    ```python
    model = ka.nets.width_nested_resnet((32, 32, 3), 10, nesting="w1-w2-w4")
    ```

    Args:
        input_shape: Tuple `(height, width, channels)`.
        classes: Integer. Number of classes; or a dict such as
            `{"fine": 100, "coarse": 20}` for one head per label set.
        nesting: `Nesting` or its label, of widths only: `"w1-w2-w4"`
            (Wan 2020), or even widths `"w1-w2-w3-w4"` (Lee 2018).
        units: Sequence of integers, the units in each block.
        filters: Sequence of integers, the output channels of each block in
            the full network.
        unit: `"basic"` (3x3, 3x3) or `"bottleneck"` (1x1, 3x3, 1x1, inside a
            quarter as wide).
        stem: `"cifar"` (3x3) or `"imagenet"` (7x7 of stride 2, 3x3 max pooling
            of stride 2).
        l2: Float. Factor of the squared norm of each kernel in the loss; 5e-5
            is the usual weight decay of 1e-4.
        synchronized: Boolean. Whether batch statistics are those of the whole
            batch when several replicas share it.
        name: String.

    Returns:
        An `AnytimeModel` with one output of float32 logits `(batch, classes)`
        per stage and label set.

    Raises:
        ValueError: If an argument is not one of these, the nesting deepens, or
            a width cannot be split.

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
        blocks.normalized(x, f"final_stage{k}")
        for k, x in enumerate(features, start=1)
    ]
    read = [features[:k] for k in stages]
    return blocks.network(
        image, blocks.heads(read, classes, l2), synchronized, name
    )


def _check(input_shape, classes, nesting, units, filters, unit, stem):
    arguments.check_common(input_shape, classes, stem)
    arguments.check_choice("unit", unit, blocks.EXPANSION)
    arguments.check_blocks(units, filters, unit)
    nesting = arguments.as_nesting(nesting)
    if len(set(nesting.depths)) > 1:
        raise ValueError(
            "A width-nested network grows in width only, for example "
            f"'w1-w2-w4'. Received: nesting={str(nesting)!r}"
        )
    arguments.check_widths(nesting, filters, unit)
    return nesting
