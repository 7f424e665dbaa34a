import functools

import numpy as np
import pytest

import keras_anytime as ka
from keras_anytime.evaluation import stage_costs

IMAGENET = {
    "initial_filters": 32,
    "growth": 16,
    "growth_factors": (1, 2, 4, 4),
    "bottleneck_factors": (1, 2, 4, 4),
    "stem": "imagenet",
}


@functools.cache
def _found(name):
    """A network of the catalogue, which is built once."""
    return ka.nets.get(name)


def _layers_before_heads(model):
    """The layers that each head is after, from the names of the features."""
    found = []
    for k in range(1, model.num_stages + 1):
        numbers = [
            int(op.name.split("_")[0].removeprefix("layer"))
            for op in model.stage_operations(k)
            if op.name.startswith("layer")
        ]
        found.append(max(numbers))
    return found


@pytest.mark.slow
def test_msdnet_of_35_layers_is_that_of_its_authors():
    # https://github.com/kalviny/MSDNet-PyTorch/issues/10 prints the cost of
    # the authors' network for ImageNet with `--base 7 --step 7 --nBlocks 5`
    # as 3253.79 M multiply-adds and 62.31 M parameters, all heads included.
    # Activations and pooling are in their figure, at 0.2% of it.
    model = ka.nets.msdnet((224, 224, 3), 1000, 5, 7, 7, **IMAGENET)
    costs = stage_costs(model)
    assert sum(cost.step_macs for cost in costs) == pytest.approx(
        3253.79e6, rel=0.005
    )
    assert sum(cost.step_parameters for cost in costs) == pytest.approx(
        62.31e6, rel=0.0005
    )
    # What they count up to the heads before holds features that only later
    # heads read, so it bounds ours.
    theirs = (615.69e6, 1436.39e6, 2283.21e6, 2967.42e6)
    total = 0
    for cost, bound in zip(costs, theirs, strict=False):
        total += cost.step_macs
        assert 0.8 * bound < total < bound


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "heads_after"),
    [
        # Hu 2019, Appendix B: every seven layers, starting at the fifth.
        ("msdnet33_imagenet", [5, 12, 19, 26, 33]),
        ("msdnet38_imagenet", [10, 17, 24, 31, 38]),
    ],
)
def test_imagenet_networks_have_heads_where_hu_has_them(name, heads_after):
    assert _layers_before_heads(ka.nets.get(name)) == heads_after


@pytest.mark.parametrize(
    ("name", "heads_after"),
    [
        ("msdnet_7", [4, 6, 8, 10, 12, 14, 16]),
        pytest.param(
            "msdnet_10",
            [4, 6, 8, 10, 12, 14, 16, 18, 20, 22],
            marks=pytest.mark.slow,
        ),
    ],
)
def test_cifar_networks(name, heads_after):
    model = _found(name)
    assert _layers_before_heads(model) == heads_after
    scales = {
        op.name.split("_")[1]
        for op in model.operations
        if op.name.startswith("layer")
    }
    assert scales == {"scale1", "scale2", "scale3"}


@pytest.mark.slow
def test_steps_that_grow_put_heads_after_triangular_numbers():
    # Huang 2018, Appendix A: the k-th head after 1 + 2 + ... + k layers.
    model = ka.nets.msdnet(
        (16, 16, 3), 10, 4, 1, 1, head_spacing="lin_grow", growth=2
    )
    assert _layers_before_heads(model) == [1, 3, 6, 10]


def test_a_linear_head_is_pooling_and_one_layer():
    # Lee 2018, footnote 1: "1-layer classifiers". Nothing else changes.
    tiny = {"initial_filters": 4, "growth": 2}
    linear, usual = (
        ka.nets.msdnet((16, 16, 3), 10, 2, 1, 1, head=head, **tiny)
        for head in ("linear", "convolutional")
    )
    names = {layer.name for layer in usual.layers}
    assert {layer.name for layer in linear.layers} == {
        name for name in names if not name.startswith("final_")
    }
    for k in (1, 2):
        pooled = linear.get_layer(f"pool_stage{k}")
        features = pooled.input
        other = usual.get_layer(f"final_stage{k}_conv1_conv").input
        assert features.shape == other.shape
        assert linear.get_layer(f"stage_{k}").input is pooled.output
        # The convolutions of the heads are what the costs differ by.
        width, size = features.shape[-1], features.shape[1]
        macs = 9 * width * 128 * (size // 2) ** 2
        macs += 9 * 128 * 128 * (size // 4) ** 2
        macs += (128 - width) * 10
        difference = (
            stage_costs(usual)[k - 1].macs - stage_costs(linear)[k - 1].macs
        )
        assert difference == macs


def test_a_block_drops_the_finest_scale_and_reduces_channels():
    model = ka.nets.msdnet(
        (32, 32, 3),
        10,
        num_stages=6,
        first_head=1,
        head_every=1,
        initial_filters=8,
        growth=4,
        layers_per_block=(3, 2, 1),
    )
    names = [op.name for op in model.operations]
    layers = {
        layer: {
            int(name.split("_")[1].removeprefix("scale"))
            for name in names
            if name.startswith(f"layer{layer}_")
        }
        for layer in range(1, 7)
    }
    # Scale s drops after the s-th block; the finest features of a block's
    # last layers are read by nothing else than the next scale.
    assert layers[1] == {1, 2, 3}
    assert all(1 not in layers[layer] for layer in (4, 5, 6))
    assert layers[6] == {3}
    # Channels per unit of the factors: 8 + 3 x 4, then + 4 and halved, ...
    channels = 8
    for layer in range(1, 7):
        channels += 4
        if layer in (4, 6):
            channels //= 2
        features = model.get_layer(f"final_stage{layer}_conv1_conv").input
        assert features.shape[-1] == 4 * channels
        assert features.shape[1] == 8


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"head_spacing": "odd"}, "head_spacing='odd'"),
        ({"num_stages": 0}, "num_stages=0"),
        ({"first_head": 0}, "first_head=0"),
        ({"growth_factors": (1, 2)}, "one number"),
        ({"growth_factors": ()}, "1 or more for each scale"),
        ({"growth": 3, "growth_factors": (1, 1, 4)}, "must be even"),
        ({"reduction": 0}, "reduction=0"),
        ({"reduction": 1.5}, "reduction=1.5"),
        ({"layers_per_block": (4, 4)}, "3 numbers, one per scale"),
        ({"layers_per_block": (4, 4, 3)}, "12 layers"),
        ({"stem": "tiny"}, "stem='tiny'"),
        ({"head": "deep"}, "head='deep'"),
    ],
)
def test_wrong_arguments_are_refused(arguments, message):
    settings = {"num_stages": 5, **arguments}
    with pytest.raises(ValueError, match=message):
        ka.nets.msdnet((32, 32, 3), 10, **settings)


def test_a_quarter_of_the_cost_is_the_first_stage_of_msdnet_7():
    costs = stage_costs(_found("msdnet_7"))
    logits = np.zeros((len(costs), 2, 10))
    # Stage k is right about the first image if it is not stage 1.
    logits[1:, 0, 0] = 1
    logits[:, 1, 1] = 1
    predictions = ka.evaluation.Predictions.from_logits(
        logits, np.array([0, 1])
    )
    curve = ka.evaluation.curve_from_predictions(predictions, costs)
    assert curve.cost == "cumulative"
    # As its authors count, against 26% of the last subnetwork.
    assert costs[0].macs / curve.points[-1].macs == pytest.approx(0.176, 0.01)
    assert curve.error_at(1 / 4) == 0.5
    alone = ka.evaluation.curve_from_predictions(
        predictions, costs, cost="subnetwork"
    )
    assert alone.error_at(1 / 4) == pytest.approx(0.9)
