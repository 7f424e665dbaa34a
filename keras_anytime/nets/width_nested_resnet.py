"""Width-nested residual networks: a ResNet in stripes, one per stage."""

import keras

from keras_anytime.model import AnytimeModel
from keras_anytime.nesting import Nesting
from keras_anytime.nets import blocks

# Output channels of a unit per channel inside of it.
_EXPANSION = {"basic": 1, "bottleneck": 4}


def width_nested_resnet(
    input_shape,
    classes,
    nesting="w1-w2-w4",
    units=(7, 7, 6),
    filters=(32, 64, 128),
    unit="basic",
    stem="cifar",
    l2=5e-5,
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
        classes: Integer. Number of classes.
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
        name: String.

    Returns:
        An `AnytimeModel` with one output of float32 logits `(batch, classes)`
        per stage.

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
    stem_widths = nesting.slices(filters[0] // _EXPANSION[unit])
    features = [
        _stem(image, width, stem, l2, f"stem_stage{k}")
        for k, width in enumerate(stem_widths, start=1)
    ]
    for block, (count, width) in enumerate(zip(units, filters, strict=True)):
        for index in range(count):
            strides = 2 if block > 0 and index == 0 else 1
            features = _unit(
                features,
                nesting.slices(width),
                nesting.slices(width // _EXPANSION[unit]),
                strides,
                l2,
                f"block{block + 1}_unit{index + 1}",
            )
    features = [
        blocks.normalised(x, f"final_stage{k}")
        for k, x in enumerate(features, start=1)
    ]
    return AnytimeModel(image, blocks.heads(features, classes, l2), name=name)


def _stem(image, width, kind, l2, name):
    if kind == "cifar":
        return blocks.convolution(image, width, 3, l2=l2, name=f"{name}_conv")
    x = blocks.convolution(image, width, 7, 2, l2=l2, name=f"{name}_conv")
    return keras.layers.MaxPooling2D(
        3, strides=2, padding="same", name=f"{name}_pool"
    )(x)


def _unit(features, widths, inner_widths, strides, l2, name):
    """Adds one residual unit to every stage's features."""
    bottleneck = inner_widths != widths
    active = [
        blocks.normalised(x, f"{name}_in_stage{k}")
        for k, x in enumerate(features, start=1)
    ]
    branch = active
    layers = (
        [(inner_widths, 1, 1), (inner_widths, 3, strides), (widths, 1, 1)]
        if bottleneck
        else [(widths, 3, strides), (widths, 3, 1)]
    )
    for index, (slices, size, stride) in enumerate(layers, start=1):
        if index > 1:
            branch = [
                blocks.normalised(x, f"{name}_conv{index - 1}_stage{k}")
                for k, x in enumerate(branch, start=1)
            ]
        branch = [
            blocks.convolution(
                branch[:k],
                width,
                size,
                stride,
                l2=l2,
                name=f"{name}_conv{index}_stage{k}",
            )
            for k, width in enumerate(slices, start=1)
        ]
    if strides > 1:
        active = [
            blocks.subsampled(x, strides, f"{name}_subsampled_stage{k}")
            for k, x in enumerate(active, start=1)
        ]
    outputs = []
    for k, width in enumerate(widths, start=1):
        shortcut = features[k - 1]
        if strides > 1 or shortcut.shape[-1] != width:
            shortcut = blocks.convolution(
                active[:k],
                width,
                1,
                l2=l2,
                name=f"{name}_projection_stage{k}",
            )
        outputs.append(
            keras.layers.Add(name=f"{name}_add_stage{k}")(
                [shortcut, branch[k - 1]]
            )
        )
    return outputs


def _check(input_shape, classes, nesting, units, filters, unit, stem):
    if len(input_shape) != 3 or not input_shape[-1]:
        raise ValueError(
            "`input_shape` must be (height, width, channels). "
            f"Received: input_shape={input_shape}"
        )
    if classes != int(classes) or classes < 2:
        raise ValueError(
            "`classes` must be a whole number of at least 2. "
            f"Received: classes={classes}"
        )
    if unit not in _EXPANSION:
        raise ValueError(
            f"`unit` must be one of {sorted(_EXPANSION)}. "
            f"Received: unit={unit!r}"
        )
    if stem not in ("cifar", "imagenet"):
        raise ValueError(
            f"`stem` must be 'cifar' or 'imagenet'. Received: stem={stem!r}"
        )
    if not units or len(units) != len(filters) or min(units) < 1:
        raise ValueError(
            "`units` and `filters` must hold one number of 1 or more for each "
            f"block. Received: units={units}, filters={filters}"
        )
    nesting = nesting if isinstance(nesting, Nesting) else Nesting(nesting)
    if len(set(nesting.depths)) > 1:
        raise ValueError(
            "A width-nested network grows in width only, for example "
            f"'w1-w2-w4'. Received: nesting={str(nesting)!r}"
        )
    for width in filters:
        if width % _EXPANSION[unit]:
            raise ValueError(
                "The filters of bottleneck units must be multiples of 4. "
                f"Received: filters={filters}"
            )
        nesting.slices(width // _EXPANSION[unit])
    return nesting
