"""The pre-activation residual unit, in slices."""

from keras_anytime.nets import blocks


def residual_unit(features, kind, widths, strides, stages, *, l2, name):
    """Adds one pre-activation residual unit to the features of each slice.

    Args:
        features: List of tensors `(batch, height, width, channels)`, one for
            each slice.
        kind: `"basic"` or `"bottleneck"`.
        widths: Sequence of integers. Output channels of each slice.
        strides: Integer.
        stages: Sequence of integers. The stages that add the slices.
        l2: Float. Factor of the squared norm of each kernel in the loss.
        name: String. Start of the layers' names.

    Returns:
        List of tensors like `features`, with the channels of `widths`.

    Reference:
        [He et al., 2016](https://arxiv.org/abs/1603.05027)
    """
    active = [
        blocks.normalized(x, f"{name}_in_stage{k}")
        for k, x in zip(stages, features, strict=True)
    ]
    branch = active
    convolutions = [
        blocks.unit_convolutions(kind, width, strides) for width in widths
    ]
    for index, slices in enumerate(zip(*convolutions, strict=True), start=1):
        if index > 1:
            branch = [
                blocks.normalized(x, f"{name}_conv{index - 1}_stage{k}")
                for k, x in zip(stages, branch, strict=True)
            ]
        branch = [
            blocks.convolution(
                branch[:count],
                *one,
                l2=l2,
                name=f"{name}_conv{index}_stage{k}",
            )
            for count, (k, one) in enumerate(
                zip(stages, slices, strict=True), start=1
            )
        ]
    if strides > 1:
        active = [
            blocks.subsampled(x, strides, f"{name}_subsampled_stage{k}")
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
            blocks.added([shortcut, branch[index]], f"{name}_add_stage{k}")
        )
    return outputs
