import itertools

import keras
import numpy as np
import pytest

import keras_anytime as ka
from keras_anytime.stages.cost import stage_costs
from tests.nets import numbers
from tests.nets import sparse_rule
from tests.nets.sparse_rule import NESTINGS
from tests.testing import sampled

# Nestings, and settings other than the smallest ones.
NETWORKS = [
    *((nesting, {}) for nesting in NESTINGS),
    (
        "w1d1-w2d1-w2d2-w4d2-w4d4",
        {"units": (4, 4), "filters": (16, 32), "unit": "bottleneck"},
    ),
    (
        "w1d1-w2d2-w4d4",
        {
            "units": (4, 4, 4),
            "filters": (16, 16, 32),
            "unit": "bottleneck",
            "stem": "imagenet",
        },
    ),
]

SEVERAL_STAGES = [nesting for nesting in NESTINGS if "-" in nesting]

# Depth, and both in turn by an odd ratio.
QUICK = ("d1-d2-d4", "w1d1-w1d2-w3d2")


def _is_quick(network):
    nesting, settings = network
    return "stem" in settings or (not settings and nesting in QUICK)


every_network = pytest.mark.parametrize(
    ("nesting", "settings"), sampled(NETWORKS, _is_quick)
)
every_nesting = pytest.mark.parametrize(
    "nesting", sampled(list(NESTINGS), QUICK)
)
every_growth = pytest.mark.parametrize(
    "nesting", sampled(SEVERAL_STAGES, QUICK)
)


def _settings(nesting, **settings):
    """Arguments of the smallest network of a nesting, and others given."""
    width, depth = NESTINGS[nesting][-1]
    return {
        "units": (2 * depth, depth),
        "filters": (width, 2 * width),
        **settings,
    }


def _net(nesting, input_shape=(6, 6, 1), classes=3, **settings):
    settings = _settings(nesting, **settings)
    return ka.nets.sparse_resnet(input_shape, classes, nesting, **settings)


def _images(shape=(6, 6, 1), count=4):
    rng = np.random.default_rng(1)
    return rng.standard_normal((count, *shape)).astype("float32")


def _logits(model, x, training=False):
    return [
        np.asarray(logits)
        for logits in keras.tree.flatten(model(x, training=training))
    ]


def _positions(model, k):
    """The convolutions in units of stage k, however many slices each has."""
    return {
        operation.name.rsplit("_stage", 1)[0]
        for operation in model.stage_operations(k)
        if "_unit" in operation.name
        and isinstance(operation, keras.layers.Conv2D)
    }


def _added(model, k):
    """The layers with weights that stage k has and stage k - 1 has not."""
    before = model.stage_operations(k - 1) if k > 1 else []
    names = {operation.name for operation in before}
    return [
        operation
        for operation in model.stage_operations(k)
        if operation.name not in names and getattr(operation, "weights", [])
    ]


# What the slice of each (unit, stage) reads. Unit 0 is the block's input.
DRAWN = {
    # Wan 2020, Figure 3: the odd units are a network of half the depth.
    ("d1-d2", 4): {
        (1, 1): {(0, 1)},
        (3, 1): {(1, 1), (0, 1)},
        (2, 2): {(1, 1), (0, 1)},
        (4, 2): {(3, 1), (2, 2), (0, 1)},
        ("output", 1): {(3, 1), (1, 1)},
        ("output", 2): {(4, 2), (3, 1), (1, 1)},
    },
    ("d1-d2-d4", 8): {
        (1, 1): {(0, 1)},
        (5, 1): {(1, 1), (0, 1)},
        (3, 2): {(1, 1), (0, 1)},
        (7, 2): {(5, 1), (3, 2), (0, 1)},
        (2, 3): {(1, 1), (0, 1)},
        (4, 3): {(3, 2), (2, 3), (0, 1)},
        (6, 3): {(5, 1), (4, 3), (2, 3)},
        (8, 3): {(7, 2), (6, 3), (4, 3), (0, 1)},
        ("output", 1): {(5, 1), (1, 1)},
        ("output", 2): {(7, 2), (5, 1), (1, 1)},
        ("output", 3): {(8, 3), (7, 2), (5, 1), (1, 1)},
    },
    ("d1-d3", 6): {
        (1, 1): {(0, 1)},
        (4, 1): {(1, 1), (0, 1)},
        (2, 2): {(1, 1), (0, 1)},
        (3, 2): {(2, 2), (1, 1)},
        (5, 2): {(4, 1), (3, 2), (1, 1)},
        (6, 2): {(5, 2), (4, 1), (2, 2)},
        ("output", 1): {(4, 1), (1, 1)},
        ("output", 2): {(6, 2), (5, 2), (3, 2)},
    },
    # Figure 6: wider, then deeper.
    ("w1d1-w2d1-w2d2", 2): {
        (1, 1): {(0, 1)},
        (1, 2): {(0, 1), (0, 2)},
        (2, 3): {(1, 1), (1, 2), (0, 1), (0, 2)},
        ("output", 1): {(1, 1), (0, 1)},
        ("output", 2): {(1, 1), (1, 2), (0, 1), (0, 2)},
        ("output", 3): {(2, 3), (1, 1), (1, 2)},
    },
    # Figure 7: wider and deeper at once.
    ("w1d1-w2d2", 4): {
        (1, 1): {(0, 1)},
        (3, 1): {(1, 1), (0, 1)},
        (1, 2): {(0, 1), (0, 2)},
        (2, 2): {(1, 1), (1, 2), (0, 1), (0, 2)},
        (3, 2): {(2, 2), (1, 1), (1, 2)},
        (4, 2): {(3, 1), (3, 2), (2, 2), (0, 1), (0, 2)},
        ("output", 1): {(3, 1), (1, 1)},
        ("output", 2): {(4, 2), (3, 1), (3, 2), (1, 1), (1, 2)},
    },
}


@pytest.mark.parametrize(
    ("nesting", "units"),
    sampled(
        list(DRAWN), [("d1-d2-d4", 8), ("w1d1-w2d1-w2d2", 2), ("w1d1-w2d2", 4)]
    ),
)
def test_edges_are_those_drawn_by_hand(nesting, units):
    model = ka.nets.sparse_resnet(
        (6, 6, 1), 3, nesting, units=(units, units), filters=(2, 4)
    )
    reads = sparse_rule.graph_reads(model)
    assert sparse_rule.unit_edges(reads, block=1) == DRAWN[nesting, units]


@every_network
def test_every_layer_reads_what_the_rules_say(nesting, settings):
    settings = _settings(nesting, **settings)
    rules = sparse_rule.Traced()
    sparse_rule.follow_rules(rules, nesting, **settings)
    reads = sparse_rule.graph_reads(_net(nesting, (32, 32, 1), **settings))
    assert set(reads) == set(rules.reads)
    for name in reads:
        assert reads[name] == rules.reads[name], name


@pytest.mark.parametrize("training", sampled([False, True], [False]))
@every_network
def test_numbers_are_those_that_the_rules_say(nesting, settings, training):
    # Odd sizes: strides round up, and pad by other numbers of pixels.
    shape = (21, 18, 2) if "stem" in settings else (7, 6, 2)
    model = numbers.moved(_net(nesting, shape, **settings))
    x = _images(shape)
    rules = numbers.Computed(model, x, training)
    expected = sparse_rule.follow_rules(
        rules, nesting, **_settings(nesting, **settings)
    )
    actual = _logits(model, x, training)
    assert len(actual) == len(expected)
    for logits, reference in zip(actual, expected, strict=True):
        np.testing.assert_allclose(logits, reference, rtol=1e-5, atol=1e-5)
    # Nothing in the network goes beyond the rules.
    assert rules.used == {layer.name for layer in model.layers if layer.weights}


@every_nesting
def test_slices_stay_in_their_stages(nesting):
    model = _net(nesting)
    reads = sparse_rule.graph_reads(model)
    for k in range(1, model.num_stages + 1):
        names = {operation.name for operation in model.stage_operations(k)}
        for name in reads:
            if not name.endswith("_bn") and not name.startswith("stage_"):
                stage = int(name.removesuffix("_conv").split("_stage")[1])
                assert (name in names) == (stage <= k)
        for name in names & set(reads):
            read = {source for sums in reads[name] for source, _ in sums}
            assert read <= names | {"image"}


@pytest.mark.parametrize(
    "nesting", sampled(["d1-d2", "d1-d2-d4", "d1-d2-d4-d8"], ["d1-d2-d4"])
)
def test_depth_nesting_cuts_the_edges_to_earlier_stages_only(nesting):
    # Wan 2020, Section 3.3: powers of two between the units of a stage are
    # powers of two between the same units of the whole network. The block's
    # input is apart: it is unit -1 in every stage's numbering.
    count = 16
    model = ka.nets.sparse_resnet(
        (6, 6, 1), 3, nesting, units=(count, count), filters=(1, 1)
    )
    found = sparse_rule.unit_edges(sparse_rule.graph_reads(model), block=1)
    stage_of = {unit: stage for unit, stage in found if unit != "output"}
    assert len(stage_of) == count
    for unit, stage in stage_of.items():
        assert {source for source, _ in found[unit, stage]} - {0} == {
            source
            for source in range(1, unit)
            if (unit - source).bit_count() == 1 and stage_of[source] <= stage
        }


@every_growth
def test_first_stages_are_a_network_of_their_own(nesting):
    whole = _net(nesting)
    settings = _settings(nesting)
    width, depth = NESTINGS[nesting][-1]
    for k in range(1, whole.num_stages):
        own_width, own_depth = NESTINGS[nesting][k - 1]
        own = ka.nets.sparse_resnet(
            (6, 6, 1),
            3,
            "d1" if k == 1 else "-".join(nesting.split("-")[:k]),
            units=[n * own_depth // depth for n in settings["units"]],
            filters=[n * own_width // width for n in settings["filters"]],
        )
        part = whole.stage(1)
        if k > 1:
            part = keras.Model(whole.input, whole.outputs[:k])
        numbers.assert_same_function(own, numbers.moved(part), _images())


@every_growth
def test_what_a_stage_adds_to_a_block_reaches_its_answer(nesting):
    width, depth = NESTINGS[nesting][-1]
    model = numbers.moved(
        _net(nesting, units=(depth, depth), filters=(2 * width, 2 * width))
    )
    x = _images(count=8)
    # Not `predict`: in a graph, TensorFlow sums three maps in any order.
    before = _logits(model, x)
    rng = np.random.default_rng(2)
    for k in range(1, model.num_stages + 1):
        added = [
            layer
            for layer in _added(model, k)
            if layer.name.startswith(("stem_", "block1_"))
        ]
        assert any("_conv2_" in layer.name for layer in added)
        for layer in added:
            weights = layer.get_weights()
            layer.set_weights(
                [weight + 0.5 * rng.random(weight.shape) for weight in weights]
            )
            after = _logits(model, x)
            layer.set_weights(weights)
            for stage, (old, new) in enumerate(
                zip(before, after, strict=True), start=1
            ):
                changed = np.abs(new - old).max()
                if stage < k:
                    assert changed == 0, (layer.name, stage)
                else:
                    assert changed > 1e-5, (layer.name, stage)


@every_nesting
def test_stages_have_their_share_of_the_channels(nesting):
    width, depth = NESTINGS[nesting][-1]
    settings = _settings(nesting, filters=(2 * width, 6 * width))
    model = _net(nesting, **settings)
    for k, (own_width, own_depth) in enumerate(NESTINGS[nesting], start=1):
        channels = {}
        for operation in model.stage_operations(k):
            if isinstance(operation, keras.layers.Conv2D):
                name = operation.name.split("_stage")[0]
                if "_transition" not in name:
                    channels.setdefault(name, []).append(operation.filters)
        blocks = zip(settings["units"], settings["filters"], strict=True)
        expected = {
            f"block{b}_unit{unit}_conv{index}": own_width * full // width
            for b, (count, full) in enumerate(blocks, start=1)
            for unit in range(1, count + 1, depth // own_depth)
            for index in (1, 2)
        }
        expected["stem"] = 2 * own_width
        assert {
            name: sum(slices) for name, slices in channels.items()
        } == expected
        head = model.get_layer(f"stage_{k}")
        assert head.kernel.shape == (6 * own_width, 3)


@pytest.mark.slow
def test_the_default_is_sparse_resnet_98():
    model = ka.nets.sparse_resnet((32, 32, 3), 10)
    assert model.num_stages == 4
    for k, count in enumerate((12, 24, 48, 96), start=1):
        assert len(_positions(model, k)) == count
        transitions = [
            layer.name
            for layer in _added(model, k)
            if layer.name.endswith("_conv") and "transition" in layer.name
        ]
        assert transitions == [
            f"block{b}_transition_stage{k}_conv" for b in (1, 2)
        ]
    # The stem and the head are the other two layers of the 98.
    kernels = {
        layer.name.split("_stage")[0]
        for layer in model.stage(4).layers
        if hasattr(layer, "kernel") and "transition" not in layer.name
    }
    assert len(kernels) == 98


PAPER = [
    ("depth_sparse_resnet98", (12, 24, 48, 96), (64,) * 4),
    (
        "alternating_sparse_resnet98",
        (24, 24, 48, 48, 96),
        (16, 32, 32, 64, 64),
    ),
    ("simultaneous_sparse_resnet98", (24, 48, 96), (16, 32, 64)),
    ("depth_sparse_resnet66_imagenet", (16, 32, 64), (512,) * 3),
]


@pytest.mark.parametrize(
    ("name", "depths", "widths"),
    sampled(PAPER, lambda case: case[0] == "simultaneous_sparse_resnet98"),
)
def test_networks_of_the_paper(name, depths, widths):
    # Wan 2020, Table 1 and Section 5.4; 98 = 96 + 2, 66 = 64 + 2.
    model = ka.nets.get(name)
    stages = range(1, model.num_stages + 1)
    assert tuple(len(_positions(model, k)) for k in stages) == depths
    heads = [model.get_layer(f"stage_{k}") for k in stages]
    assert tuple(head.kernel.shape[0] for head in heads) == widths


@every_nesting
def test_steps_cost_the_whole_network_and_the_heads_before(nesting):
    model = _net(nesting)
    assert model.interruptible
    costs = stage_costs(model)
    heads = [
        np.prod(model.get_layer(f"stage_{k}").kernel.shape)
        for k in range(1, model.num_stages + 1)
    ]
    for k in range(1, model.num_stages + 1):
        assert sum(cost.step_macs for cost in costs[:k]) == (
            costs[k - 1].macs + sum(heads[: k - 1])
        )
    macs = [cost.macs for cost in costs]
    assert macs == sorted(set(macs))


@pytest.mark.parametrize(
    ("size", "stem"),
    sampled(
        list(
            itertools.product([(1, 1), (5, 8), (33, 17)], ["cifar", "imagenet"])
        ),
        [((5, 8), "cifar"), ((33, 17), "imagenet")],
    ),
)
def test_any_size_and_label_sets(size, stem):
    model = _net(
        "w1d1-w2d2-w4d4",
        (*size, 2),
        {"fine": 5, "coarse": 2},
        stem=stem,
        filters=(4, 8),
    )
    outputs = _logits(model, _images((*size, 2)))
    assert [output.shape for output in outputs] == [(4, 5), (4, 2)] * 3
    assert model.output_names == [
        f"stage_{k}_{name}" for k in (1, 2, 3) for name in ("fine", "coarse")
    ]
