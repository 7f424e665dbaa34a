import keras
import numpy as np
import pytest

import keras_anytime as ka
from keras_anytime.evaluation import stage_costs
from tests.nets import numbers


def _convolutions(model, *apart):
    return [
        layer
        for layer in model.layers
        if isinstance(layer, keras.layers.Conv2D)
        and not any(word in layer.name for word in apart)
    ]


@pytest.mark.parametrize("n", [1, 2, 5])
def test_it_has_6n_plus_3_convolutions(n):
    # Hu 2017, Section 4.1: a stem, 3 n units of two, and two between blocks.
    model = ka.nets.res_ann((8, 8, 3), 10, units=(n, n, n), filters=(4, 8, 16))
    assert len(_convolutions(model)) == 6 * n + 3
    assert model.num_stages == 3 * n


def test_units_cost_the_same_everywhere():
    # "the run-time of each bottleneck unit stays constant in a network".
    n, c = 3, 8
    model = ka.nets.res_ann(
        (32, 32, 3), 10, units=(n, n, n), filters=(c, 2 * c, 4 * c)
    )
    unit = 2 * 9 * c * c * 32 * 32
    costs = stage_costs(model)
    for k, cost in enumerate(costs, start=1):
        block = (k - 1) // n
        head = c * 2**block * 10
        extra = 0
        if k == 1:
            extra = 9 * 3 * c * 32 * 32
        elif (k - 1) % n == 0:
            extra = 9 * c * 2 * c * 16 * 16  # 3x3 of stride 2; c doubles.
        assert cost.step_macs - head == unit + extra


@pytest.mark.parametrize(
    ("units", "head_every", "heads_after"),
    [
        ((2, 2, 2), 1, [1, 2, 3, 4, 5, 6]),
        ((2, 2, 2), 2, [2, 4, 6]),
        ((2, 2, 2), 4, [2, 6]),
        ((2, 2, 2), 5, [1, 6]),
        ((1, 2), 2, [1, 3]),
    ],
)
def test_heads_are_counted_back_from_the_last_unit(
    units, head_every, heads_after
):
    # Hu 2017, Appendix B: units L - c i, "so that the last layer always
    # predict".
    model = ka.nets.res_ann(
        (8, 8, 3),
        10,
        units=units,
        filters=(4, 8, 16)[: len(units)],
        head_every=head_every,
    )
    depths = [
        sum(
            op.name.split("_stage")[0].endswith("_add")
            for op in model.stage_operations(k)
        )
        for k in range(1, model.num_stages + 1)
    ]
    assert depths == heads_after


def test_a_unit_is_the_pre_activation_unit():
    # BN-ReLU-3x3-BN-ReLU-3x3 plus its input (Hu 2019, Appendix B), by hand.
    model = ka.nets.res_ann((6, 6, 2), 3, units=(1,), filters=(4,))
    x = np.random.default_rng(0).standard_normal((2, 6, 6, 2)).astype("f")

    def run(name, value):
        return model.get_layer(name)(value, training=False)

    def active(name, value):
        norm = model.get_layer(f"{name}_bn")
        gamma, beta, mean, variance = (
            np.asarray(v) for v in norm.get_weights()
        )
        scaled = (np.asarray(value) - mean) / np.sqrt(variance + norm.epsilon)
        return np.maximum(gamma * scaled + beta, 0)

    rng = np.random.default_rng(1)
    model.set_weights(
        [rng.uniform(0.5, 1.5, w.shape) for w in model.get_weights()]
    )
    stem = run("stem_stage1_conv", x)
    unit = "block1_unit1"
    y = run(f"{unit}_conv1_stage1", active(f"{unit}_in_stage1", stem))
    y = run(f"{unit}_conv2_stage1", active(f"{unit}_conv1_stage1", y))
    features = active("final_stage1", stem + y).mean(axis=(1, 2))
    kernel, bias = model.get_layer("stage_1").get_weights()
    np.testing.assert_allclose(model(x), features @ kernel + bias, rtol=1e-4)


def test_a_pyramid_unit_has_no_first_activation():
    # BN-3x3-BN-ReLU-3x3-BN plus its input (Han 2017), in training by the
    # statistics of the batch; the convolution between blocks, and heads as in
    # other ResANNs.
    model = numbers.moved(
        ka.nets.res_ann(
            (6, 6, 2), 3, units=(1, 1), filters=(4, 8), unit="pyramid"
        )
    )
    images = np.random.default_rng(0).standard_normal((4, 6, 6, 2)).astype("f")
    for training in (False, True):
        rules = numbers.Computed(model, images, training)
        x = rules.stem("stem_stage1_conv", 4, "cifar")
        wanted = []
        for k, width in enumerate((4, 8), start=1):
            if k == 2:
                x = rules.convolved(
                    "block1_transition_stage2_conv", x, width, 3, 2
                )
            unit = f"block{k}_unit1"
            y = rules.normalized(f"{unit}_in_stage{k}_bn", x, relu=False)
            y = rules.convolved(f"{unit}_conv1_stage{k}", y, width, 3)
            y = rules.normalized(f"{unit}_conv1_stage{k}_bn", y)
            y = rules.convolved(f"{unit}_conv2_stage{k}", y, width, 3)
            x = x + rules.normalized(f"{unit}_out_stage{k}_bn", y, relu=False)
            active = rules.normalized(f"final_stage{k}_bn", x)
            wanted.append(rules.head(f"stage_{k}", active))
        assert rules.used == {
            layer.name for layer in model.layers if layer.weights
        }
        for got, want in zip(
            model(images, training=training), wanted, strict=True
        ):
            np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_pyramid_units_cost_what_basic_units_do():
    # "each has two convolutions"; one normalization more, of 2 c weights.
    costs = {
        unit: stage_costs(ka.nets.get("res_ann_5_16", unit=unit))
        for unit in ("basic", "pyramid")
    }
    widths = [16] * 5 + [32] * 5 + [64] * 5
    added = np.cumsum([2 * width for width in widths])
    for basic, pyramid, more in zip(*costs.values(), added, strict=True):
        assert pyramid.macs == basic.macs
        assert pyramid.parameters == basic.parameters + more


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "layers", "stages", "parameters", "macs"),
    [
        # ResNet-50 and -101 as commonly published: 25.56 and 44.55 M
        # parameters, 4.09 and 7.80 G multiply-adds with the stride in the 3x3.
        # ResANN26 is Hu's own; nothing is published of its size.
        ("res_ann26_imagenet", 26, 4, None, None),
        ("res_ann50_imagenet", 50, 8, 25.56e6, 4.09e9),
        ("res_ann101_imagenet", 101, 11, 44.55e6, 7.80e9),
    ],
)
def test_imagenet_networks(name, layers, stages, parameters, macs):
    model = ka.nets.get(name)
    assert len(_convolutions(model, "projection")) + 1 == layers
    assert model.num_stages == stages
    cost = stage_costs(model)[-1]
    if parameters:
        assert cost.parameters == pytest.approx(parameters, rel=0.005)
        assert cost.macs == pytest.approx(macs, rel=0.01)


def test_every_pair_of_the_papers_is_there():
    # Hu 2017, Appendix E, and the heads of Hu 2019, Appendix B; the network of
    # validation (Section 4.1), and the ensemble (Section 4.6).
    pairs = [(n, c) for n in (7, 9, 13, 17, 25) for c in (16, 32)]
    others = [(9, 64), (9, 128), (13, 64), (5, 16), (1, 32), (3, 32)]
    for n, c in (*pairs, *others):
        assert f"res_ann_{n}_{c}" in ka.nets.names()


@pytest.mark.slow
def test_the_deepest_of_the_papers():
    model = ka.nets.get("res_ann_25_16")
    assert model.num_stages == 25
    assert len(_convolutions(model)) == 6 * 25 + 3
    assert model.get_layer("stem_stage1_conv").filters == 16


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"units": 1}, "`units`"),
        ({"units": ()}, "`units`"),
        ({"filters": (8, 0, 8)}, "`filters`"),
        ({"filters": (8, 8)}, "one number for each block"),
        ({"head_every": 0}, "head_every=0"),
        ({"head_every": 1.5}, "head_every=1.5"),
        ({"unit": "plain"}, "unit='plain'"),
        ({"stem": "tiny"}, "stem='tiny'"),
        ({"classes": 1}, "classes=1"),
        ({"classes": {"fine": 1}}, "at least 2"),
        ({"classes": {}}, "classes="),
        ({"classes": {"fine labels": 3}}, "letters, digits"),
        ({"input_shape": (8, 8)}, "input_shape="),
    ],
)
def test_wrong_arguments_are_refused(arguments, message):
    settings = {"input_shape": (8, 8, 3), "classes": 10, **arguments}
    with pytest.raises(ValueError, match=message):
        ka.nets.res_ann(**settings)
