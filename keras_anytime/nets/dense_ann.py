"""DenseANN: a DenseNet with heads along its depth."""

import keras

from keras_anytime.nets import arguments
from keras_anytime.nets import blocks


def dense_ann(
    input_shape,
    classes,
    layers=(6, 12, 32, 32),
    growth=32,
    first_head=12,
    period=14,
    stem="imagenet",
    l2=5e-5,
    synchronized=False,
    name="dense_ann",
):
    """Builds a DenseNet with a head after every n-th dense layer.

    A dense layer reads all features of its block (BN-ReLU-1x1 to four times
    the growth, BN-ReLU-3x3) and appends its own. Between blocks a 1x1
    convolution, BN-ReLU and 2x2 average pooling halve height, width and
    channels; this order is Hu's, DenseNet's own has the convolution after
    BN-ReLU. The stem has twice the growth in channels.

    The default is DenseANN169: heads after the dense layers 12, 26, 40, 54,
    68 and 82.

    ```python
    model = ka.nets.dense_ann((224, 224, 3), classes=1000)
    ```

    Args:
        input_shape: Tuple `(height, width, channels)`.
        classes: Integer. Number of classes; or a dict such as
            `{"fine": 100, "coarse": 20}` for one head per label set.
        layers: Sequence of integers, the dense layers in each block.
        growth: Integer. Channels that a dense layer appends.
        first_head: Integer. Dense layers before the first head.
        period: Integer. Dense layers from one head to the next; the last
            layer has a head in any case.
        stem: `"cifar"` (3x3) or `"imagenet"` (7x7 of stride 2, BN-ReLU, 3x3
            max pooling of stride 2).
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
        [Huang et al., 2017](https://arxiv.org/abs/1608.06993)
    """
    _check(input_shape, classes, layers, growth, first_head, period, stem)
    image = keras.Input(input_shape, name="image")
    x = _stem(image, 2 * growth, stem, l2)
    total = sum(layers)
    features = []
    done = 0
    for block, count in enumerate(layers):
        if block:
            stage = len(features) + 1
            x = _transition(x, l2, f"block{block}_transition_stage{stage}")
        for index in range(count):
            stage = len(features) + 1
            unit = f"block{block + 1}_unit{index + 1}"
            new = blocks.convolutions(
                x,
                [(4 * growth, 1, 1), (growth, 3, 1)],
                stage,
                l2=l2,
                name=unit,
            )
            x = blocks.joined([x, new], f"{unit}_joined_stage{stage}")
            done += 1
            regular = done >= first_head and (done - first_head) % period == 0
            if regular or done == total:
                features.append([blocks.normalized(x, f"final_stage{stage}")])
    return blocks.network(
        image, blocks.heads(features, classes, l2), synchronized, name
    )


def _stem(image, width, kind, l2):
    if kind == "cifar":
        return blocks.stem(image, width, kind, l2=l2, name="stem_stage1")
    x = blocks.convolution(image, width, 7, 2, l2=l2, name="stem_stage1_conv")
    return blocks.pooled_stem(
        blocks.normalized(x, "stem_stage1"), "stem_stage1"
    )


def _transition(x, l2, name):
    x = blocks.convolution(x, x.shape[-1] // 2, 1, l2=l2, name=f"{name}_conv")
    x = blocks.normalized(x, name)
    return keras.layers.AveragePooling2D(
        2, padding="same", name=f"{name}_pool"
    )(x)


def _check(input_shape, classes, layers, growth, first_head, period, stem):
    arguments.check_common(input_shape, classes, stem)
    arguments.check_counts(growth=growth, first_head=first_head, period=period)
    arguments.check_sequence("layers", layers)
    if sum(layers) < first_head:
        raise ValueError(
            "`first_head` must be one of the dense layers. "
            f"Received: first_head={first_head}, layers={layers}"
        )
