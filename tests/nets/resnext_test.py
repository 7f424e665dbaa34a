"""The three networks of Lee and Shin, against the equations of their paper."""

import re

import keras
import numpy as np
import pytest

import keras_anytime as ka
from keras_anytime.evaluation import stage_costs
from keras_anytime.layers import SharedConv2D
from keras_anytime.nets import resnext
from tests.layers.references import grouped_by_hand
from tests.testing import sampled

TINY = {
    "units": (1, 1),
    "filters": (8, 16),
    "branches": 4,
    "branch_filters": 2,
}


def _randomized(model):
    rng = np.random.default_rng(1)
    model.set_weights(
        [rng.uniform(0.2, 1.0, w.shape) for w in model.get_weights()]
    )
    return model


def _active(model, name, x):
    """BN-ReLU by hand."""
    norm = model.get_layer(f"{name}_bn")
    gamma, beta, mean, variance = norm.get_weights()
    scaled = (x - mean) / np.sqrt(variance + norm.epsilon)
    return np.maximum(gamma * scaled + beta, 0)


def _halved(x, width):
    """2x2 average pooling, and channels of zeros."""
    batch, height, _, channels = x.shape
    x = x.reshape(batch, height // 2, 2, height // 2, 2, channels)
    x = x.mean(axis=(2, 4))
    return np.pad(x, ((0, 0), (0, 0), (0, 0), (0, width - channels)))


def _classified(model, k, features):
    kernel, bias = model.get_layer(f"stage_{k}").get_weights()
    return features.mean(axis=(1, 2)) @ kernel + bias


def test_subnetworks_of_i_resnext_sum_their_branches():
    # x + sum of F(x; w_i, u_{i,k}) over the first C_k branches, each 1x1, 3x3,
    # 1x1 after BN-ReLU of subnetwork k's own (Section 3.1).
    model = _randomized(
        ka.nets.inclusive_resnext((8, 8, 3), 5, **TINY, num_stages=2)
    )
    image = np.random.default_rng(0).standard_normal((2, 8, 8, 3)).astype("f")
    expected = []
    for k in (1, 2):
        x = np.asarray(model.get_layer("stem_stage1_conv")(image))
        for block, inner in ((1, 2), (2, 4)):
            if block > 1:
                x = _halved(x, 16)
            unit = f"block{block}_unit1"
            a = _active(model, f"{unit}_in_stage{k}", x)
            total = x
            for branch in range(2 * k):
                owner, place = branch // 2 + 1, branch % 2
                own = slice(place * inner, (place + 1) * inner)
                inside = slice(branch * inner, (branch + 1) * inner)
                first, second, third = (
                    model.get_layer(f"{unit}_kernel{n}_stage{owner}").kernel
                    for n in (1, 2, 3)
                )
                y = a @ np.asarray(first)[0, 0, :, own]
                y = _branch_active(model, f"{unit}_conv1", k, y, inside)
                y = grouped_by_hand(y, np.asarray(second)[..., own], 1)
                y = _branch_active(model, f"{unit}_conv2", k, y, inside)
                total = total + y @ np.asarray(third)[0, 0, own]
            x = total
        expected.append(
            _classified(model, k, _active(model, f"final_stage{k}", x))
        )
    for got, want in zip(model(image), expected, strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-4)


def _branch_active(model, name, k, x, inside):
    """BN-ReLU of the channels of one branch."""
    norm = model.get_layer(f"{name}_stage{k}_bn")
    gamma, beta, mean, variance = (w[inside] for w in norm.get_weights())
    scaled = (x - mean) / np.sqrt(variance + norm.epsilon)
    return np.maximum(gamma * scaled + beta, 0)


def test_is_resnext_computes_the_equations_of_section_3_2():
    stages = 2
    model = _randomized(
        ka.nets.inclusive_sparse_resnext(
            (8, 8, 3), 5, **TINY, num_stages=stages
        )
    )
    image = np.random.default_rng(0).standard_normal((2, 8, 8, 3)).astype("f")
    x = [
        np.asarray(model.get_layer(f"stem_stage{k}_conv")(image))
        for k in (1, 2)
    ]
    for block, inner in ((1, 2), (2, 4)):
        if block > 1:
            x = [_halved(own, 16 // stages) for own in x]
        unit = f"block{block}_unit1"
        active = [
            _active(model, f"{unit}_in_stage{k}", own)
            for k, own in enumerate(x, start=1)
        ]
        b = []
        for i in range(1, 4 + 1):
            # a_i reads x_1 .. x_ceil(i K / C).
            reads = -(-i * stages // 4)
            joined = np.concatenate(active[:reads], axis=-1)
            own = slice((i - 1) % 2 * inner, ((i - 1) % 2 + 1) * inner)
            first, second = (
                np.asarray(
                    model.get_layer(f"{unit}_conv{n}_stage{reads}").kernel
                )[..., own]
                for n in (1, 2)
            )
            a = _branch_active(
                model, f"{unit}_conv1", reads, joined @ first[0, 0], own
            )
            a = grouped_by_hand(a, second, 1)
            b.append(_branch_active(model, f"{unit}_conv2", reads, a, own))
        for k in (1, 2):
            # y_k reads b_{(k-1) C / K + 1} .. b_{k C / K}, and adds x_k.
            mine = np.concatenate(b[(k - 1) * 2 : k * 2], axis=-1)
            third = model.get_layer(f"{unit}_conv3_stage{k}").kernel
            x[k - 1] = x[k - 1] + mine @ np.asarray(third)[0, 0]
    final = [
        _active(model, f"final_stage{k}", own) for k, own in enumerate(x, 1)
    ]
    for k, got in enumerate(model(image), start=1):
        want = _classified(model, k, np.concatenate(final[:k], axis=-1))
        np.testing.assert_allclose(got, want, rtol=1e-4)


def test_a_slice_of_is_resnext_reads_no_later_one():
    inputs = [keras.Input((4, 4, 3)) for _ in range(3)]
    outputs = resnext.branched_unit(inputs, 2, 2, (1, 2, 3), l2=0, name="unit1")
    model = keras.Model(inputs, outputs)
    rng = np.random.default_rng(0)
    model.set_weights(
        [rng.uniform(0.2, 1.0, w.shape) for w in model.get_weights()]
    )
    x = [rng.uniform(0.5, 1, (1, 4, 4, 3)).astype("f") for _ in range(3)]
    before = model(x)
    for changed in range(3):
        other = list(x)
        other[changed] = x[changed] + 1.0
        for k, (new, old) in enumerate(zip(model(other), before, strict=True)):
            assert np.allclose(new, old) == (changed > k)


def test_i_resnext_shares_kernels_and_nothing_else():
    model = ka.nets.inclusive_resnext((8, 8, 3), 5, **TINY, num_stages=4)
    owners = {}
    for k in (1, 2, 3, 4):
        for variable in model.stage(k).variables:
            owners.setdefault(variable.path, []).append(k)
    for path, stages in owners.items():
        if "_kernel" in path.split("/")[0]:
            first = int(path.split("/")[0].rsplit("_stage", 1)[1])
            assert stages == list(range(first, 5))
        elif "_bn/" in path or path.startswith("stage_"):
            assert len(stages) == 1
        else:
            assert path.startswith("stem_") and stages == [1, 2, 3, 4]
    assert not model.interruptible


@pytest.mark.parametrize("depth", sampled([3, 9], [3]))
@pytest.mark.parametrize(
    "build", [ka.nets.inclusive_sparse_resnext, ka.nets.shallow_resnext]
)
def test_there_are_3_l_plus_2_layers(build, depth):
    model = build(
        (32, 32, 3), 10, units=(depth // 3,) * 3, filters=(48, 96, 192)
    )
    for k in range(1, model.num_stages + 1):
        convolutions = {
            op.name.split("_stage")[0]
            for op in model.stage_operations(k)
            if isinstance(op, keras.layers.Conv2D)
        }
        units = depth
        if build is ka.nets.shallow_resnext:
            units = k + 1  # Heads after all units but the first.
        assert len(convolutions) + 1 == 3 * units + 2


@pytest.mark.slow
def test_i_resnext_has_3_l_plus_2_layers_in_every_pass():
    model = ka.nets.get("inclusive_resnext29")
    for k in range(1, 9):
        convolutions = [
            op
            for op in model.stage_operations(k)
            if isinstance(op, (keras.layers.Conv2D, SharedConv2D))
        ]
        assert len(convolutions) + 1 == 29
    assert model.num_stages == 8


def test_resnext_29_has_the_published_size():
    # Xie et al., 2017, Table 7: ResNeXt-29, 8x64d has 34.4 M parameters. Its
    # stem has 64 channels, the first 1x1 of each scale reads the channels of
    # the scale before, and shortcuts that widen are projections; here zeros
    # widen them, and that 1x1 reads all.
    model = ka.nets.shallow_resnext(
        (32, 32, 3),
        10,
        filters=(256, 512, 1024),
        branches=8,
        branch_filters=64,
    )
    ours = stage_costs(model)[-1].parameters
    stems = 27 * (256 - 64)
    first_1x1 = 512 * (256 - 64) + 1024 * 256 + 2048 * 512
    projections = 64 * 256 + 256 * 512 + 512 * 1024
    assert ours - stems - first_1x1 + projections == pytest.approx(
        34.4e6, rel=0.002
    )


@pytest.mark.slow
def test_is_resnext_of_the_papers():
    # Appendix B: L = 15, W = 96, K = 6 for CIFAR; L = 20, W = 160, K = 5 for
    # ImageNet; L = 16, W = 192, K = 6 for CUB.
    for name, blocks, width, stages, scales in (
        ("inclusive_sparse_resnext47", 15, 96, 6, (1, 2, 4)),
        ("inclusive_sparse_resnext62_imagenet", 20, 160, 5, (1, 2, 4, 4)),
        ("inclusive_sparse_resnext50_cub", 16, 192, 6, (1, 2, 4, 4)),
    ):
        model = ka.nets.get(name)
        assert model.num_stages == stages
        stems = [
            layer.filters
            for layer in model.layers
            if layer.name.startswith("stem_") and hasattr(layer, "filters")
        ]
        assert stems == [width // stages] * stages
        units = [
            layer
            for layer in model.layers
            if layer.name.endswith("_add_stage1")
        ]
        assert [layer.output.shape[-1] for layer in units] == [
            width * factor // stages
            for factor in scales
            for _ in range(blocks // len(scales))
        ]
        sizes = [layer.output.shape[1] for layer in units]
        assert sizes[:: blocks // len(scales)] == (
            [32, 16, 8] if len(scales) == 3 else [56, 28, 14, 7]
        )


@pytest.mark.parametrize(
    ("build", "arguments", "message"),
    [
        ("inclusive_resnext", {"num_stages": 3}, "multiple of 3.*branches=4"),
        (
            "inclusive_sparse_resnext",
            {"num_stages": 3},
            r"multiple of 3.*filters=\(8, 16\)",
        ),
        (
            "inclusive_sparse_resnext",
            {"num_stages": 2, "branches": 3},
            "multiple of 2.*branches=3",
        ),
        ("shallow_resnext", {"units": (1, 1, 1)}, "one number for each block"),
        ("shallow_resnext", {"filters": (16, 8)}, "must not decrease"),
        (
            "shallow_resnext",
            {"units": (1,), "filters": (8,)},
            r"2 or more in total.*units=\(1,\)",
        ),
        ("shallow_resnext", {"branch_filters": 0}, "branch_filters=0"),
        ("shallow_resnext", {"stem": "tiny"}, "stem='tiny'"),
        (
            "inclusive_resnext",
            {"num_stages": 2, "normalization": "none"},
            "normalization='none'",
        ),
    ],
)
def test_wrong_arguments_are_refused(build, arguments, message):
    with pytest.raises(ValueError, match=message):
        getattr(ka.nets, build)((8, 8, 3), 5, **{**TINY, **arguments})


def _shared(stages=3):
    return ka.nets.inclusive_resnext(
        (8, 8, 3),
        5,
        num_stages=stages,
        units=(1, 1),
        filters=(6, 12),
        branches=3,
        branch_filters=2,
        normalization="shared",
    )


def test_shared_normalizations_are_those_of_the_branches():
    # Section 3.1: u_i instead of u_{i,k}. Classifiers are each subnetwork's
    # own, with their normalization.
    model = _shared()
    names = {
        layer.name
        for layer in model.layers
        if isinstance(layer, keras.layers.BatchNormalization)
    }
    units = [f"block{b}_unit1" for b in (1, 2)]
    inside = [
        f"{unit}_conv{n}_stage{k}_bn"
        for unit in units
        for n in (1, 2)
        for k in (1, 2, 3)
    ]
    ends = [f"final_stage{k}_bn" for k in (1, 2, 3)]
    assert names == {f"{unit}_in_stage1_bn" for unit in units} | {
        *inside,
        *ends,
    }
    for k in (1, 2, 3):
        held = {op.name for op in model.stage_operations(k)} & set(inside)
        assert held == {n for n in inside if int(n[-4]) <= k}
    # The same function as with independent ones of equal weights.
    other = ka.nets.inclusive_resnext(
        (8, 8, 3), 5, 3, (1, 1), (6, 12), branches=3, branch_filters=2
    )
    _randomized(model)
    for layer in other.layers:
        found = re.fullmatch(
            r"(block\d_unit1_(in|conv\d))_stage(\d)_bn", layer.name
        )
        if not found:
            layer.set_weights(model.get_layer(layer.name).get_weights())
            continue
        count = 1 if found[2] == "in" else int(found[3])
        parts = [
            model.get_layer(f"{found[1]}_stage{k}_bn").get_weights()
            for k in range(1, count + 1)
        ]
        layer.set_weights(
            [np.concatenate(values) for values in zip(*parts, strict=True)]
        )
    x = np.random.default_rng(0).standard_normal((4, 8, 8, 3)).astype("f")
    for training in (False, True):
        for got, want in zip(
            model(x, training=training),
            other(x, training=training),
            strict=True,
        ):
            np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5)


def test_each_pass_updates_the_moving_statistics_that_it_shares():
    model = _shared()
    x = np.random.default_rng(0).standard_normal((4, 8, 8, 3)).astype("f")
    # The first unit reads the same stem in all passes; of its branches, the
    # passes 2 and 3 have those of stage 2.
    features = np.asarray(model.get_layer("stem_stage1_conv")(x), "float64")
    mean = features.mean(axis=(0, 1, 2))
    model(x, training=True)
    moving = model.get_layer("block1_unit1_in_stage1_bn").moving_mean
    np.testing.assert_allclose(moving, (1 - 0.9**3) * mean, rtol=1e-4)
    active = np.maximum(
        (features - mean) / np.sqrt(features.var(axis=(0, 1, 2)) + 1e-5), 0
    )
    for k, updates in ((1, 3), (2, 2), (3, 1)):
        kernel = model.get_layer(f"block1_unit1_kernel1_stage{k}").kernel
        mean = (active @ np.asarray(kernel)[0, 0]).mean(axis=(0, 1, 2))
        moving = model.get_layer(f"block1_unit1_conv1_stage{k}_bn").moving_mean
        np.testing.assert_allclose(
            moving, (1 - 0.9**updates) * mean, rtol=1e-3, atol=1e-6
        )


@pytest.mark.slow
def test_shared_normalizations_are_exported_and_pictured(tmp_path):
    model = _randomized(_shared())
    x = np.random.default_rng(0).standard_normal((1, 8, 8, 3)).astype("f")
    ka.export.tflite(model, tmp_path / "model.tflite")
    with ka.runtime.AnytimePredictor(tmp_path / "model.tflite") as predictor:
        answers = list(predictor.stream(x[0]))
    for answer, wanted in zip(answers, model(x), strict=True):
        np.testing.assert_allclose(answer.logits, wanted[0], rtol=1e-4)
    ka.nets.plot_structure(model, tmp_path / "structure.png")


def test_resnext_is_the_whole_of_i_resnext():
    # `resnext29` and `resnext65` are IS-ResNeXt of one stage, which nothing
    # makes sparse.
    plain = ka.nets.inclusive_sparse_resnext((8, 8, 3), 5, 1, **TINY)
    whole = ka.nets.inclusive_resnext((8, 8, 3), 5, 1, **TINY)
    assert plain.interruptible and whole.interruptible
    _randomized(whole)
    for layer in plain.layers:
        if not layer.weights:
            continue
        source = layer.name.replace("_conv", "_kernel")
        if layer.name.endswith("_bn") or layer.name in (
            "stem_stage1_conv",
            "stage_1",
        ):
            source = layer.name
        layer.set_weights(whole.get_layer(source).get_weights())
    x = np.random.default_rng(0).standard_normal((2, 8, 8, 3)).astype("f")
    np.testing.assert_allclose(plain(x), whole(x), rtol=1e-4)
