"""Sparse ResNets, nested in depth, in width, or in both."""

import keras

from keras_anytime.layers import ChannelPadding
from keras_anytime.nets import arguments
from keras_anytime.nets import blocks
from keras_anytime.nets.aggregation import NestedBlock
from keras_anytime.nets.aggregation import interlaced_unit


def sparse_resnet(
    input_shape,
    classes,
    nesting="d1-d2-d4-d8",
    units=(16, 16, 16),
    filters=(16, 32, 64),
    unit="basic",
    stem="cifar",
    l2=5e-5,
    synchronized=False,
    name="sparse_resnet",
):
    """Builds a Sparse ResNet whose stages interlace in depth and width.

    In a Sparse ResNet unit j of a block reads the sum of the units j - 1,
    j - 2, j - 4, ..., with the block's input as unit -1; it has no other
    shortcuts. Stage k owns every `stride_k`-th unit, numbers them anew, and
    reads by the same rule in its own numbering. So the first stage is exactly
    a Sparse ResNet of its own depth. A later one is that of its depth but for
    the units of earlier stages: what these compute goes on as before, and
    reads nothing of later stages. Where a stage widens, each of its units
    gains a slice that reads all channels of the stage.

    Between blocks each stage has a convolution of stride 2 of its own, so that
    what it added reaches the next block: a stage that only widens appends
    channels to the block's input, one that deepens adds a map of full width to
    it. It is 3x3 (the paper does not say), so that no position is dropped.

    The default is Sparse ResNet-98 for CIFAR: a stem, 48 units of two
    convolutions, and a head. The paper does not give widths: (16, 32, 64) fits
    its greedy errors of 9.6% for `d1` and 18.5% for `w1d1`. `units=(8, 8, 8,
    8)`, `filters=(64, 128, 256, 512)`, `nesting="d1-d2-d4"`,
    `stem="imagenet"` is Sparse ResNet-66 for ImageNet, as wide as ResNet-34.

    ```python
    model = ka.nets.sparse_resnet((32, 32, 3), 10, "w1d1-w2d1-w2d2-w4d2-w4d4")
    ```

    Args:
        input_shape: Tuple `(height, width, channels)`.
        classes: Integer. Number of classes; or a dict such as
            `{"fine": 100, "coarse": 20}` for one head per label set.
        nesting: `Nesting` or its label: any growth in depth, in width, or in
            both, in turn or at once.
        units: Sequence of integers, the units in each block of the full
            network; the first stage's stride divides them.
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
        ValueError: If an argument is not one of these, or units or filters
            cannot be split.

    Reference:
        [Wan et al., 2020, Sections 3.3 and 5.1](
        https://arxiv.org/abs/2008.06635);
        [Zhu et al., 2018](https://arxiv.org/abs/1801.05895)
    """
    nesting = _check(input_shape, classes, nesting, units, filters, unit, stem)
    image = keras.Input(input_shape, name="image")
    inputs = _stem(image, nesting, filters[0], stem, l2)
    nested = []
    for index, (count, width) in enumerate(zip(units, filters, strict=True)):
        if nested:
            inputs = _transition(nested[-1], width, l2)
        block = NestedBlock(nesting, inputs, f"block{index + 1}")
        for position in range(count):
            interlaced_unit(block, position, width, unit, l2=l2)
        nested.append(block)
    read = [
        nested[-1].normalized(units[-1], k, "final")
        for k in range(1, nesting.num_stages + 1)
    ]
    return blocks.network(
        image, blocks.heads(read, classes, l2), synchronized, name
    )


def _stem(image, nesting, width, kind, l2):
    """The first block's input: sliced by width, otherwise shared."""
    inputs = {}
    tensors = []
    for k, added in enumerate(nesting.slices(width), start=1):
        if added:
            x = blocks.stem(image, added, kind, l2=l2, name=f"stem_stage{k}")
            tensors = [*tensors, x]
        inputs[k] = tensors
    return inputs


def _transition(block, width, l2):
    """The next block's input, from each stage's output of a block."""
    inputs = {}
    tensors = []
    owned = 0
    for k, channels in enumerate(block.nesting.channels(width), start=1):
        read = block.normalized(block.size, k, f"{block.name}_output")
        name = f"{block.name}_transition_stage{k}"
        if block.nesting.deepens(k):
            x = blocks.convolution(
                read, channels, 3, 2, l2=l2, name=f"{name}_conv"
            )
            if owned:
                before = blocks.joined(tensors, f"{name}_joined")
                if channels > owned:
                    before = ChannelPadding(
                        channels - owned, name=f"{name}_padded"
                    )(before)
                x = blocks.added([before, x], f"{name}_add")
            tensors = [x]
        else:
            x = blocks.convolution(
                read, channels - owned, 3, 2, l2=l2, name=f"{name}_conv"
            )
            tensors = [*tensors, x]
        owned = channels
        inputs[k] = tensors
    return inputs


def _check(input_shape, classes, nesting, units, filters, unit, stem):
    arguments.check_common(input_shape, classes, stem)
    arguments.check_choice("unit", unit, blocks.EXPANSION)
    arguments.check_blocks(units, filters, unit)
    nesting = arguments.as_nesting(nesting)
    arguments.check_widths(nesting, filters, unit)
    stride = nesting.strides[0]
    if any(count % stride for count in units):
        raise ValueError(
            f"The last stage of '{nesting}' is {stride} times as deep as the "
            f"first, so `units` must be multiples of {stride}. "
            f"Received: units={units}"
        )
    return nesting
