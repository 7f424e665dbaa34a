"""The pre-activation and the pyramidal residual unit, split into slices."""

from collections.abc import Sequence

import keras

from keras_anytime.nets import blocks


def residual_unit(
    features: list[keras.KerasTensor],
    kind: str,
    widths: Sequence[int],
    strides: int,
    stages: Sequence[int],
    *,
    l2: float,
    name: str,
) -> list[keras.KerasTensor]:
    """Applies one residual unit to the features of each slice.

    Before each convolution is BN-ReLU (pre-activation). A pyramidal unit lacks
    the first ReLU, and ends with one normalization more.

    Args:
        features: List of tensors `(batch, height, width, channels)`, one for
            each slice.
        kind: `"basic"`, `"bottleneck"` or `"pyramid"`.
        widths: Sequence of integers. Output channels of each slice.
        strides: Integer.
        stages: Sequence of integers. The stage that adds each slice.
        l2: Float. Factor of each kernel's squared norm in the loss.
        name: String. Prefix of the layers' names.

    Returns:
        List of tensors `(batch, height / strides, width / strides, channels)`
        with the channels of `widths`.

    Reference:
        [He et al., 2016](https://arxiv.org/abs/1603.05027);
        [Han et al., 2017, Figure 6d](https://arxiv.org/abs/1610.02915)
    """
    is_pyramid = kind == "pyramid"
    activate = blocks.batch_norm if is_pyramid else blocks.batch_norm_relu
    active = [
        activate(x, f"{name}_in_stage{k}")
        for k, x in zip(stages, features, strict=True)
    ]
    branch = active
    sizes_of_slices = [
        blocks.unit_convolutions(kind, width, strides) for width in widths
    ]
    for index, sizes in enumerate(zip(*sizes_of_slices, strict=True), start=1):
        if index > 1:
            branch = [
                blocks.batch_norm_relu(x, f"{name}_conv{index - 1}_stage{k}")
                for k, x in zip(stages, branch, strict=True)
            ]
        branch = [
            blocks.convolution(
                branch[:count],
                *size,
                l2=l2,
                name=f"{name}_conv{index}_stage{k}",
            )
            for count, (k, size) in enumerate(
                zip(stages, sizes, strict=True), start=1
            )
        ]
    if is_pyramid:
        branch = [
            blocks.batch_norm(x, f"{name}_out_stage{k}")
            for k, x in zip(stages, branch, strict=True)
        ]
    if strides > 1:
        active = [
            blocks.subsample(x, strides, f"{name}_subsampled_stage{k}")
            for k, x in zip(stages, active, strict=True)
        ]
    outputs = []
    for index, (k, width) in enumerate(zip(stages, widths, strict=True)):
        shortcut = features[index]
        if strides > 1 or shortcut.shape[-1] != width:
            shortcut = blocks.convolution(
                active[: index + 1],
                width,
                1,
                l2=l2,
                name=f"{name}_projection_stage{k}",
            )
        outputs.append(
            blocks.add([shortcut, branch[index]], f"{name}_add_stage{k}")
        )
    return outputs
