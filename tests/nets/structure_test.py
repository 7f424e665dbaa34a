import sys

import keras
import pytest

import keras_anytime as ka
from keras_anytime.nets.drawing import draw_structure
from keras_anytime.nets.drawing import plot_structure
from keras_anytime.nets.structure import Cell
from keras_anytime.nets.structure import read_structure
from tests.testing import tiny_net


def _image():
    return keras.Input((4, 4, 1), name="image")


def _convolved(x, filters, name):
    return keras.layers.Conv2D(filters, 3, padding="same", name=name)(x)


def _unit(tensors, unit, stage):
    """A unit that reads the sum of tensors: inside 2 channels, outside 4."""
    name = f"block1_unit{unit}"
    x = tensors[0]
    if len(tensors) > 1:
        x = keras.layers.Add(name=f"{name}_sum_stage{stage}")(tensors)
    x = keras.layers.BatchNormalization(name=f"{name}_in_stage{stage}_bn")(x)
    x = keras.layers.ReLU(name=f"{name}_in_stage{stage}_relu")(x)
    x = _convolved(x, 2, f"{name}_conv1_stage{stage}")
    return _convolved(x, 4, f"{name}_conv2_stage{stage}")


def _head(tensors, k):
    x = keras.layers.Add(name=f"final_stage{k}_sum")(tensors)
    x = keras.layers.GlobalAveragePooling2D(name=f"pool_stage{k}")(x)
    return keras.layers.Dense(3, name=f"stage_{k}")(x)


def _interlaced():
    """Four units in two stages, as in Wan 2020, Figure 3."""
    image = _image()
    stem = _convolved(image, 4, "stem_conv")
    first = _unit([stem], 1, 1)
    third = _unit([first, stem], 3, 1)
    second = _unit([first, stem], 2, 2)
    fourth = _unit([third, second, stem], 4, 2)
    outputs = [_head([third, first], 1), _head([fourth, third, first], 2)]
    return ka.AnytimeModel(image, outputs, name="interlaced")


def _plain(edges):
    return [((a.unit, a.stage), (b.unit, b.stage)) for a, b in edges]


def test_cells_and_edges_of_an_interlaced_network():
    found = read_structure(_interlaced())
    units = ["stem", *(f"block1_unit{n}" for n in (1, 2, 3, 4)), "head"]
    assert found.units == units
    stem, first, second, third, fourth = zip(
        units, (1, 1, 2, 1, 2), strict=False
    )
    heads = ("head", 1), ("head", 2)
    assert found.cells == (
        *(Cell(*key, 4) for key in (stem, first, second, third, fourth)),
        *(Cell(*head, 3) for head in heads),
    )
    assert _plain(found.edges) == [
        (stem, first),
        (stem, second),
        (stem, third),
        (stem, fourth),
        (first, second),
        (first, third),
        (first, heads[0]),
        (first, heads[1]),
        (second, fourth),
        (third, fourth),
        (third, heads[0]),
        (third, heads[1]),
        (fourth, heads[1]),
    ]


def test_a_width_nested_network_has_every_stage_in_every_unit():
    found = read_structure(tiny_net(units=(2, 1), filters=(8, 16)))
    assert [(cell.unit, cell.stage, cell.channels) for cell in found.cells] == [
        (unit, stage, channels)
        for unit, widths in (
            ("stem", (2, 2, 4)),
            ("block1_unit1", (2, 2, 4)),
            ("block1_unit2", (2, 2, 4)),
            ("block2_unit1", (4, 4, 8)),
            ("head", (10, 10, 10)),
        )
        for stage, channels in enumerate(widths, start=1)
    ]
    # A unit ends with the sum with its shortcut, and the next reads that.
    columns = [
        ("stem", "block1_unit1"),
        ("block1_unit1", "block1_unit2"),
        ("block1_unit2", "block2_unit1"),
        ("block2_unit1", "head"),
    ]
    assert set(_plain(found.edges)) == {
        ((source, j), (reader, k))
        for source, reader in columns
        for k in (1, 2, 3)
        for j in range(1, k + 1)
    }


def test_units_are_ordered_by_number_where_the_graph_leaves_it_open():
    image = _image()
    names = ["layer10_scale1", "layer2_scale2", "layer2_scale1", "stem_scale2"]
    ends = [_convolved(image, 2, f"{name}_conv_stage1") for name in names]
    found = read_structure(ka.AnytimeModel(image, [_head(ends, 1)]))
    assert found.units == [*reversed(names), "head"]


def test_units_may_read_each_other():
    image = _image()
    first = _convolved(image, 2, "block1_unit1_stage1")
    second = _convolved(first, 2, "block1_unit2_stage1")
    third = _convolved(second, 2, "block1_unit1_stage2")
    outputs = [_head([first, second], 1), _head([second, third], 2)]
    found = read_structure(ka.AnytimeModel(image, outputs))
    assert found.units == ["block1_unit1", "block1_unit2", "head"]
    assert (("block1_unit2", 1), ("block1_unit1", 2)) in _plain(found.edges)


def test_kernels_that_passes_share_are_no_units():
    image = _image()
    kernels = [
        ka.layers.SharedKernel((3, 3, 1, 1), name=f"block1_unit{n}_kernel")
        for n in (1, 2)
    ]
    kernels = [kernel(image) for kernel in kernels]
    outputs = []
    for k in (1, 2):
        x = image
        for n, kernel in enumerate(kernels, start=1):
            x = ka.layers.SharedConv2D(name=f"block1_unit{n}_conv_stage{k}")(
                [x, kernel]
            )
        outputs.append(_head([x, x], k))
    edges = _plain(read_structure(ka.AnytimeModel(image, outputs)).edges)
    assert set(edges) == {
        ((a, k), (b, k))
        for k in (1, 2)
        for a, b in [
            ("block1_unit1", "block1_unit2"),
            ("block1_unit2", "head"),
        ]
    }


def test_a_layer_that_passes_share_is_read_in_each_of_them():
    image = _image()
    shared = keras.layers.BatchNormalization(name="block1_unit1_in_stage1_bn")
    outputs = []
    for k in (1, 2):
        x = _convolved(image, 2, f"stem_stage{k}")
        x = _convolved(shared(x), 2, f"block1_unit1_conv1_stage{k}")
        outputs.append(_head([x, x], k))
    edges = _plain(read_structure(ka.AnytimeModel(image, outputs)).edges)
    assert set(edges) == {
        ((a, k), (b, k))
        for k in (1, 2)
        for a, b in [("stem", "block1_unit1"), ("block1_unit1", "head")]
    }


@pytest.mark.parametrize(
    ("suffix", "start"), [(".png", b"\x89PNG"), (".svg", b"<?xml")]
)
def test_structures_are_drawn(tmp_path, suffix, start):
    path = tmp_path / f"structure{suffix}"
    plot_structure(_interlaced(), path)
    content = path.read_bytes()
    assert content.startswith(start)
    assert len(content) > 5000
    if suffix == ".svg":
        # Text is drawn as outlines; its source stands in comments.
        for text in ("interlaced", "stem", "1.1", "1.4", "head", "stage 2"):
            assert f"<!-- {text} -->" in content.decode()


def test_long_names_are_not_cut_off():
    image = keras.Input((4,))
    head = keras.layers.Dense(2, name="stage_1")
    name = "sparse_resnet98_w1d1-w2d1-w2d2-w4d2-w4d4_osgd_adaloss_$seed$_" * 2
    model = ka.AnytimeModel(image, [head(image)], name=name)
    figure = draw_structure(model)
    figure.draw_without_rendering()
    (axes,) = figure.axes
    box = axes.title.get_window_extent()
    assert axes.get_title().replace("\n", "") == name
    assert box.x0 >= 0 and box.x1 <= figure.bbox.x1
    assert box.y1 <= figure.bbox.y1


@pytest.mark.slow
def test_many_stages_and_units_are_drawn(tmp_path):
    image = _image()
    x = image
    outputs = []
    for k in range(1, 9):
        for n in range(12):
            x = _convolved(x, 1, f"layer{12 * k + n}_scale1_conv_stage{k}")
        pooled = keras.layers.GlobalAveragePooling2D(name=f"pool_stage{k}")(x)
        outputs.append(keras.layers.Dense(3, name=f"stage_{k}")(pooled))
    path = tmp_path / "structure.svg"
    plot_structure(ka.AnytimeModel(image, outputs), path)
    # Every second unit has room for its name.
    assert "<!-- 12.1 -->" in path.read_text()
    assert "<!-- 13.1 -->" not in path.read_text()
    assert "<!-- stage 8 -->" in path.read_text()


def test_other_formats_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"structure\.bmp"):
        plot_structure(_interlaced(), tmp_path / "structure.bmp")
    assert not list(tmp_path.iterdir())


def test_matplotlib_is_asked_for_by_its_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"keras-anytime\[plot\]"):
        plot_structure(_interlaced(), tmp_path / "structure.png")
    assert not list(tmp_path.iterdir())


def test_other_models_are_refused(tmp_path):
    other = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    with pytest.raises(ValueError, match="AnytimeModel"):
        plot_structure(other, tmp_path / "structure.png")
