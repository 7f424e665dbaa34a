"""MSDNet: a dense network that computes features at several scales."""

import bisect
import itertools
import math
from collections.abc import Sequence

import keras

from keras_anytime.model import AnytimeModel
from keras_anytime.nets import arguments
from keras_anytime.nets import blocks

HEAD_SPACINGS = ("even", "lin_grow")
HEADS = ("convolutional", "linear")

# Channels of the two convolutions in a head for small images. Heads for
# ImageNet keep the number of channels that they read.
_HEAD_CHANNELS = 128


def msdnet(
    input_shape: arguments.ImageShape,
    classes: arguments.Classes,
    num_stages: int = 10,
    first_head: int = 4,
    head_every: int = 2,
    head_spacing: str = "even",
    initial_filters: int = 16,
    growth: int = 6,
    growth_factors: Sequence[int] = (1, 2, 4),
    bottleneck_factors: Sequence[int] = (1, 2, 4),
    reduction: float = 0.5,
    layers_per_block: Sequence[int] | None = None,
    head: str = "convolutional",
    stem: str = "cifar",
    l2: float = 5e-5,
    synchronized: bool = False,
    name: str = "msdnet",
) -> AnytimeModel:
    """Builds a multi-scale dense network with heads on its coarsest scale.

    Each layer appends channels to every scale. Half of them are computed from
    the scale's own features, and half from the next finer scale by a strided
    convolution. Both are a 1x1 and a 3x3 convolution, each followed by
    BN-ReLU. The network has as many blocks as scales. Each block but the first
    begins by dropping the finest remaining scale, and then reduces the
    channels by 1x1 convolutions.

    The default is the network of 10 stages for CIFAR; the paper's other one
    has `num_stages=7`. For ImageNet, set `num_stages=5`, `head_every=7`,
    `initial_filters=32`, `growth=16`, `growth_factors=(1, 2, 4, 4)`,
    `bottleneck_factors=(1, 2, 4, 4)` and `stem="imagenet"`. MSDNet38 has
    `first_head=10`, `layers_per_block=(10, 9, 10, 9)`; MSDNet33 of Hu 2019 has
    `first_head=5`, `layers_per_block=(8, 8, 8, 9)`. The arguments that the
    authors' code calls `base`, `step` and `stepmode` are `first_head`,
    `head_every` and `head_spacing`.

    ```python
    net = ka.nets.msdnet(
        (8, 8, 1), classes=10, num_stages=2, first_head=1, head_every=1,
        initial_filters=4, growth=2,
        growth_factors=(1, 2), bottleneck_factors=(1, 2),
    )
    net(images)  # [logits of stage 1 (32, 10), logits of stage 2 (32, 10)]
    ```

    Args:
        input_shape: Tuple `(height, width, channels)`.
        classes: Integer. Number of classes; or a dict such as
            `{"fine": 100, "coarse": 20}` for one head per label set.
        num_stages: Integer. Number of stages K.
        first_head: Integer. Layers before the first head.
        head_every: Integer. Layers from one head to the next.
        head_spacing: `"even"`, or `"lin_grow"` for `head_every * k + 1` layers
            from head k to the next.
        initial_filters: Integer. Channels of the first layer, times the growth
            factor of each scale.
        growth: Integer. Channels that a layer appends, times the growth factor
            of each scale. The product is even, except on the finest scale.
        growth_factors: Sequence of integers, one per scale, finest first.
        bottleneck_factors: Sequence of integers, one per scale: the channels
            between the 1x1 and the 3x3 convolution are at most this multiple
            of the channels that they append.
        reduction: Float in (0, 1]. Share of the channels that remains after a
            scale is dropped.
        layers_per_block: Sequence of integers, the layers in each block, or
            `None` to divide them evenly, rounded up.
        head: `"convolutional"`, two 3x3 convolutions of stride 2, pooling and a
            classifier; or `"linear"`, pooling and a classifier, as Lee 2018
            has it in its comparisons. The features come from BN-ReLU, so a
            linear head begins with pooling.
        stem: `"cifar"` (3x3) or `"imagenet"` (7x7 of stride 2, 3x3 max pooling
            of stride 2). It also sets the width of convolutional heads: 128
            channels, or as many as the head reads.
        l2: Float. Factor of each kernel's squared norm in the loss. The
            default 5e-5 is the usual weight decay of 1e-4.
        synchronized: Boolean. Whether batch statistics are computed over the
            global batch when several replicas share it.
        name: String.

    Returns:
        An `AnytimeModel` with one output of float32 logits `(batch, classes)`
        per stage and label set.

    Raises:
        ValueError: If an argument is invalid.

    Reference:
        [Huang et al., 2018, Section 4 and Appendix A](
        https://arxiv.org/abs/1703.09844);
        [Hu et al., 2019, Appendix B](https://arxiv.org/abs/1708.06832);
        [Lee and Shin, 2018, footnote 1](https://arxiv.org/abs/1807.02609)
    """
    arguments.check_common(input_shape, classes, stem)
    arguments.check_choice("head_spacing", head_spacing, HEAD_SPACINGS)
    arguments.check_choice("head", head, HEADS)
    arguments.check_counts(
        num_stages=num_stages,
        first_head=first_head,
        head_every=head_every,
        initial_filters=initial_filters,
        growth=growth,
    )
    _check_scales(growth, growth_factors, bottleneck_factors, reduction)
    head_layers = _head_layers(num_stages, first_head, head_every, head_spacing)
    num_layers = head_layers[-1]
    num_scales = len(growth_factors)
    drop_layers = _drop_layers(num_layers, num_scales, layers_per_block)
    channels = initial_filters
    image = keras.Input(input_shape, name="image")
    features = _first_layer(image, channels, growth_factors, stem, l2)
    outputs: list[keras.KerasTensor] = []
    for layer in range(1, num_layers + 1):
        names = [
            f"layer{layer}_scale{scale + 1}_{{}}_stage{stage}"
            for scale, stage in enumerate(
                _first_stages(layer, head_layers, num_scales)
            )
        ]
        finest = bisect.bisect_right(drop_layers, layer)
        features = {
            scale: _dense_layer(
                features,
                scale,
                growth * growth_factors[scale],
                bottleneck_factors,
                l2,
                names[scale],
            )
            for scale in range(finest, num_scales)
        }
        channels += growth
        if layer in drop_layers and reduction < 1:
            channels = max(math.floor(reduction * channels), 1)
            features = {
                scale: _conv_bn_relu(
                    x,
                    channels * growth_factors[scale],
                    1,
                    l2=l2,
                    name=names[scale].format("transition"),
                )
                for scale, x in features.items()
            }
        if layer in head_layers:
            x = features[num_scales - 1]
            stage = head_layers.index(layer) + 1
            if head == "convolutional":
                x = _head_convolutions(x, stage, stem, l2)
            pool = keras.layers.GlobalAveragePooling2D
            x = pool(name=f"pool_stage{stage}")(x)
            outputs += blocks.classifiers([x], classes, stage, l2)
    return blocks.build_model(image, outputs, classes, synchronized, name)


def _head_layers(
    num_stages: int, first_head: int, head_every: int, head_spacing: str
) -> list[int]:
    """Returns the layer that each stage's head reads, counted from 1."""
    intervals = [
        head_every if head_spacing == "even" else head_every * k + 1
        for k in range(1, num_stages)
    ]
    return list(itertools.accumulate(intervals, initial=first_head))


def _drop_layers(
    num_layers: int, num_scales: int, layers_per_block: Sequence[int] | None
) -> list[int]:
    """Returns the first layer of each block that drops a scale."""
    if layers_per_block is None:
        interval = math.ceil(num_layers / num_scales)
        return list(range(interval + 1, num_layers + 1, interval))
    arguments.check_sequence("layers_per_block", layers_per_block)
    if (
        len(layers_per_block) != num_scales
        or sum(layers_per_block) != num_layers
    ):
        raise ValueError(
            f"`layers_per_block` must hold {num_scales} numbers, one per "
            f"scale, that sum to the {num_layers} layers. "
            f"Received: layers_per_block={layers_per_block}"
        )
    ends = itertools.accumulate(layers_per_block[:-1])
    return [end + 1 for end in ends]


def _first_stages(
    layer: int, head_layers: list[int], num_scales: int
) -> list[int]:
    """Returns the first stage that needs a layer, for each scale.

    Heads read the coarsest scale. Each layer passes features to the next
    coarser scale only, so the features of a scale that is n scales finer reach
    a head n layers later.
    """
    return [
        bisect.bisect_left(head_layers, layer + num_scales - 1 - scale) + 1
        for scale in range(num_scales)
    ]


def _first_layer(
    image: keras.KerasTensor,
    channels: int,
    factors: Sequence[int],
    stem: str,
    l2: float,
) -> dict[int, keras.KerasTensor]:
    """Returns the first features of each scale, by strided convolutions."""
    names = [f"stem_scale{scale + 1}_stage1" for scale in range(len(factors))]
    width = channels * factors[0]
    if stem == "cifar":
        x = _conv_bn_relu(image, width, 3, l2=l2, name=names[0])
    else:
        x = _conv_bn_relu(image, width, 7, 2, l2=l2, name=names[0])
        x = blocks.stem_pooling(x, names[0])
    features = {0: x}
    for scale in range(1, len(factors)):
        width = channels * factors[scale]
        x = _conv_bn_relu(x, width, 3, 2, l2=l2, name=names[scale])
        features[scale] = x
    return features


def _dense_layer(
    features: dict[int, keras.KerasTensor],
    scale: int,
    growth: int,
    bottleneck_factors: Sequence[int],
    l2: float,
    name: str,
) -> keras.KerasTensor:
    """Returns a scale's features with the channels that a layer appends."""
    own = features[scale]
    finer = features.get(scale - 1)
    own_factor = bottleneck_factors[scale]
    if finer is None:
        new = [_bottleneck(own, growth, 1, own_factor, l2, name.format("own"))]
    else:
        finer_factor = bottleneck_factors[scale - 1]
        new = [
            _bottleneck(
                finer, growth // 2, 2, finer_factor, l2, name.format("finer")
            ),
            _bottleneck(
                own, growth // 2, 1, own_factor, l2, name.format("own")
            ),
        ]
    return blocks.concatenate([own, *new], name.format("joined"))


def _bottleneck(
    x: keras.KerasTensor,
    filters: int,
    strides: int,
    factor: int,
    l2: float,
    name: str,
) -> keras.KerasTensor:
    inner = min(x.shape[-1], factor * filters)
    x = _conv_bn_relu(x, inner, 1, l2=l2, name=f"{name}_conv1")
    return _conv_bn_relu(x, filters, 3, strides, l2=l2, name=f"{name}_conv2")


def _conv_bn_relu(
    x: keras.KerasTensor,
    filters: int,
    kernel_size: int,
    strides: int = 1,
    *,
    l2: float,
    name: str,
) -> keras.KerasTensor:
    x = blocks.convolution(
        x, filters, kernel_size, strides, l2=l2, name=f"{name}_conv"
    )
    return blocks.batch_norm_relu(x, name)


def _head_convolutions(
    x: keras.KerasTensor, stage: int, stem: str, l2: float
) -> keras.KerasTensor:
    """Applies the two strided convolutions of a head."""
    filters = _HEAD_CHANNELS if stem == "cifar" else x.shape[-1]
    for index in (1, 2):
        x = _conv_bn_relu(
            x, filters, 3, 2, l2=l2, name=f"final_stage{stage}_conv{index}"
        )
    return x


def _check_scales(
    growth: int,
    growth_factors: Sequence[int],
    bottleneck_factors: Sequence[int],
    reduction: float,
) -> None:
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
            "`growth` times each growth factor but the first must be even, "
            "because half of the channels that a layer appends to a scale come "
            f"from the finer scale. Received: growth={growth}, "
            f"growth_factors={growth_factors}"
        )
    if not isinstance(reduction, (int, float)) or not 0 < reduction <= 1:
        raise ValueError(
            "`reduction` must be a number in (0, 1]. "
            f"Received: reduction={reduction!r}"
        )
