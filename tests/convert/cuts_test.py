import csv

import keras
import numpy as np
import pytest
from keras import layers

import keras_anytime as ka
from tests.convert import nets
from tests.testing import macs_by_name


def test_the_table_of_a_known_network(tmp_path):
    points = ka.convert.cut_points(nets.plain())
    assert [point.layer for point in points] == [
        "base_stem",
        "base_add0",
        "base_add1",
        "pool",
    ]
    macs = macs_by_name(nets.plain())
    total = sum(macs.values())
    assert points.macs == total
    assert points[0].macs == macs["base_stem"] == 8 * 8 * 27 * 8
    assert points[0].share == macs["base_stem"] / total
    assert points[1].shape == (8, 8, 8)
    assert points[1].bytes == 4 * 8 * 8 * 8
    assert points[3].macs == total - macs["predictions"]
    assert str(points).splitlines()[0].split() == [
        "layer",
        "shape",
        "share",
        "MACs",
        "bytes",
    ]
    assert len(str(points).splitlines()) == len(points) + 1 == 5
    points.to_csv(tmp_path / "cuts.csv")
    with (tmp_path / "cuts.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["layer"] for row in rows] == [p.layer for p in points]
    assert float(rows[1]["share"]) == points[1].share


def test_bytes_are_those_of_the_type():
    image = keras.Input((4,))
    x = layers.Dense(3, dtype="mixed_float16", name="half")(image)
    model = keras.Model(image, layers.Dense(2)(x))
    (point,) = ka.convert.cut_points(model)
    assert (point.layer, point.bytes) == ("half", 6)


def test_nested_models_are_cut_within():
    points = ka.convert.cut_points(nets.nested())
    assert "inner_add0" in [point.layer for point in points]


def test_open_sizes_are_refused():
    image = keras.Input((None, None, 3), name="photo")
    model = keras.Model(image, layers.Conv2D(4, 3)(image))
    with pytest.raises(ValueError, match=r"fixed one.*'photo'"):
        ka.convert.cut_points(model)


def _converted(model, classes, at):
    return ka.convert.add_heads(model, classes, at=at, max_head_share=0.9)


def _stage_layers(model, k):
    return {operation.name for operation in model.stage_operations(k)}


def test_the_nearest_cut_is_taken_and_of_equals_the_smallest_and_last():
    image = keras.Input((8, 8, 3))
    x = layers.Conv2D(8, 3, name="a")(image)
    x = layers.ReLU(name="a_relu")(x)
    x = layers.MaxPooling2D(name="a_pool")(x)
    x = layers.Dropout(0.1, name="a_drop")(x)
    x = layers.Conv2D(16, 3, name="b")(x)
    x = layers.GlobalAveragePooling2D()(x)
    network = keras.Model(image, layers.Dense(3)(x))
    model = _converted(network, 3, [0.9])
    assert "a_drop" in _stage_layers(model, 1)
    assert set(model.step(2).input) == {"a_drop"}


def test_shares_and_names_go_together_in_any_order():
    model = _converted(nets.plain(), 5, ["base_add1", 0.2])
    assert model.num_stages == 3
    assert set(model.step(2).input) == {"base_stem"}
    assert set(model.step(3).input) == {"base_add1"}
    assert _converted(nets.plain(), 5, 0.2).num_stages == 2


@keras.saving.register_keras_serializable("tests")
class AllBlocks(layers.Dense):
    pass


def _one_layer():
    image = keras.Input((8, 4), name="tokens")
    x = layers.Dense(4, name="embedding")(image)
    x = AllBlocks(400, name="encoder")(x)
    x = layers.GlobalAveragePooling1D()(x)
    return keras.Model(image, layers.Dense(3, name="top")(x))


def _two_branches():
    image = keras.Input((8, 8, 3))
    x = layers.Conv2D(2, 1, name="stem")(image)
    a = layers.Conv2D(16, 3, name="left_1")(x)
    a = layers.Conv2D(16, 3, name="left_2")(a)
    b = layers.Conv2D(16, 3, name="right_1")(x)
    b = layers.Conv2D(16, 3, name="right_2")(b)
    x = layers.GlobalAveragePooling2D(name="pool")(layers.Add()([a, b]))
    return keras.Model(image, layers.Dense(3)(x))


def _towers():
    images = [keras.Input((8, 8, 3), name=name) for name in ("one", "two")]
    maps = [
        layers.Conv2D(8, 3, name=f"{image.name}_conv")(image)
        for image in images
    ]
    x = layers.Add()(maps)
    x = layers.Conv2D(8, 3, name="joined")(x)
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(images, layers.Dense(3)(x))


class Unknown(layers.Layer):
    def call(self, x):
        return x * 2


def _no_macs():
    image = keras.Input((4,))
    return keras.Model(image, Unknown()(image))


@pytest.mark.parametrize(
    ("make", "at", "reason"),
    [
        (nets.plain, "base_conv1", r"passed by 'base_add0', which later"),
        (nets.plain, "nowhere", r"is no layer of the network"),
        (nets.plain, "predictions", r"is the output of the network"),
        (nets.tokens, "words", r"is an input"),
        (nets.tokens, "embedding", r"before the first multiply-add"),
        (nets.plain, (), r"must hold shares"),
        (nets.plain, 1.5, r"between 0 and 1"),
        (nets.plain, True, r"between 0 and 1"),
        (nets.plain, None, r"must hold shares"),
        (nets.plain, (0.2, 0.21), r"both mean the cut 'base_stem'"),
        (_one_layer, 0.5, r"'encoder' \(AllBlocks\) is one operation with 9"),
        (_two_branches, 0.5, r"At the wanted place 'left_\d' and 'right_\d'"),
        (_towers, ("one_conv", "two_conv"), r"neither needs the other"),
    ],
)
def test_what_is_no_cut_says_why(make, at, reason):
    with pytest.raises(ValueError, match=reason):
        _converted(make(), 3 if make in (_one_layer,) else 5, at)


@pytest.mark.filterwarnings("ignore:Multiply-adds of")
def test_unknown_costs_have_no_shares():
    with pytest.raises(ValueError, match="No multiply-adds"):
        _converted(_no_macs(), 4, 0.5)


def test_costs_before_a_cut_are_those_of_what_it_needs():
    model = nets.two_inputs()
    macs = macs_by_name(model)
    by_layer = {p.layer: p for p in ka.convert.cut_points(model)}
    # The metadata are at hand: they need not have been read.
    assert by_layer["conv1"].macs == macs["conv0"] + macs["conv1"]
    assert by_layer["facts"].macs == macs["facts"]
    np.testing.assert_equal(
        by_layer["joined"].macs, sum(macs.values()) - macs["predictions"]
    )


def test_an_input_is_called_one_where_it_cannot_be_cut():
    table = keras.Input((4,), name="table")
    x = keras.layers.Dense(8, "relu")(table)
    network = keras.Model(table, keras.layers.Dense(3)(x))
    with pytest.raises(ValueError, match="'table' is an input"):
        ka.convert.add_heads(network, 3, at=("table",))
    with pytest.raises(ValueError, match="must be a function.*'dense'"):
        ka.convert.add_heads(network, 3, at=(0.5,), head="dense")
