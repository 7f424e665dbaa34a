"""A cascade: one Sparse ResNet with heads at exponentially growing depths."""

from collections.abc import Sequence

import keras

from keras_anytime.model import AnytimeModel
from keras_anytime.nets import arguments
from keras_anytime.nets import blocks
from keras_anytime.nets.aggregation import source_positions


def cascade_sparse_resnet(
    input_shape: arguments.ImageShape,
    classes: arguments.Classes,
    num_stages: int = 4,
    units: Sequence[int] = (16, 16, 16),
    filters: Sequence[int] = (16, 32, 64),
    unit: str = "basic",
    stem: str = "cifar",
    l2: float = 5e-5,
    synchronized: bool = False,
    name: str = "cascade_sparse_resnet",
) -> AnytimeModel:
    """Builds a Sparse ResNet with heads at exponentially growing depths.

    This is the baseline that Wan 2020 calls EANN: each stage is twice as deep
    as the stage before it, along one trunk, so the first answers come from
    the first block. A head reads the features that the next unit reads,
    through a normalization of its own (Hu 2019, Appendix B).

    The default is Sparse ResNet-98 with heads after 6, 12, 24 and all 48
    units. Its widths and transitions are those of `sparse_resnet`.

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
    _check(input_shape, classes, num_stages, units, filters, unit, stem)
    head_depths = [sum(units) // 2**k for k in range(num_stages)]
    image = keras.Input(input_shape, name="image")
    x = blocks.stem(image, filters[0], stem, l2=l2, name="stem_stage1")
    features: list[list[keras.KerasTensor]] = []
    depth = 0
    for index, (count, width) in enumerate(zip(units, filters, strict=True)):
        block = f"block{index + 1}"
        stage = len(features) + 1
        if index:
            transition = f"block{index}_transition_stage{stage}"
            x = blocks.convolution(
                blocks.batch_norm_relu(x, transition),
                width,
                3,
                2,
                l2=l2,
                name=f"{transition}_conv",
            )
        unit_outputs = [x]
        for position in range(count):
            stage = len(features) + 1
            unit_outputs.append(
                blocks.preactivation_convolutions(
                    x,
                    blocks.unit_convolutions(unit, width),
                    stage,
                    l2=l2,
                    name=f"{block}_unit{position + 1}",
                )
            )
            last = position + 1 == count
            reader = "output" if last else f"unit{position + 2}"
            x = blocks.add(
                [
                    unit_outputs[source + 1]
                    for source in source_positions(position + 1)
                ],
                f"{block}_{reader}_sum_stage{stage}",
            )
            depth += 1
            if depth in head_depths:
                features.append(
                    [blocks.batch_norm_relu(x, f"final_stage{stage}")]
                )
    outputs = blocks.heads(features, classes, l2)
    return blocks.build_model(image, outputs, synchronized, name)


def _check(
    input_shape: arguments.ImageShape,
    classes: arguments.Classes,
    num_stages: int,
    units: Sequence[int],
    filters: Sequence[int],
    unit: str,
    stem: str,
) -> None:
    arguments.check_common(input_shape, classes, stem)
    arguments.check_counts(num_stages=num_stages)
    arguments.check_blocks(units, filters, unit)
    multiple = 2 ** (num_stages - 1)
    if sum(units) % multiple:
        raise ValueError(
            f"{num_stages} stages that double in depth need a multiple of "
            f"{multiple} units. Received: num_stages={num_stages}, "
            f"units={units} ({sum(units)} in total)"
        )
