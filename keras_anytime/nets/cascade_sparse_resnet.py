"""A cascade: one Sparse ResNet with heads at exponentially growing depths."""

from collections.abc import Sequence

import keras

from keras_anytime.model import AnytimeModel
from keras_anytime.nets import arguments
from keras_anytime.nets import blocks
from keras_anytime.nets.aggregation import UNITS
from keras_anytime.nets.aggregation import source_positions

HEADS = ("convolutional", "linear")


def cascade_sparse_resnet(
    input_shape: arguments.ImageShape,
    classes: arguments.Classes,
    num_stages: int = 4,
    units: Sequence[int] = (16, 16, 16),
    filters: Sequence[int] = (16, 32, 64),
    unit: str = "basic",
    head: str = "convolutional",
    head_units: int = 1,
    stem: str = "cifar",
    l2: float = 5e-5,
    synchronized: bool = False,
    name: str = "cascade_sparse_resnet",
) -> AnytimeModel:
    """Builds a Sparse ResNet with heads at exponentially growing depths.

    This is the baseline that Wan 2020 calls EANN: each stage is twice as deep
    as the stage before it, along one trunk, so the first answers come from
    the first block. The default is Sparse ResNet-98 with heads after 6, 12, 24
    and all 48 units. Its widths and transitions are those of `sparse_resnet`.

    The paper leaves the heads open. It says that a cascade "requires extra
    computation on every early output path to convert the intermediate
    representation of that layer to a suitable output" (Section 3.1). With
    `head="convolutional"`, an early head goes through the blocks that are left:
    for each of them a transition and `head_units` units, then BN-ReLU, pooling
    and a classifier. With `head="linear"`, a head has BN-ReLU, pooling and a
    classifier only, as in Hu 2019, Appendix B.

    Linear heads cannot give the paper's errors. Trained greedily, stage 1 is a
    network of its own, and errs in 9.3% on CIFAR-10; the next stages err in
    9.2%, 8.8% and 8.5%. With a linear head, stage 1 has 6 units of 16 channels
    at full resolution, 29,000 parameters. Hu 2017, Table 6, gives 16.0% for
    such a network (OPT of (9, 16) at 1/4 of the cost), 11.4% with 32 channels
    and 8.8% with 64. Hu's greedy cascade with linear heads goes from 27.9% at
    1/4 to 18.9% (Table 1, no-grad).

    With one unit in each block that is left, stage 1 has 6, 1 and 1 units,
    145,000 parameters and 40.6 million multiply-adds. It lies between Sparse
    ResNet-14, with 2 units in each block, 31.1 million and 9.6% (stage 1 in
    depth of Wan 2020, Table 1), and ResNet-20, with 3, 40.8 million and 8.75%
    (He 2016). With two units, it would cost more than ResNet-20. So one is the
    default. The three early heads add 13% to the cost of the trunk. A short
    training agrees: after four epochs on 6,000 images of CIFAR-10 (one seed),
    the 6 units with a linear head err in 56.7%, 6, 1 and 1 units in 47.2%, 2 in
    each block in 45.7%, and 3 in 43.6%.

    Two other readings give a good first stage, but contradict the paper: blocks
    of 2, 2 and 44 units are not Sparse ResNet-98; and if stages add units to
    every block, the stages have no common trunk (Figure 2).

    ```python
    net = ka.nets.cascade_sparse_resnet(
        (8, 8, 1), classes=10, num_stages=2, units=(1, 1), filters=(8, 16)
    )
    net(images)  # [logits of stage 1 (32, 10), logits of stage 2 (32, 10)]
    ```

    Args:
        input_shape: Tuple `(height, width, channels)`.
        classes: Integer. Number of classes; or a dict such as
            `{"fine": 100, "coarse": 20}` for one head per label set.
        num_stages: Integer. Number of stages K; `2 ** (K - 1)` divides the
            number of units.
        units: Sequence of integers, the units in each block.
        filters: Sequence of integers, the output channels of each block.
        unit: `"basic"` (3x3, 3x3) or `"bottleneck"` (1x1, 3x3, 1x1, where the
            first two have a quarter of the channels).
        head: `"convolutional"` or `"linear"`.
        head_units: Integer. Units of a convolutional head in each block that
            is left.
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
        ValueError: If an argument is invalid, or if the number of units is no
            multiple of `2 ** (num_stages - 1)`.

    Reference:
        [Wan et al., 2020, Sections 3.1 and 5.1](
        https://arxiv.org/abs/2008.06635);
        [Zhu et al., 2018](https://arxiv.org/abs/1801.05895)
    """
    arguments.check_common(input_shape, classes, stem)
    arguments.check_counts(num_stages=num_stages, head_units=head_units)
    arguments.check_choice("head", head, HEADS)
    arguments.check_blocks(units, filters, unit, UNITS)
    _check_depths(num_stages, units)
    head_depths = [sum(units) // 2**k for k in range(num_stages)]
    image = keras.Input(input_shape, name="image")
    x = blocks.stem(image, filters[0], stem, l2=l2, name="stem_stage1")
    features: list[list[keras.KerasTensor]] = []
    depth = 0
    for index, (count, width) in enumerate(zip(units, filters, strict=True)):
        stage = len(features) + 1
        if index:
            transition = f"block{index}_transition_stage{stage}"
            x = _transition(x, width, l2, transition)
        tensors = [x]
        for _ in range(count):
            stage = len(features) + 1
            x = _append_unit(
                tensors,
                x,
                blocks.unit_convolutions(unit, width),
                count,
                stage,
                l2,
                f"block{index + 1}",
            )
            depth += 1
            if depth not in head_depths:
                continue
            read = x
            if head == "convolutional":
                read = _downsampled(
                    x, unit, filters, index + 1, head_units, stage, l2
                )
            features.append(
                [blocks.batch_norm_relu(read, f"final_stage{stage}")]
            )
    outputs = blocks.heads(features, classes, l2)
    return blocks.build_model(image, outputs, classes, synchronized, name)


def _downsampled(
    x: keras.KerasTensor,
    unit: str,
    filters: Sequence[int],
    blocks_before: int,
    count: int,
    stage: int,
    l2: float,
) -> keras.KerasTensor:
    """Applies a head's transition and units for each block that is left."""
    for index in range(blocks_before, len(filters)):
        block = f"final_stage{stage}_block{index + 1}"
        x = _transition(x, filters[index], l2, f"{block}_transition")
        tensors = [x]
        for _ in range(count):
            x = _append_unit(
                tensors,
                x,
                blocks.unit_convolutions(unit, filters[index]),
                count,
                stage,
                l2,
                block,
            )
    return x


def _transition(
    x: keras.KerasTensor, filters: int, l2: float, name: str
) -> keras.KerasTensor:
    x = blocks.batch_norm_relu(x, name)
    return blocks.convolution(x, filters, 3, 2, l2=l2, name=f"{name}_conv")


def _append_unit(
    tensors: list[keras.KerasTensor],
    x: keras.KerasTensor,
    convolutions: Sequence[tuple[int, int, int]],
    count: int,
    stage: int,
    l2: float,
    block: str,
) -> keras.KerasTensor:
    """Applies a unit, and returns the sum that is read after it.

    Args:
        tensors: List of the block's input and the outputs of its units so far.
            The output of the new unit is appended.
        x: Tensor, the sum that the unit reads.
        convolutions: As from `blocks.unit_convolutions`.
        count: Integer, the units of the block.
        stage: Integer, the stage that adds the unit.
        l2: Float. Factor of each kernel's squared norm in the loss.
        block: String. Prefix of the layers' names.

    Returns:
        Tensor.
    """
    number = len(tensors)
    tensors.append(
        blocks.preactivation_convolutions(
            x, convolutions, stage, l2=l2, name=f"{block}_unit{number}"
        )
    )
    reader = "output" if number == count else f"unit{number + 1}"
    return blocks.add(
        [tensors[source + 1] for source in source_positions(number)],
        f"{block}_{reader}_sum_stage{stage}",
    )


def _check_depths(num_stages: int, units: Sequence[int]) -> None:
    multiple = 2 ** (num_stages - 1)
    if sum(units) % multiple:
        raise ValueError(
            f"{num_stages} stages that double in depth need a multiple of "
            f"{multiple} units. Received: num_stages={num_stages}, "
            f"units={units} ({sum(units)} in total)"
        )
