"""A cascade on the trunk of a Sparse ResNet, with exponential depths."""

import keras

from keras_anytime.nets import arguments
from keras_anytime.nets import blocks
from keras_anytime.nets.aggregation import aggregated


def cascade_sparse_resnet(
    input_shape,
    classes,
    stages=4,
    units=(16, 16, 16),
    filters=(16, 32, 64),
    unit="basic",
    stem="cifar",
    l2=5e-5,
    synchronized=False,
    name="cascade_sparse_resnet",
):
    """Builds one Sparse ResNet with heads after exponentially growing depth.

    The baseline that Wan 2020 calls EANN: each stage is twice as deep as the
    one before it, along one trunk, so the first answers come from the first
    block. Heads read what the next unit would read, through a normalization
    of their own (Hu 2019, Appendix B).

    The default is Sparse ResNet-98 with heads after 6, 12, 24 and all 48
    units; its widths and transitions are those of `sparse_resnet`.

    ```python
    model = ka.nets.cascade_sparse_resnet((32, 32, 3), classes=10)
    ```

    Args:
        input_shape: Tuple `(height, width, channels)`.
        classes: Integer. Number of classes; or a dict such as
            `{"fine": 100, "coarse": 20}` for one head per label set.
        stages: Integer. Number of stages K; `2 ** (K - 1)` divides the number
            of units.
        units: Sequence of integers, the units in each block.
        filters: Sequence of integers, the output channels of each block.
        unit: `"basic"` or `"bottleneck"`.
        stem: `"cifar"` (3x3) or `"imagenet"` (7x7 of stride 2, 3x3 max pooling
            of stride 2).
        l2: Float. Factor of the squared norm of each kernel in the loss.
        synchronized: Boolean. Whether batch statistics are those of the whole
            batch when several replicas share it.
        name: String.

    Returns:
        An `AnytimeModel` with one output of float32 logits `(batch, classes)`
        per stage and label set.

    Raises:
        ValueError: If an argument is not one of these, or the units cannot be
            halved often enough.

    Reference:
        [Wan et al., 2020, Sections 3.1 and 5.1](
        https://arxiv.org/abs/2008.06635);
        [Zhu et al., 2018](https://arxiv.org/abs/1801.05895)
    """
    depths = _check(input_shape, classes, stages, units, filters, unit, stem)
    image = keras.Input(input_shape, name="image")
    x = blocks.stem(image, filters[0], stem, l2=l2, name="stem_stage1")
    features = []
    depth = 0
    for index, (count, width) in enumerate(zip(units, filters, strict=True)):
        block = f"block{index + 1}"
        stage = len(features) + 1
        if index:
            joint = f"block{index}_transition_stage{stage}"
            x = blocks.convolution(
                blocks.normalized(x, joint),
                width,
                3,
                2,
                l2=l2,
                name=f"{joint}_conv",
            )
        outputs = [x]
        for position in range(count):
            stage = len(features) + 1
            outputs.append(
                blocks.convolutions(
                    x,
                    blocks.unit_convolutions(unit, width),
                    stage,
                    l2=l2,
                    name=f"{block}_unit{position + 1}",
                )
            )
            last = position + 1 == count
            reader = "output" if last else f"unit{position + 2}"
            x = blocks.added(
                [outputs[one + 1] for one in aggregated(position + 1)],
                f"{block}_{reader}_sum_stage{stage}",
            )
            depth += 1
            if depth in depths:
                features.append([blocks.normalized(x, f"final_stage{stage}")])
    return blocks.network(
        image, blocks.heads(features, classes, l2), synchronized, name
    )


def _check(input_shape, classes, stages, units, filters, unit, stem):
    arguments.check_common(input_shape, classes, stem)
    arguments.check_counts(stages=stages)
    arguments.check_choice("unit", unit, blocks.EXPANSION)
    arguments.check_blocks(units, filters, unit)
    total = sum(units)
    halvings = 2 ** (stages - 1)
    if total % halvings:
        raise ValueError(
            f"{stages} stages that double in depth need a multiple of "
            f"{halvings} units. Received: stages={stages}, units={units} "
            f"({total} in all)"
        )
    return [total // halvings * 2**power for power in range(stages)]
