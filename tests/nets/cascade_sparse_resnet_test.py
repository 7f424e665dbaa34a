import keras
import numpy as np
import pytest

import keras_anytime as ka
from keras_anytime.stages.cost import stage_costs
from tests.nets import numbers
from tests.nets import sparse_rule

# Stages, units, and the kind of unit; heads stand inside and at the end of
# blocks.
NETWORKS = [
    (1, (2, 1), "basic"),
    (2, (1, 3), "basic"),
    (3, (2, 2), "basic"),
    (4, (2, 5, 1), "basic"),
    (3, (3, 5), "bottleneck"),
]


def _filters(units):
    return [4 * 2**b for b in range(len(units))]


def _net(stages, units, unit="basic", input_shape=(6, 6, 1), **settings):
    settings = {"filters": _filters(units), **settings}
    return ka.nets.cascade_sparse_resnet(
        input_shape, 3, stages, units=units, unit=unit, **settings
    )


def _follow_rules(ways, stages, units, kind):
    """Goes through a cascade as Wan 2020, Section 3.1 and 5.1, describes it.

    Args:
        ways: A `Traced` or a `Computed` of `sparse_rule`.
        stages: Integer.
        units: Sequence of integers.
        kind: String, a key of `sparse_rule.UNITS`.

    Returns:
        List of what `ways.head` returns, for each stage.
    """
    heads = [sum(units) // 2 ** (stages - k) for k in range(1, stages + 1)]
    kernels, narrower = sparse_rule.UNITS[kind]
    answers = []
    depth = 0
    x = None
    for b, (count, width) in enumerate(
        zip(units, _filters(units), strict=True), start=1
    ):
        k = len(answers) + 1
        if x is None:
            x = ways.stem(f"stem_stage{k}_conv", width, "cifar")
        else:
            name = f"block{b - 1}_transition_stage{k}"
            x = ways.normalized(f"{name}_bn", x)
            x = ways.convolved(f"{name}_conv", x, width, 3, 2)
        has = {-1: x}
        for p in range(count):
            k = len(answers) + 1
            name = f"block{b}_unit{p + 1}"
            for index, size in enumerate(kernels):
                before = f"conv{index}" if index else "in"
                last = index == len(kernels) - 1
                x = ways.convolved(
                    f"{name}_conv{index + 1}_stage{k}",
                    ways.normalized(f"{name}_{before}_stage{k}_bn", x),
                    width if last else width // narrower,
                    size,
                )
            has[p] = x
            x = ways.total([has[i] for i in sparse_rule.aggregated(p + 1)])
            depth += 1
            if depth in heads:
                read = ways.normalized(f"final_stage{k}_bn", x)
                answers.append(ways.head(f"stage_{k}", read))
    assert len(answers) == stages
    return answers


@pytest.mark.parametrize(("stages", "units", "unit"), NETWORKS)
def test_every_layer_reads_what_the_rules_say(stages, units, unit):
    rules = sparse_rule.Traced()
    _follow_rules(rules, stages, units, unit)
    reads = sparse_rule.graph_reads(_net(stages, units, unit))
    assert set(reads) == set(rules.reads)
    for name in reads:
        assert reads[name] == rules.reads[name], name


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize(("stages", "units", "unit"), NETWORKS)
def test_numbers_are_those_that_the_rules_say(stages, units, unit, training):
    shape = (7, 6, 2)
    model = numbers.moved(_net(stages, units, unit, shape))
    x = np.random.default_rng(1).standard_normal((4, *shape)).astype("f")
    rules = numbers.Computed(model, x, training)
    expected = _follow_rules(rules, stages, units, unit)
    actual = keras.tree.flatten(model(x, training=training))
    for got, want in zip(actual, expected, strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-5)
    assert rules.used == {layer.name for layer in model.layers if layer.weights}


@pytest.mark.parametrize(("stages", "units", "unit"), NETWORKS)
def test_the_trunk_is_the_plain_sparse_resnet(stages, units, unit):
    model = numbers.moved(_net(stages, units, unit))
    plain = ka.nets.sparse_resnet(
        (6, 6, 1), 3, "d1", units=units, filters=_filters(units), unit=unit
    )
    x = np.random.default_rng(1).standard_normal((4, 6, 6, 1)).astype("f")
    trunk = model.stage(stages)
    numbers.assert_same_function(plain, trunk, x)
    assert _kernels(trunk) == _kernels(plain)


def _kernels(model):
    """The places and shapes of convolutions, from the image on."""
    return [
        (layer.name.split("_stage")[0], tuple(layer.kernel.shape))
        for layer in model.layers
        if isinstance(layer, keras.layers.Conv2D)
    ]


@pytest.mark.slow
def test_the_default_is_sparse_resnet_98_with_heads_at_doubling_depths():
    model = ka.nets.cascade_sparse_resnet((32, 32, 3), 10)
    plain = ka.nets.sparse_resnet((32, 32, 3), 10, "d1")
    assert model.num_stages == 4
    for k, units in enumerate((6, 12, 24, 48), start=1):
        kernels = _kernels(model.stage(k))
        assert kernels == _kernels(plain)[: len(kernels)]
        in_units = [name for name, _ in kernels if "unit" in name]
        assert len(in_units) == 2 * units
    # Beside those in units: a stem, two transitions.
    assert len(kernels) == 96 + 1 + 2


def test_stages_end_where_their_heads_are():
    # 2, 4 and 8 units in blocks of 3 and 5.
    model = _net(3, (3, 5))
    for k, (b, unit) in enumerate([(1, 2), (2, 1), (2, 5)], start=1):
        names = [
            layer.name
            for layer in model.stage(k).layers
            if "_conv2_" in layer.name
        ]
        last = [name for name in names if name.endswith(f"_stage{k}")][-1]
        assert last == f"block{b}_unit{unit}_conv2_stage{k}"
        head = model.get_layer(f"stage_{k}")
        assert head.kernel.shape == (4 * b, 3)


@pytest.mark.parametrize(("stages", "units", "unit"), NETWORKS)
def test_steps_cost_the_whole_network_and_the_heads_before(stages, units, unit):
    model = _net(stages, units, unit)
    assert model.interruptible
    costs = stage_costs(model)
    heads = [
        np.prod(model.get_layer(f"stage_{k}").kernel.shape)
        for k in range(1, stages + 1)
    ]
    for k in range(1, stages + 1):
        assert sum(cost.step_macs for cost in costs[:k]) == (
            costs[k - 1].macs + sum(heads[: k - 1])
        )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"num_stages": 4},
            r"a multiple of 8 units.*units=\(2, 2\) \(4 in total\)",
        ),
        (
            {"num_stages": 2, "units": (2, 1)},
            "a multiple of 2 units.*3 in total",
        ),
        ({"num_stages": 0}, "whole number of 1 or more.*num_stages=0"),
        ({"num_stages": 1.5}, "whole number of 1 or more.*num_stages=1.5"),
        ({"num_stages": True}, "whole number of 1 or more.*num_stages=True"),
        ({"units": (4,)}, r"one number for each block.*units=\(4,\)"),
        ({"units": (4, 0)}, r"number of 1 or more.*units=\(4, 0\)"),
        ({"unit": "plain"}, r"\['basic', 'bottleneck'\].*unit='plain'"),
        ({"stem": "tiny"}, r"\['cifar', 'imagenet'\].*stem='tiny'"),
        ({"classes": 1}, "at least 2.*classes=1"),
        ({"input_shape": (8, 8)}, r"\(height, width, channels\).*\(8, 8\)"),
    ],
)
def test_wrong_arguments_are_refused(arguments, message):
    settings = {
        "input_shape": (8, 8, 1),
        "classes": 3,
        "num_stages": 3,
        "units": (2, 2),
        "filters": (4, 8),
        **arguments,
    }
    with pytest.raises(ValueError, match=message):
        ka.nets.cascade_sparse_resnet(**settings)


def test_bottlenecks_that_cannot_be_a_quarter_as_wide_are_refused():
    # `sparse_resnet` refuses them with these words.
    with pytest.raises(ValueError, match=r"multiples of 4\..*filters=\(8, 6\)"):
        _net(2, (2, 2), "bottleneck", filters=(8, 6))
