"""DenseANN: a DenseNet with heads at regular intervals along its depth."""

from collections.abc import Sequence

import keras

from keras_anytime.model import AnytimeModel
from keras_anytime.nets import arguments
from keras_anytime.nets import blocks

TRANSITIONS = ("convolution_first", "normalization_first")


def dense_ann(
    input_shape: arguments.ImageShape,
    classes: arguments.Classes,
    layers_per_block: Sequence[int] = (6, 12, 32, 32),
    growth: int = 32,
    first_head: int = 12,
    head_every: int = 14,
    transition: str = "convolution_first",
    stem: str = "imagenet",
    l2: float = 5e-5,
    synchronized: bool = False,
    name: str = "dense_ann",
) -> AnytimeModel:
    """Builds a DenseNet with heads at regular intervals along its depth.

    A dense layer reads all features of its block (BN-ReLU-1x1 to `4 * growth`
    channels, BN-ReLU-3x3) and appends `growth` channels. Between blocks, a 1x1
    convolution, BN-ReLU and 2x2 average pooling halve height, width and
    channels. The stem has `2 * growth` channels.

    The default is DenseANN169: heads after the dense layers 12, 26, 40, 54,
    68 and 82. Their subnetworks cost 46%, 66%, 76%, 92%, 96% and 100% of the
    multiply-adds, with or without the earlier heads, because the layers of the
    first block work on the largest features. So Table 2 of Hu 2019, which has
    an error of 48.15% within 1/4 of the cost and another one within 1/2, cannot
    count multiply-adds: within 1/4, a head comes after dense layer 4 at the
    latest, and the first block ends at 35%. As shares of the 82 dense layers,
    the heads are at 15%, 32%, 49%, 66%, 83% and 100%. Counted so, 1/4, 1/2, 3/4
    and 1 are stages 1, 3, 4 and 6: four answers, as the table has (parameters
    give four, too). The paper does not say what it counts. Curves of this
    library count multiply-adds, by which the answer within 1/4 is a random
    guess. Compare stages with the table, or set `first_head=4`.

    With `first_head` at the last layer and
    `transition="normalization_first"` the network is DenseNet-BC itself: its L
    is `2 * sum(layers_per_block) + len(layers_per_block) + 1`, its k is
    `growth`. DenseNet-BC (100, 12) is `layers_per_block=(16, 16, 16)`,
    `growth=12`, `stem="cifar"`; DenseNet-121 is
    `layers_per_block=(6, 12, 24, 16)`.

    ```python
    net = ka.nets.dense_ann(
        (8, 8, 1), classes=10, layers_per_block=(2, 2), growth=4,
        first_head=2, head_every=2, stem="cifar",
    )
    net(images)  # [logits of stage 1 (32, 10), logits of stage 2 (32, 10)]
    ```

    Args:
        input_shape: Tuple `(height, width, channels)`.
        classes: Integer. Number of classes; or a dict such as
            `{"fine": 100, "coarse": 20}` for one head per label set.
        layers_per_block: Sequence of integers, the dense layers in each block.
        growth: Integer. Channels that a dense layer appends.
        first_head: Integer. Dense layers before the first head.
        head_every: Integer. Dense layers from one head to the next. The last
            layer always has a head.
        transition: `"convolution_first"`, convolution, BN-ReLU and pooling
            (Hu 2019); or `"normalization_first"`, BN-ReLU, convolution and
            pooling (Huang 2017).
        stem: `"cifar"` (3x3) or `"imagenet"` (7x7 of stride 2, BN-ReLU, 3x3
            max pooling of stride 2).
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
        [Hu et al., 2019, Appendix B](https://arxiv.org/abs/1708.06832);
        [Huang et al., 2017](https://arxiv.org/abs/1608.06993)
    """
    arguments.check_common(input_shape, classes, stem)
    arguments.check_counts(
        growth=growth, first_head=first_head, head_every=head_every
    )
    arguments.check_choice("transition", transition, TRANSITIONS)
    arguments.check_sequence("layers_per_block", layers_per_block)
    total = sum(layers_per_block)
    if total < first_head:
        raise ValueError(
            f"`first_head` must be one of the {total} dense layers. Received: "
            f"first_head={first_head}, layers_per_block={layers_per_block}"
        )
    image = keras.Input(input_shape, name="image")
    x = _stem(image, 2 * growth, stem, l2)
    features: list[list[keras.KerasTensor]] = []
    depth = 0
    for block, count in enumerate(layers_per_block):
        if block:
            stage = len(features) + 1
            name_of_transition = f"block{block}_transition_stage{stage}"
            x = _transition(x, transition, l2, name_of_transition)
        for index in range(count):
            stage = len(features) + 1
            unit = f"block{block + 1}_unit{index + 1}"
            new = blocks.preactivation_convolutions(
                x,
                [(4 * growth, 1, 1), (growth, 3, 1)],
                stage,
                l2=l2,
                name=unit,
            )
            x = blocks.concatenate([x, new], f"{unit}_joined_stage{stage}")
            depth += 1
            since_first = depth - first_head
            if depth == total or (
                since_first >= 0 and since_first % head_every == 0
            ):
                features.append(
                    [blocks.batch_norm_relu(x, f"final_stage{stage}")]
                )
    outputs = blocks.heads(features, classes, l2)
    return blocks.build_model(image, outputs, classes, synchronized, name)


def _stem(
    image: keras.KerasTensor, filters: int, kind: str, l2: float
) -> keras.KerasTensor:
    if kind == "cifar":
        return blocks.stem(image, filters, kind, l2=l2, name="stem_stage1")
    x = blocks.convolution(image, filters, 7, 2, l2=l2, name="stem_stage1_conv")
    return blocks.stem_pooling(
        blocks.batch_norm_relu(x, "stem_stage1"), "stem_stage1"
    )


def _transition(
    x: keras.KerasTensor, order: str, l2: float, name: str
) -> keras.KerasTensor:
    filters = x.shape[-1] // 2
    if order == "normalization_first":
        x = blocks.batch_norm_relu(x, name)
    x = blocks.convolution(x, filters, 1, l2=l2, name=f"{name}_conv")
    if order == "convolution_first":
        x = blocks.batch_norm_relu(x, name)
    return keras.layers.AveragePooling2D(
        2, padding="same", name=f"{name}_pool"
    )(x)
