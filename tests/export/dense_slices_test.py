"""Programs in dense form: the same answers from fewer, wider layers."""

import collections
import tempfile

import keras
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

import keras_anytime as ka
from keras_anytime.export import litert
from keras_anytime.export import programs
from keras_anytime.export.dense_slices import dense_slices
from keras_anytime.export.exported_network import ExportedNetwork
from keras_anytime.layers import SlicedConv2D
from keras_anytime.layers import SlicedDense
from keras_anytime.stages import graph
from keras_anytime.stages.subset import subset
from tests.conformance.catalogue import NETWORKS
from tests.conformance.catalogue import VARIANTS
from tests.testing import hierarchical_net
from tests.testing import macs_by_name
from tests.testing import passes_net
from tests.testing import sampled
from tests.testing import scramble
from tests.testing import tiny_net

OTHERS = {
    "hierarchical_slices": hierarchical_net,
    "passes": passes_net,
    "sparse_resnet_wide": lambda: _sparse("w1d1-w2d1-w4d1", 2),
    "sparse_resnet_in_turn": lambda: _sparse("w1d1-w2d2-w4d2-w4d4", 4),
}
ALL = {**NETWORKS, **VARIANTS, **OTHERS}


def _sparse(nesting, units):
    return ka.nets.sparse_resnet(
        (8, 8, 1), 10, nesting=nesting, units=(units, units), filters=(8, 16)
    )


def _programs(model):
    return ExportedNetwork(model, dense_kernels=False).programs


def _part(model, *stages):
    part, _ = subset(model, stages)
    return part


def _example(program, batch_size=2):
    rng = np.random.default_rng(0)
    return {
        name: rng.uniform(-1, 1, (batch_size, *tensor.shape[1:])).astype("f")
        for name, tensor in program.input.items()
    }


def _assert_equivalent(dense, program):
    for got, want in (
        (dense.input, program.input),
        (dense.output, program.output),
    ):
        assert list(got) == list(want)
        for name, tensor in want.items():
            assert got[name].shape == tensor.shape
            assert got[name].dtype == tensor.dtype
    x = _example(program)
    got, want = dense(x), program(x)
    for name, values in want.items():
        largest = np.abs(values).max()
        np.testing.assert_allclose(got[name], values, atol=1e-5 * largest)


def _counts(program):
    """The number of operations of each class in a program."""
    return collections.Counter(
        type(operation).__name__ for operation in program.operations
    )


def _convolutions(program):
    return [
        layer
        for layer in program.layers
        if isinstance(layer, keras.layers.Conv2D)
    ]


@pytest.mark.parametrize(
    "name",
    sampled(
        list(ALL),
        ["width_nested_resnet", "passes"],
    ),
)
def test_every_program_gives_the_same_answers(name):
    for program in _programs(scramble(ALL[name]())).values():
        dense = dense_slices(program)
        _assert_equivalent(dense, program)
        assert len(_convolutions(dense)) <= len(_convolutions(program))
        assert type(dense) is type(program)


PARTS = [
    ("width_nested_resnet", (1, 3)),
    ("width_nested_resnet", (2, 3)),
    ("width_nested_resnet_even", (2, 4)),
    ("width_nested_resnet_imagenet", (1, 3)),
    ("sparse_resnet_alternating", (2, 4)),
    ("sparse_resnet_alternating", (1, 3)),
    ("sparse_resnet_wide", (1, 3)),
    ("sparse_resnet_in_turn", (2, 4)),
    ("inclusive_sparse_resnext_of_three_stages", (1, 3)),
    ("inclusive_sparse_resnext_of_three_stages", (2, 3)),
    ("msdnet_of_three_stages", (1, 3)),
    ("shallow_resnext", (2, 3)),
]


@pytest.mark.parametrize(
    ("name", "stages"),
    sampled(
        PARTS,
        [("width_nested_resnet", (1, 3)), ("shallow_resnext", (2, 3))],
    ),
)
def test_steps_between_chosen_stages_give_the_same_answers(name, stages):
    part = _part(scramble(ALL[name]()), *stages)
    for k in (1, 2):
        program = part.step(k)
        _assert_equivalent(dense_slices(program), program)


def test_a_step_of_several_slices_is_one_layer_each():
    model = scramble(tiny_net())
    step = _part(model, 1, 3).step(2)
    of_one_slice = _counts(model.step(3))
    counts = _counts(dense_slices(step))
    assert counts["Conv2D"] == of_one_slice["SlicedConv2D"]
    assert counts["BatchNormalization"] == of_one_slice["BatchNormalization"]
    assert counts["GetItem"] == 0


@pytest.mark.parametrize(
    ("unit", "units", "nesting"),
    sampled(
        [
            ("basic", (2, 2, 1), "w1-w2-w4"),
            ("basic", (1, 1, 1), "w1-w2-w3-w4"),
            ("bottleneck", (2, 1, 1), "w1-w2-w4"),
        ],
        lambda case: case[1:] != ((2, 2, 1), "w1-w2-w4"),
    ),
)
def test_a_width_nested_network_becomes_an_ordinary_resnet(
    unit, units, nesting
):
    filters = (16, 32, 64)
    model = ka.nets.width_nested_resnet(
        (8, 8, 3), 10, nesting=nesting, units=units, filters=filters, unit=unit
    )
    program = _programs(model)[f"subnet_{model.num_stages}"]
    dense = dense_slices(program)
    counts = _counts(dense)
    per_unit = {"basic": 2, "bottleneck": 3}[unit]
    # With bottlenecks the stem is narrower than the first unit.
    projections = 2 if unit == "basic" else 3
    assert counts["Conv2D"] == 1 + per_unit * sum(units) + projections
    assert counts["BatchNormalization"] == 1 + per_unit * sum(units)
    assert counts["Add"] == sum(units)
    assert counts["GlobalAveragePooling2D"] == counts["Dense"] == 1
    assert not counts["Concatenate"] + counts["GetItem"]
    assert sum(macs_by_name(dense).values()) == _resnet_macs(
        8, units, filters, unit
    )


def _resnet_macs(size, units, filters, unit):
    """Multiply-adds of an ordinary ResNet of full width, by hand."""
    width = filters[0] // (4 if unit == "bottleneck" else 1)
    macs = size**2 * 9 * 3 * width
    for block, (count, channels) in enumerate(zip(units, filters, strict=True)):
        for index in range(count):
            strides = 2 if block and not index else 1
            before, size = size, size // strides
            if unit == "basic":
                macs += size**2 * 9 * (width + channels) * channels
            else:
                inner = channels // 4
                macs += before**2 * width * inner
                macs += size**2 * (9 * inner * inner + inner * channels)
            if strides > 1 or width != channels:
                macs += size**2 * width * channels
            width = channels
    return macs + width * 10


def test_widths_of_a_sparse_network_merge_at_equal_depth():
    by_name = _programs(VARIANTS["sparse_resnet_alternating"]())
    first = _counts(by_name["subnet_1"])
    second = _counts(dense_slices(by_name["subnet_2"]))
    for merged in ("BatchNormalization", "ReLU", "Add"):
        assert second[merged] == first[merged]
    assert second["Conv2D"] == first["SlicedConv2D"]
    assert not second["Concatenate"] + second["GetItem"]
    # What joined the widths for a deeper stage finds them joined.
    third = _counts(dense_slices(by_name["subnet_3"]))
    assert not third["Concatenate"] + third["GetItem"]


def test_heads_of_label_sets_read_wide_features():
    program = _programs(hierarchical_net())["subnet_3"]
    dense = dense_slices(program)
    counts = _counts(dense)
    assert counts["Conv2D"] == counts["Dense"] == 2
    assert counts["GlobalAveragePooling2D"] == 1
    assert not counts["Concatenate"] + counts["GetItem"]


def test_zeros_where_a_slice_would_read_a_later_one():
    model = scramble(tiny_net())
    dense = dense_slices(_programs(model)["subnet_3"])
    name = "block1_unit1_conv1_stage{}"
    kernel = dense.get_layer(name.format(1) + "_wide").get_weights()[0]
    assert kernel.shape == (3, 3, 8, 8)
    ends = [0, 2, 4, 8]
    for k, (start, stop) in enumerate(zip(ends, ends[1:], strict=False), 1):
        own = model.get_layer(name.format(k)).get_weights()[0]
        block = kernel[..., start:stop]
        np.testing.assert_array_equal(block[:, :, :stop], own)
        assert not block[:, :, stop:].any()


def test_the_programs_own_variables_are_left_alone():
    model = scramble(tiny_net())
    before = model.get_weights()
    program = _programs(model)["subnet_3"]
    dense = dense_slices(program)
    assert not {id(v) for v in dense.weights} & {id(v) for v in model.weights}
    dense.set_weights([0 * weight for weight in dense.get_weights()])
    for got, want in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(got, want)
    assert not graph.repeated(program)
    _assert_equivalent(dense_slices(program), program)


def test_the_dense_form_is_the_same_each_time():
    program = _programs(scramble(ALL["sparse_resnet"]()))["subnet_3"]
    first, second = (dense_slices(program) for _ in range(2))
    assert [convolution.name for convolution in _convolutions(first)] == [
        convolution.name for convolution in _convolutions(second)
    ]


def test_a_litert_file_gives_the_same_answers():
    part = _part(scramble(tiny_net()), 2, 3)
    by_name = _programs(part)
    dense = {name: dense_slices(program) for name, program in by_name.items()}
    with tempfile.TemporaryDirectory() as folder:
        programs.write_saved_model(dense, folder, 1)
        content = litert.convert(folder, list(dense))
    interpreter = Interpreter(model_content=content)
    for name, program in by_name.items():
        x = _example(program, 1)
        got = interpreter.get_signature_runner(name)(**x)
        want = program(x)
        assert set(got) == set(want)
        for key, values in want.items():
            largest = np.abs(values).max()
            np.testing.assert_allclose(got[key], values, atol=1e-5 * largest)


def test_saved_and_loaded(tmp_path):
    program = _part(scramble(tiny_net()), 2, 3).step(1)
    dense_slices(program).save(tmp_path / "dense.keras")
    loaded = keras.saving.load_model(tmp_path / "dense.keras")
    _assert_equivalent(loaded, program)


def _slices(reads, **kwargs):
    """A program of three slices, then convolutions that read as told."""
    image = keras.Input((6, 6, 2), name="image")
    first = [SlicedConv2D(k + 2, 3, name=f"first{k}")(image) for k in range(3)]
    second = [
        SlicedConv2D(3, 1, name=f"second{k}", **kwargs)(
            [first[i] for i in read]
        )
        for k, read in enumerate(reads)
    ]
    x = keras.layers.Concatenate(name="joined")(second)
    x = keras.layers.GlobalAveragePooling2D(name="pool")(x)
    x = SlicedDense(4, name="head")([x])
    return scramble(keras.Model({"image": image}, {"logits": x}))


@pytest.mark.parametrize(
    ("reads", "convolutions"),
    [
        (([0], [0, 1], [0, 1, 2]), 2),
        (([0, 1, 2], [0, 1], [0]), 2),
        (([0, 1, 2], [0, 1, 2]), 2),
        (([0], [0, 1, 2]), 2),
        # Not the first of the same: each stays a convolution of its own.
        (([0], [1], [2]), 6),
        (([1, 0], [0, 1, 2]), 3),
        (([2], [0, 2], [0, 1, 2]), 4),
        (([0, 0], [0, 1], [2, 1, 0]), 4),
    ],
)
def test_what_reads_the_first_of_the_same_slices_is_merged(reads, convolutions):
    program = _slices(reads)
    dense = dense_slices(program)
    _assert_equivalent(dense, program)
    assert len(_convolutions(dense)) == convolutions


def test_activations_over_all_channels_are_not_merged():
    reads = ([0], [0, 1])
    for activation, count in (("relu", 2), ("softmax", 4)):
        program = _slices(reads, activation=activation)
        dense = dense_slices(program)
        _assert_equivalent(dense, program)
        assert len(_convolutions(dense)) == count


@pytest.mark.parametrize("seed", sampled(list(range(12)), range(4)))
def test_random_graphs_of_slices(seed):
    program = _random_program(np.random.default_rng(seed))
    _assert_equivalent(dense_slices(program), program)


def _random_program(rng):
    """Slices through layers of random kinds, that read at random."""
    inputs = {
        name: keras.Input((6, 6, width), name=name)
        for name, width in (("image", 2), ("feature", 3))
    }
    kinds = {
        "norm": lambda: keras.layers.BatchNormalization(),
        "relu": lambda: keras.layers.ReLU(),
        "tanh": lambda: keras.layers.Activation("tanh"),
        "pool": lambda: keras.layers.MaxPooling2D(3, 1, padding="same"),
        "padded": lambda: ka.layers.ChannelPadding(1),
    }
    slices = [
        SlicedConv2D(2, 3, padding="same")(inputs["image"]) for _ in range(3)
    ]
    older = list(slices)
    for _ in range(8):
        kind = rng.choice([*kinds, "conv", "conv", "conv", "mixed", "sum"])
        before, slices = slices, []
        for index, x in enumerate(before):
            if kind == "conv":
                first = [inputs["feature"]] * int(rng.integers(2))
                x = SlicedConv2D(2, 3, padding="same", use_bias=True)(
                    [*before[: index + 1], *first]
                )
            elif kind == "mixed":
                reads = rng.permutation(3)[: rng.integers(1, 4)]
                x = SlicedConv2D(2, 1)([before[read] for read in reads])
            elif kind != "sum":
                x = kinds[kind]()(x)
            elif x.shape == older[index].shape:
                x = keras.layers.Add()([x, older[index]])
            slices.append(x)
        if rng.integers(2):
            older = before
        if rng.integers(4) == 0:
            slices[2] = keras.layers.Concatenate()(slices[1:])
    outputs = {"feature_out": slices[int(rng.integers(3))]}
    x = [keras.layers.GlobalAveragePooling2D()(part) for part in slices]
    outputs["logits"] = SlicedDense(4)(x)
    program = keras.Model({**inputs}, outputs, name="random")
    program.set_weights(
        [
            weight + rng.uniform(-0.2, 0.4, weight.shape)
            for weight in program.get_weights()
        ]
    )
    return program


def test_programs_may_take_pixels():
    model = scramble(tiny_net())
    network = ExportedNetwork(
        model,
        pixels=(6, 6),
        preprocessing={"scale": 255, "mean": [0.5], "std": [0.2]},
        dense_kernels=False,
    )
    program = network.programs["subnet_3"]
    dense = dense_slices(program)
    assert dense.input["image"].dtype == "uint8"
    x = {"image": np.arange(36, dtype="uint8").reshape(1, 6, 6, 1)}
    got, want = dense(x)["logits"], program(x)["logits"]
    np.testing.assert_allclose(got, want, atol=1e-5 * np.abs(want).max())


def test_other_programs_are_refused():
    model = tiny_net()
    with pytest.raises(ValueError, match="dict of tensors. Received: program="):
        dense_slices(model)
    image = keras.Input((4,), name="image")
    layer = keras.layers.Dense(4, name="twice")
    program = keras.Model({"image": image}, {"logits": layer(layer(image))})
    with pytest.raises(ValueError, match=r"repeats \['twice'\]"):
        dense_slices(program)
    x = keras.layers.Dense(4, dtype="mixed_float16", name="half")(image)
    program = keras.Model({"image": image}, {"logits": x})
    with pytest.raises(ValueError, match=r"where \['half'\] do not"):
        dense_slices(program)
