import keras
import numpy as np
import pytest
from keras import layers

import keras_anytime as ka
from keras_anytime.stages.cost import head_costs
from tests.convert import nets
from tests.testing import macs_by_name
from tests.testing import sampled
from tests.testing import scramble


def _inputs(model, count=4):
    """Random inputs of a model, by the names of steps."""
    rng = np.random.default_rng(0)
    names = [layer.name for layer in model.input_layers]
    names = names if len(names) > 1 else ["image"]
    return {
        name: rng.integers(1, 20, (count, *tensor.shape[1:]))
        if tensor.dtype == "int32"
        else rng.standard_normal((count, *tensor.shape[1:])).astype("float32")
        for name, tensor in zip(names, model.inputs, strict=True)
    }


def _check(original, anytime, classes, crossing):
    """The last stage is the original's; steps hand over one tensor each."""
    values = _inputs(anytime)
    given = list(values.values())
    given = given if len(given) > 1 else given[0]
    answers = nets.run(anytime, given)
    assert anytime.output_names == [
        f"stage_{k}" for k in range(1, anytime.num_stages + 1)
    ]
    features = dict(values)
    for k, answer in enumerate(answers, start=1):
        step = anytime.step(k)
        assert set(step.input) - set(values) == set(crossing[k - 2 : k - 1])
        features |= step(features)
        np.testing.assert_allclose(
            features["logits"], answer, rtol=1e-4, atol=1e-5
        )
        assert answer.shape[-1] == classes
        assert answer.dtype == "float32"
    costs = ka.evaluation.stage_costs(anytime)
    heads = [macs for macs, _ in head_costs(costs)]
    whole = sum(macs_by_name(original).values())
    assert costs[-1].macs == whole
    assert sum(c.step_macs for c in costs) == whole + sum(heads)
    for cost, macs, layer in zip(costs, heads, crossing, strict=False):
        points = {p.layer: p for p in ka.convert.cut_points(original)}
        assert cost.macs - macs == points[layer].macs
    return answers[-1], nets.run(original, given)


def _shared(original, anytime):
    """The original's variables that the anytime network has too."""
    ours = {id(variable) for variable in anytime.variables}
    return [id(variable) in ours for variable in original.variables]


@pytest.mark.parametrize(
    "make", sampled([nets.plain, nets.nested], [nets.nested])
)
def test_a_softmax_becomes_logits_with_its_weights(make):
    original = scramble(make())
    cuts = ["base_stem" if make is nets.plain else "mix"]
    cuts.append("base_add0" if make is nets.plain else "inner_add0")
    anytime = ka.convert.add_heads(original, 5, at=cuts, max_head_share=0.9)
    logits, probabilities = _check(original, anytime, 5, cuts)
    np.testing.assert_allclose(
        keras.ops.softmax(logits), probabilities, rtol=1e-5
    )
    # All but the classifier itself, which is another layer now.
    assert _shared(original, anytime) == (
        [True] * (len(original.variables) - 2) + [False] * 2
    )
    top = original.layers[-1].weights[-2:]
    for old, new in zip(top, anytime.get_layer("stage_3").weights, strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize(
    "kind",
    sampled(["layer", "activation", "operation", "linear"], ["operation"]),
)
def test_a_separate_softmax_is_dropped(kind):
    base = nets.plain(top=None)
    x = base.output
    if kind == "layer":
        x = layers.Softmax()(x)
    elif kind == "activation":
        x = layers.Activation("softmax", dtype="float32")(x)
    elif kind == "operation":
        x = keras.ops.softmax(x)
    original = scramble(keras.Model(base.input, x))
    anytime = ka.convert.add_heads(original, 5, at="base_stem", width=None)
    logits, _ = _check(original, anytime, 5, ["base_stem"])
    images = _inputs(anytime)["image"]
    np.testing.assert_allclose(logits, nets.run(base, images), rtol=1e-6)
    assert all(_shared(original, anytime))


def test_series_get_pooled_heads():
    original = nets.series()
    anytime = ka.convert.add_heads(original, 4, at=("relu0", "relu1"))
    logits, want = _check(original, anytime, 4, ["relu0", "relu1"])
    np.testing.assert_array_equal(logits, want)
    assert anytime.get_layer("head_1_pool").output.shape == (None, 8)


def test_tokens_are_normalized_and_averaged():
    original = nets.tokens()
    anytime = ka.convert.add_heads(original, 7, at=("block0", "block1"))
    values = _inputs(anytime)
    answers = nets.run(anytime, values["image"])
    features = dict(values)
    for k, answer in enumerate(answers, start=1):
        step = anytime.step(k)
        assert set(step.input) == ({f"block{k - 2}"} if k > 1 else {"image"})
        features |= step(features)
        np.testing.assert_allclose(features["logits"], answer, atol=1e-5)
    for k in (1, 2, 3):
        head = anytime.get_layer(f"head_{k}_norm")
        assert isinstance(head, layers.LayerNormalization)


def test_a_model_of_two_inputs():
    original = scramble(nets.two_inputs())
    anytime = ka.convert.add_heads(original, 3, at=("conv0", "conv1"))
    logits, want = _check(original, anytime, 3, ["conv0", "conv1"])
    np.testing.assert_allclose(keras.ops.softmax(logits), want, rtol=1e-5)
    assert set(anytime.step(1).input) == {"picture"}
    assert set(anytime.step(3).input) == {"conv1", "table"}


def test_a_table_with_a_regression():
    original = nets.table()
    task = ka.tasks.Regression()
    anytime = ka.convert.add_heads(original, task, at=("dense0", "dense1"))
    logits, want = _check(original, anytime, 1, ["dense0", "dense1"])
    np.testing.assert_array_equal(logits, want)
    assert anytime.tasks == {None: task}


def test_a_regression_keeps_a_sigmoid_that_it_was_made_with():
    x = keras.Input((6,))
    y = layers.Dense(16, name="hidden")(x)
    model = keras.Model(x, layers.Dense(1, activation="sigmoid")(y))
    task = ka.tasks.Regression()
    anytime = ka.convert.add_heads(model, task, at="hidden")
    rows = _inputs(anytime)["image"]
    np.testing.assert_array_equal(
        nets.run(anytime, rows)[-1], nets.run(model, rows)
    )


@pytest.mark.parametrize("top", sampled([True, False], [True]))
def test_a_segmentation_answers_at_the_positions_of_the_labels(top):
    original = nets.segmenter()
    if not top:
        last = original.get_layer("last").output
        original = keras.Model(original.input, last)
    task = ka.tasks.Segmentation(3)
    anytime = ka.convert.add_heads(
        original, task, at="first_relu", max_head_share=0.9, top=top
    )
    assert all(
        tuple(output.shape) == (None, 8, 8, 3) for output in anytime.outputs
    )
    images = _inputs(anytime)["image"]
    logits = nets.run(anytime, images)[-1]
    if top:
        np.testing.assert_allclose(
            keras.ops.softmax(logits),
            nets.run(original, images),
            rtol=1e-5,
        )


def _encoder():
    """A segmentation network with a thin bottleneck and no skips."""
    image = keras.Input((10, 8, 3))
    x = layers.Conv2D(8, 3, 2, padding="same", name="down")(image)
    x = layers.Conv2D(8, 3, (2, 1), padding="same", name="deep")(x)
    x = layers.Conv2D(8, 3, padding="same", name="deeper")(x)
    x = layers.Resizing(10, 8, name="up")(x)
    return keras.Model(image, layers.Conv2D(4, 1, name="classes")(x))


def test_answers_of_a_smaller_cut_are_resized():
    anytime = ka.convert.add_heads(
        _encoder(),
        ka.tasks.Segmentation(4),
        at=("down", "deep"),
        max_head_share=0.9,
    )
    shapes = [tuple(output.shape) for output in anytime.outputs]
    assert shapes == [(None, 10, 8, 4)] * 3
    # 5 x 4 positions become 10 x 8, and 3 x 4 as well.
    assert isinstance(anytime.get_layer("stage_1"), layers.UpSampling2D)
    assert isinstance(anytime.get_layer("stage_2"), layers.Resizing)


def test_a_model_without_top_gets_heads_for_label_sets():
    anytime = ka.convert.add_heads(
        nets.base(), {"fine": 6, "coarse": 2}, at="base_add0"
    )
    assert anytime.label_sets == ("fine", "coarse")
    assert anytime.num_stages == 2


def test_pooled_features_are_no_top():
    base = nets.base()
    x = layers.ReLU()(base.output)
    x = layers.GlobalAveragePooling2D()(x)
    model = keras.Model(base.input, x)
    for classes in (4, 16):  # 16 is the number of features.
        anytime = ka.convert.add_heads(model, classes, at="base_add0")
        assert anytime.get_layer("stage_2").kernel.shape == (16, classes)
    anytime = ka.convert.add_heads(model, 16, at="base_add0", top=True)
    assert not anytime.get_layer("stage_2").weights


def test_an_own_head_is_used():
    def head(x, stage):
        x = layers.Flatten(name=f"flat_{stage}")(x)
        return layers.Dense(stage + 1, name=f"own_{stage}")(x)

    anytime = ka.convert.add_heads(
        nets.base(), 3, at="base_add0", head=head, max_head_share=0.9
    )
    shapes = [
        tuple(anytime.get_layer(f"stage_{k}").kernel.shape) for k in (1, 2)
    ]
    assert shapes == [(2, 3), (3, 3)]


def test_a_thin_cut_is_widened_as_far_as_its_share_allows():
    network = nets.base(size=16)
    widths = []
    for share in (0.02, 0.13, 0.4):
        anytime = ka.convert.add_heads(
            network, 3, at="base_add0", width=24, max_head_share=share
        )
        widths.append(anytime.get_layer("head_1_pool").output.shape[-1])
        costs = ka.evaluation.stage_costs(anytime)
        macs, _ = head_costs(costs)[0]
        assert 0 < macs <= share * costs[0].step_macs
    assert widths[0] == 8
    assert widths == sorted(widths)
    assert widths[-1] == 24


def test_layers_may_have_the_names_of_answers_and_heads():
    image = keras.Input((8, 8, 3), name="pixels")
    x = layers.Conv2D(8, 3, padding="same", name="head_1_pool")(image)
    x = layers.Conv2D(8, 3, padding="same", name="logits_")(x)
    x = layers.Conv2D(8, 3, padding="same", name="deep")(x)
    x = layers.GlobalAveragePooling2D()(x)
    model = keras.Model(image, layers.Dense(3, name="logits")(x))
    anytime = ka.convert.add_heads(model, 3, at="logits_")
    assert set(anytime.step(2).input) == {"logits_"}
    given = _inputs(anytime)
    features = given | anytime.step(1)(given)
    features |= anytime.step(2)(features)
    np.testing.assert_allclose(
        features["logits"],
        nets.run(model, given["image"]),
        rtol=1e-5,
    )


@pytest.mark.slow
def test_a_converted_network_is_saved_and_trained(tmp_path):
    anytime = ka.convert.add_heads(nets.nested(), 5, at="inner_add0")
    anytime.compile(
        "sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    )
    images = _inputs(anytime)["image"]
    anytime.fit(images, np.arange(4), verbose=0)
    anytime.save(tmp_path / "anytime.keras")
    again = ka.load_model(tmp_path / "anytime.keras")
    for ours, theirs in zip(
        nets.run(anytime, images),
        nets.run(again, images),
        strict=True,
    ):
        np.testing.assert_array_equal(ours, theirs)
    assert list(again.step(2).input) == list(anytime.step(2).input)


def _two_outputs():
    network = nets.base()
    return keras.Model(network.input, [network.output, network.output])


def _named_stage():
    image = keras.Input((4,))
    x = layers.Dense(8, name="stage_1")(image)
    return keras.Model(image, layers.Dense(2)(x))


def _other_axis():
    image = keras.Input((4, 4, 2))
    x = layers.Conv2D(8, 1, name="deep")(image)
    x = layers.Conv2D(3, 1)(x)
    return keras.Model(image, layers.Softmax(axis=1)(x))


@pytest.mark.parametrize(
    ("make", "classes", "options", "reason"),
    [
        (nets.plain, 7, {}, r"include_top=False.*5 outputs for"),
        (nets.plain, {"a": 5, "b": 2}, {"top": True}, r"one set of labels"),
        (nets.plain, 1, {}, r"at least 2"),
        (nets.plain, ka.tasks.MultiLabel(5), {}, r"softmax is of other tasks"),
        (nets.segmenter, ka.tasks.Segmentation(5), {}, r"3 outputs"),
        (
            lambda: nets.segmenter(sigmoid=True),
            ka.tasks.Segmentation(3),
            {"at": "first_relu"},
            r"sigmoid is of other tasks",
        ),
        (_two_outputs, 3, {}, r"one output is converted.*2 outputs"),
        (_named_stage, 2, {}, r"a layer 'stage_1'"),
        (
            _other_axis,
            ka.tasks.Segmentation(3),
            {"at": "deep"},
            r"last axis.*over axis 1",
        ),
        (nets.plain, 5, {"max_head_share": 0}, r"between 0 and 1"),
        (nets.plain, 5, {"width": 0}, r"1 or more"),
        (nets.plain, 5, {"head": lambda x, k: x}, r"`head` must return"),
        (
            nets.plain,
            5,
            {"head": lambda x, k: layers.Dense(64)(layers.Flatten()(x))},
            r"head of stage 1 has 33,088 multiply-adds, \d+% of its step",
        ),
        (nets.plain, 5, {"head": lambda x, k: None}, r"Received: None"),
        (
            lambda: nets.tokens(mask_zero=True),
            5,
            {"at": "block0"},
            r"mask of tokens.*beside 'block0'",
        ),
    ],
)
def test_what_cannot_be_converted_says_so(make, classes, options, reason):
    with pytest.raises(ValueError, match=reason):
        ka.convert.add_heads(
            make(),
            classes,
            **{"at": "base_add0" if make is nets.plain else 0.5} | options,
        )
