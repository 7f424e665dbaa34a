"""MSDNet: dense layers on several scales at once."""

import bisect
import itertools
import math

import keras

from keras_anytime.nets import arguments
from keras_anytime.nets import blocks

STEP_MODES = ("even", "lin_grow")

# Channels between the two convolutions of a head for small images; those for
# ImageNet keep the channels that they read.
_HEAD_CHANNELS = 128


def msdnet(
    input_shape,
    classes,
    stages=10,
    base=4,
    step=2,
    step_mode="even",
    initial_filters=16,
    growth=6,
    growth_factors=(1, 2, 4),
    bottleneck_factors=(1, 2, 4),
    reduction=0.5,
    stem="cifar",
    layers_per_block=None,
    l2=5e-5,
    synchronized=False,
    name="msdnet",
):
    """Builds a multi-scale dense network with heads on its coarsest scale.

    Layer by layer each scale gains channels from its own features and, half
    of them, from the next finer scale by a strided convolution. Each of the
    two is a 1x1 and a 3x3 convolution, with BN-ReLU after. The network is cut
    in as many blocks as there are scales: each block but the first begins by
    dropping the finest scale that is left, and then reduces channels by 1x1
    convolutions.

    The default is the network of 10 stages for CIFAR, `stages=7` the other
    one. `initial_filters=32`, `growth=16`, `growth_factors=(1, 2, 4, 4)`,
    `bottleneck_factors=(1, 2, 4, 4)`, `stages=5`, `step=7`,
    `stem="imagenet"` is for ImageNet: MSDNet38 with `base=10`,
    `layers_per_block=(10, 9, 10, 9)`; MSDNet33 of Hu 2019 with `base=5`,
    `layers_per_block=(8, 8, 8, 9)`.

    ```python
    model = ka.nets.msdnet((32, 32, 3), classes=100, stages=7)
    ```

    Args:
        input_shape: Tuple `(height, width, channels)`.
        classes: Integer. Number of classes; or a dict such as
            `{"fine": 100, "coarse": 20}` for one head per label set.
        stages: Integer. Number of stages K.
        base: Integer. Layers before the first head.
        step: Integer. Layers from one head to the next.
        step_mode: `"even"`, or `"lin_grow"` for `step * k + 1` layers from
            head k to the next.
        initial_filters: Integer. Channels of the first layer, times the factor
            of each scale.
        growth: Integer. Channels that a layer adds, times the factor of each
            scale; even after that, but for the finest scale.
        growth_factors: Sequence of integers, one per scale, finest first.
        bottleneck_factors: Sequence of integers, one per scale: the most
            channels inside of a convolution, in multiples of those that it
            adds.
        reduction: Float in (0, 1]. Share of the channels that is left after a
            scale was dropped.
        stem: `"cifar"` (3x3) or `"imagenet"` (7x7 of stride 2, 3x3 max pooling
            of stride 2); it also says how wide the heads are.
        layers_per_block: Sequence of integers, the layers from the drop of one
            scale to the next, or `None` to divide them evenly, rounded up.
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
        [Huang et al., 2018, Section 4 and Appendix A](
        https://arxiv.org/abs/1703.09844);
        [Hu et al., 2019, Appendix B](https://arxiv.org/abs/1708.06832)
    """
    arguments.check_common(input_shape, classes, stem)
    arguments.check_choice("step_mode", step_mode, STEP_MODES)
    arguments.check_counts(
        stages=stages,
        base=base,
        step=step,
        initial_filters=initial_filters,
        growth=growth,
    )
    _check_scales(growth, growth_factors, bottleneck_factors, reduction)
    counts = [
        base if k == 0 else step if step_mode == "even" else step * k + 1
        for k in range(stages)
    ]
    drops = _drops(sum(counts), len(growth_factors), layers_per_block)
    heads_after = list(itertools.accumulate(counts))
    channels = initial_filters
    image = keras.Input(input_shape, name="image")
    features = _first_layer(image, channels, growth_factors, stem, l2)
    outputs = []
    for layer in range(1, sum(counts) + 1):
        names = [
            f"layer{layer}_scale{scale + 1}_{{}}_stage{stage}"
            for scale, stage in enumerate(
                _first_stages(layer, heads_after, len(growth_factors))
            )
        ]
        features = {
            scale: _grown(
                features,
                scale,
                growth * growth_factors[scale],
                bottleneck_factors,
                l2,
                names[scale],
            )
            for scale in range(
                bisect.bisect_right(drops, layer), len(growth_factors)
            )
        }
        channels += growth
        if layer in drops and reduction < 1:
            channels = max(math.floor(reduction * channels), 1)
            features = {
                scale: _convolved(
                    x,
                    channels * growth_factors[scale],
                    1,
                    l2=l2,
                    name=names[scale].format("transition"),
                )
                for scale, x in features.items()
            }
        if layer in heads_after:
            x = features[len(growth_factors) - 1]
            stage = heads_after.index(layer) + 1
            outputs += _head(x, classes, stage, stem, l2)
    return blocks.network(image, outputs, synchronized, name)


def _first_stages(layer, heads_after, scales):
    """The first stage that needs a layer, for each scale from the finest on.

    A head reads the coarsest scale, which each layer brings the features of
    the next finer one: those that are n scales finer arrive n layers later.
    """
    return [
        bisect.bisect_left(heads_after, layer + scales - 1 - scale) + 1
        for scale in range(scales)
    ]


def _first_layer(image, channels, factors, stem, l2):
    """The features of all scales, each by a strided convolution."""
    names = [f"stem_scale{scale + 1}_stage1" for scale in range(len(factors))]
    width = channels * factors[0]
    if stem == "cifar":
        x = _convolved(image, width, 3, l2=l2, name=names[0])
    else:
        x = _convolved(image, width, 7, 2, l2=l2, name=names[0])
        x = blocks.pooled_stem(x, names[0])
    features = {0: x}
    for scale in range(1, len(factors)):
        width = channels * factors[scale]
        x = _convolved(x, width, 3, 2, l2=l2, name=names[scale])
        features[scale] = x
    return features


def _grown(features, scale, added, bottleneck_factors, l2, name):
    """One scale with the channels that a layer adds to it."""
    own = features[scale]
    finer = features.get(scale - 1)
    if finer is None:
        factor = bottleneck_factors[scale]
        new = [_bottleneck(own, added, 1, factor, l2, name.format("own"))]
    else:
        new = [
            _bottleneck(x, added // 2, strides, factor, l2, name.format(which))
            for x, strides, factor, which in (
                (finer, 2, bottleneck_factors[scale - 1], "finer"),
                (own, 1, bottleneck_factors[scale], "own"),
            )
        ]
    return blocks.joined([own, *new], name.format("joined"))


def _bottleneck(x, width, strides, factor, l2, name):
    inner = min(x.shape[-1], factor * width)
    x = _convolved(x, inner, 1, l2=l2, name=f"{name}_conv1")
    return _convolved(x, width, 3, strides, l2=l2, name=f"{name}_conv2")


def _convolved(x, width, size, strides=1, *, l2, name):
    x = blocks.convolution(x, width, size, strides, l2=l2, name=f"{name}_conv")
    return blocks.normalized(x, name)


def _head(x, classes, stage, stem, l2):
    """Two strided convolutions, pooling, and the classifiers."""
    width = _HEAD_CHANNELS if stem == "cifar" else x.shape[-1]
    for index in (1, 2):
        x = _convolved(
            x, width, 3, 2, l2=l2, name=f"final_stage{stage}_conv{index}"
        )
    x = keras.layers.GlobalAveragePooling2D(name=f"pool_stage{stage}")(x)
    return blocks.classifiers([x], classes, stage, l2)


def _drops(layers, scales, layers_per_block):
    """The layers that begin a block, and drop a scale, but the first."""
    if layers_per_block is None:
        interval = math.ceil(layers / scales)
        return list(range(interval + 1, layers + 1, interval))
    arguments.check_sequence("layers_per_block", layers_per_block)
    if len(layers_per_block) != scales or sum(layers_per_block) != layers:
        raise ValueError(
            f"`layers_per_block` must hold {scales} numbers, one per scale, "
            f"that sum to the {layers} layers. "
            f"Received: layers_per_block={layers_per_block}"
        )
    ends = itertools.accumulate(layers_per_block[:-1])
    return [end + 1 for end in ends]


def _check_scales(growth, growth_factors, bottleneck_factors, reduction):
    arguments.check_sequence("growth_factors", growth_factors, "scale")
    arguments.check_sequence("bottleneck_factors", bottleneck_factors, "scale")
    if len(growth_factors) != len(bottleneck_factors):
        raise ValueError(
            "`growth_factors` and `bottleneck_factors` must hold one number "
            "for each scale. Received: "
            f"growth_factors={growth_factors}, "
            f"bottleneck_factors={bottleneck_factors}"
        )
    if any(growth * factor % 2 for factor in growth_factors[1:]):
        raise ValueError(
            "Half of the channels that a layer adds to a scale come from the "
            "finer one, so `growth` times each growth factor but the first "
            f"must be even. Received: growth={growth}, "
            f"growth_factors={growth_factors}"
        )
    if not isinstance(reduction, (int, float)) or not 0 < reduction <= 1:
        raise ValueError(
            "`reduction` must be a number in (0, 1]. "
            f"Received: reduction={reduction!r}"
        )
