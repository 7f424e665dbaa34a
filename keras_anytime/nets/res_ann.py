"""ResANN: a ResNet with heads all along its depth."""

import keras

from keras_anytime.nets import arguments
from keras_anytime.nets import blocks
from keras_anytime.nets.residual import residual_unit


def res_ann(
    input_shape,
    classes,
    n=9,
    c=32,
    s=1,
    unit="basic",
    stem="cifar",
    l2=5e-5,
    synchronized=False,
    name="res_ann",
):
    """Builds a ResNet with a head after every s-th residual unit.

    With basic units it has three blocks of `n` pre-activation units; a 3x3
    convolution of stride 2 between blocks doubles the channels, which makes
    6n + 3 convolutions. The papers' pairs (n, c) are {7, 9, 13, 17, 25} x
    {16, 32}, (9, 64), (9, 128) and (13, 64), with `s=1`, and `s=3` for n=25.

    With bottleneck units it is ResNet for ImageNet, whose blocks begin with a
    unit that strides and has a projection: `n=(2, 2, 2, 2)`, `s=2` is
    ResANN26, `n=(3, 4, 6, 3)`, `s=2` ResANN50 and `n=(3, 4, 23, 3)`, `s=3`
    ResANN101, all with `c=64`, `unit="bottleneck"`, `stem="imagenet"`.

    ```python
    model = ka.nets.res_ann((32, 32, 3), classes=10, n=25, c=32, s=3)
    ```

    Args:
        input_shape: Tuple `(height, width, channels)`.
        classes: Integer. Number of classes; or a dict such as
            `{"fine": 100, "coarse": 20}` for one head per label set.
        n: Integer, the units in each of three blocks, or a sequence of the
            units in each block.
        c: Integer. Channels of the first block inside its units; they double
            in each block.
        s: Integer. Units from one head to the next, counted back from the
            last unit, which has one.
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
        ValueError: If an argument is not one of these.

    Reference:
        [Hu et al., 2019, Appendix B](https://arxiv.org/abs/1708.06832);
        [Hu et al., 2017, Section 4.1 and Appendix B](
        https://arxiv.org/abs/1708.06832v1)
    """
    units = n if isinstance(n, (list, tuple)) else [n] * 3
    _check(input_shape, classes, units, c, s, unit, stem)
    image = keras.Input(input_shape, name="image")
    x = blocks.stem(image, c, stem, l2=l2, name="stem_stage1")
    total = sum(units)
    features = []
    done = 0
    for block, count in enumerate(units):
        width = c * 2**block * blocks.EXPANSION[unit]
        strides = 2 if block else 1
        if block and unit == "basic":
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
            done += 1
            if (total - done) % s == 0:
                features.append([blocks.normalized(x, f"final_stage{stage}")])
    return blocks.network(
        image, blocks.heads(features, classes, l2), synchronized, name
    )


def _check(input_shape, classes, units, c, s, unit, stem):
    arguments.check_common(input_shape, classes, stem)
    arguments.check_choice("unit", unit, blocks.EXPANSION)
    arguments.check_sequence("n", units)
    arguments.check_counts(c=c, s=s)
