"""Sparse ResNets whose stages are nested in depth, in width, or in both."""

from collections.abc import Sequence

import keras

from keras_anytime.layers import ChannelPadding
from keras_anytime.model import AnytimeModel
from keras_anytime.nesting import Nesting
from keras_anytime.nets import arguments
from keras_anytime.nets import blocks
from keras_anytime.nets.aggregation import UNITS
from keras_anytime.nets.aggregation import NestedBlock
from keras_anytime.nets.aggregation import add_interlaced_unit


def sparse_resnet(
    input_shape: arguments.ImageShape,
    classes: arguments.Classes,
    nesting: str | Nesting = "d1-d2-d4-d8",
    units: Sequence[int] = (16, 16, 16),
    filters: Sequence[int] = (16, 32, 64),
    unit: str = "basic",
    stem: str = "cifar",
    l2: float = 5e-5,
    synchronized: bool = False,
    name: str = "sparse_resnet",
) -> AnytimeModel:
    """Builds a Sparse ResNet whose stages interlace in depth and width.

    In a Sparse ResNet, unit j of a block reads the sum of units j - 1, j - 2,
    j - 4, ..., where unit -1 is the block's input. There are no other
    shortcuts. Stage k owns every `stride_k`-th unit, renumbers these units,
    and applies the same rule to the new numbers. The first stage is therefore
    a Sparse ResNet of its own depth. A later stage is one too, except that the
    units of earlier stages read nothing of it: they compute what they computed
    before. Where a stage widens, each of its units gains a slice that reads
    all channels of the stage.

    Between blocks, each stage has a convolution of stride 2 of its own, so
    that the features it added reach the next block. A stage that only widens
    appends channels to the block's input. A stage that deepens adds a map of
    full width to the block's input. The kernel is 3x3, so that no position is
    dropped; the paper does not give its size.

    The default is Sparse ResNet-98 for CIFAR: a stem, 48 units of two
    convolutions, and a head. The paper does not give its widths; (16, 32, 64)
    fits the greedy errors of 9.6% at `d1` and 18.5% at `w1d1`. Sparse
    ResNet-66 for ImageNet, as wide as ResNet-34, is `nesting="d1-d2-d4"`,
    `units=(8, 8, 8, 8)`, `filters=(64, 128, 256, 512)`, `stem="imagenet"`.

    ```python
    net = ka.nets.sparse_resnet(
        (8, 8, 1), classes=10, nesting="w1d1-w2d2", units=(2,), filters=(8,)
    )
    net(images)  # [logits of stage 1 (32, 10), logits of stage 2 (32, 10)]
    ```

    Args:
        input_shape: Tuple `(height, width, channels)`.
        classes: Integer. Number of classes; or a dict such as
            `{"fine": 100, "coarse": 20}` for one head per label set.
        nesting: `Nesting` or its labels: growth in depth, in width, or in
            both, alternating or simultaneous.
        units: Sequence of integers, the units in each block of the full
            network; multiples of the first stage's stride.
        filters: Sequence of integers, the output channels of each block in
            the full network.
        unit: `"basic"` (3x3, 3x3) or `"bottleneck"` (1x1, 3x3, 1x1, where the
            first two have a quarter of the channels).
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
        ValueError: If an argument is invalid, or if units or filters cannot be
            split.

    Reference:
        [Wan et al., 2020, Sections 3.3 and 5.1](
        https://arxiv.org/abs/2008.06635);
        [Zhu et al., 2018](https://arxiv.org/abs/1801.05895)
    """
    nesting = _check(input_shape, classes, nesting, units, filters, unit, stem)
    image = keras.Input(input_shape, name="image")
    inputs = _stem(image, nesting, filters[0], stem, l2)
    nested_blocks: list[NestedBlock] = []
    for index, (count, width) in enumerate(zip(units, filters, strict=True)):
        if nested_blocks:
            inputs = _transition(nested_blocks[-1], width, l2)
        block = NestedBlock(nesting, inputs, f"block{index + 1}")
        for position in range(count):
            add_interlaced_unit(block, position, width, unit, l2=l2)
        nested_blocks.append(block)
    features = [
        nested_blocks[-1].normalized_input(units[-1], k, "final")
        for k in range(1, nesting.num_stages + 1)
    ]
    outputs = blocks.heads(features, classes, l2)
    return blocks.build_model(image, outputs, classes, synchronized, name)


def _stem(
    image: keras.KerasTensor, nesting: Nesting, width: int, kind: str, l2: float
) -> dict[int, list[keras.KerasTensor]]:
    """Returns each stage's input of the first block, split by width."""
    inputs = {}
    tensors: list[keras.KerasTensor] = []
    for k, added in enumerate(nesting.slices(width), start=1):
        if added:
            x = blocks.stem(image, added, kind, l2=l2, name=f"stem_stage{k}")
            tensors = [*tensors, x]
        inputs[k] = tensors
    return inputs


def _transition(
    block: NestedBlock, width: int, l2: float
) -> dict[int, list[keras.KerasTensor]]:
    """Returns each stage's input of the next block."""
    inputs = {}
    tensors: list[keras.KerasTensor] = []
    owned = 0
    for k, channels in enumerate(block.nesting.channels(width), start=1):
        features = block.normalized_input(block.size, k, f"{block.name}_output")
        name = f"{block.name}_transition_stage{k}"
        if block.nesting.deepens(k):
            x = blocks.convolution(
                features, channels, 3, 2, l2=l2, name=f"{name}_conv"
            )
            if owned:
                earlier = blocks.concatenate(tensors, f"{name}_joined")
                if channels > owned:
                    earlier = ChannelPadding(
                        channels - owned, name=f"{name}_padded"
                    )(earlier)
                x = blocks.add([earlier, x], f"{name}_add")
            tensors = [x]
        else:
            x = blocks.convolution(
                features, channels - owned, 3, 2, l2=l2, name=f"{name}_conv"
            )
            tensors = [*tensors, x]
        owned = channels
        inputs[k] = tensors
    return inputs


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
    arguments.check_blocks(units, filters, unit, UNITS)
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
