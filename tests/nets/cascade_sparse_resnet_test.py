import keras
import numpy as np
import pytest

import keras_anytime as ka
from keras_anytime.stages.cost import stage_costs
from tests.nets import numbers
from tests.nets import sparse_rule
from tests.testing import macs_by_name
from tests.testing import sampled

# Stages, units, the kind of unit, and the units that a head has in each block
# that is left (`None`: it is linear). Heads stand inside and at the end of
# blocks.
NETWORKS = [
    (1, (2, 1), "basic", 1),
    (2, (1, 3), "basic", 1),
    (3, (2, 2), "basic", None),
    (4, (2, 5, 1), "basic", 2),
    (3, (3, 5), "bottleneck", 3),
    (3, (3, 5), "bottleneck", None),
]
# Linear heads and heads of units, and each kind of unit.
QUICK = [NETWORKS[2], NETWORKS[4]]


def _filters(units):
    return [4 * 2**b for b in range(len(units))]


def _net(
    stages,
    units,
    unit="basic",
    head_units=None,
    input_shape=(6, 6, 1),
    **settings,
):
    settings = {"filters": _filters(units), **settings}
    if head_units is None:
        settings["head"] = "linear"
    else:
        settings["head_units"] = head_units
    return ka.nets.cascade_sparse_resnet(
        input_shape, 3, stages, units=units, unit=unit, **settings
    )


def _follow_rules(ways, stages, units, kind, head_units):
    """Goes through a cascade as Wan 2020, Section 3.1 and 5.1, describes it.

    Args:
        ways: A `Traced` or a `Computed` of `sparse_rule`.
        stages: Integer.
        units: Sequence of integers.
        kind: String, a key of `sparse_rule.UNITS`.
        head_units: Integer, or `None` for linear heads.

    Returns:
        List of what `ways.head` returns, for each stage.
    """
    heads = [sum(units) // 2 ** (stages - k) for k in range(1, stages + 1)]
    answers = []
    depth = 0
    x = None
    widths = _filters(units)
    for b, (count, width) in enumerate(zip(units, widths, strict=True), 1):
        k = len(answers) + 1
        if x is None:
            x = ways.stem(f"stem_stage{k}_conv", width, "cifar")
        else:
            x = _transition(ways, f"block{b - 1}_transition_stage{k}", x, width)
        has = {-1: x}
        for p in range(count):
            k = len(answers) + 1
            x = _unit(ways, f"block{b}_unit{p + 1}", k, kind, has, width)
            depth += 1
            if depth in heads:
                read = x
                for later in range(b + 1, len(units) + 1) if head_units else ():
                    name = f"final_stage{k}_block{later}"
                    wide = widths[later - 1]
                    read = _transition(ways, f"{name}_transition", read, wide)
                    own = {-1: read}
                    for number in range(1, head_units + 1):
                        read = _unit(
                            ways, f"{name}_unit{number}", k, kind, own, wide
                        )
                read = ways.normalized(f"final_stage{k}_bn", read)
                answers.append(ways.head(f"stage_{k}", read))
    assert len(answers) == stages
    return answers


def _transition(ways, name, x, width):
    x = ways.normalized(f"{name}_bn", x)
    return ways.convolved(f"{name}_conv", x, width, 3, 2)


def _unit(ways, name, k, kind, has, width):
    """Adds a unit to those that a block has; returns the sum after it."""
    kernels, narrower = sparse_rule.UNITS[kind]
    p = len(has) - 1
    x = ways.total([has[i] for i in sparse_rule.aggregated(p)])
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
    return ways.total([has[i] for i in sparse_rule.aggregated(p + 1)])


every_network = pytest.mark.parametrize(
    ("stages", "units", "unit", "head_units"), sampled(NETWORKS, QUICK)
)


@every_network
def test_every_layer_reads_what_the_rules_say(stages, units, unit, head_units):
    rules = sparse_rule.Traced()
    _follow_rules(rules, stages, units, unit, head_units)
    reads = sparse_rule.graph_reads(_net(stages, units, unit, head_units))
    assert set(reads) == set(rules.reads)
    for name in reads:
        assert reads[name] == rules.reads[name], name


@pytest.mark.parametrize("training", sampled([False, True], [False]))
@every_network
def test_numbers_are_those_that_the_rules_say(
    stages, units, unit, head_units, training
):
    shape = (7, 6, 2)
    model = numbers.moved(_net(stages, units, unit, head_units, shape))
    x = np.random.default_rng(1).standard_normal((4, *shape)).astype("f")
    rules = numbers.Computed(model, x, training)
    expected = _follow_rules(rules, stages, units, unit, head_units)
    actual = keras.tree.flatten(model(x, training=training))
    for got, want in zip(actual, expected, strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-5)
    assert rules.used == {layer.name for layer in model.layers if layer.weights}


@every_network
def test_the_trunk_is_the_plain_sparse_resnet(stages, units, unit, head_units):
    model = numbers.moved(_net(stages, units, unit, head_units))
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
    for k, (units, left) in enumerate(
        ((6, 2), (12, 2), (24, 1), (48, 0)), start=1
    ):
        all_kernels = _kernels(model.stage(k))
        kernels = [item for item in all_kernels if "final" not in item[0]]
        # A transition and a unit in each block that is left.
        assert len(all_kernels) - len(kernels) == 3 * left
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


@every_network
def test_steps_cost_the_whole_network_and_the_heads_before(
    stages, units, unit, head_units
):
    model = _net(stages, units, unit, head_units)
    assert model.interruptible
    costs = stage_costs(model)
    macs = macs_by_name(model)
    heads = [
        sum(
            count
            for name, count in macs.items()
            if name.startswith((f"final_stage{k}_", f"stage_{k}"))
        )
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
        ({"unit": "pyramid"}, r"\['basic', 'bottleneck'\].*unit='pyramid'"),
        ({"head": "deep"}, r"\['convolutional', 'linear'\].*head='deep'"),
        ({"head_units": 0}, "whole number of 1 or more.*head_units=0"),
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
