import itertools
import math

import numpy as np
import pytest

from keras_anytime.evaluation import plots
from keras_anytime.evaluation.plots import style
from keras_anytime.evaluation.plots.cosines import draw_cosines
from keras_anytime.evaluation.plots.history import draw_history
from keras_anytime.evaluation.plots.loss_weights import draw_loss_weights


def _csv(path, columns):
    names = list(columns)
    rows = zip(*columns.values(), strict=True)
    lines = [",".join(map(str, row)) for row in [names, *rows]]
    path.write_text("\n".join(lines) + "\n")
    return path


def _weights(path, num_stages=3, epochs=4):
    columns = {"epoch": range(1, epochs + 1)}
    for k in range(1, num_stages + 1):
        columns[f"weight_{k}"] = [k + 0.5 * e for e in range(epochs)]
    return _csv(path, columns)


def _cosines(path, num_stages=3, epochs=4, cosine=0.5):
    columns = {"epoch": range(1, epochs + 1)}
    for n, (i, j) in enumerate(
        itertools.combinations(range(1, num_stages + 1), 2)
    ):
        columns[f"cosine_{i}_{j}"] = [
            f"{cosine * math.cos(n + e):.4g}" for e in range(epochs)
        ]
    return _csv(path, columns)


def _history(path, num_stages=3, epochs=4, sets=(None,), prefix="val_"):
    columns = {
        "epoch": range(1, epochs + 1),
        "seconds": [9.1] * epochs,
        "loss": [1.5] * epochs,
    }
    for k in range(1, num_stages + 1):
        for label_set in sets:
            label = f"{label_set}_" if label_set else ""
            accuracy = [(k + e) / 40 for e in range(epochs)]
            columns[f"stage_{k}_{label}accuracy"] = [0.99] * epochs
            columns[f"{prefix}stage_{k}_{label}accuracy"] = accuracy
            columns[f"{prefix}stage_{k}_{label}top_5_accuracy"] = accuracy
            columns[f"{prefix}stage_{k}_{label}loss"] = accuracy
    return _csv(path, columns)


FIGURES = {
    "weights": (_weights, draw_loss_weights, "share"),
    "cosines": (_cosines, draw_cosines, "pair of stages"),
    "history": (_history, draw_history, "validation top-1"),
}
PLOTS = {
    "weights": plots.plot_loss_weights,
    "cosines": plots.plot_cosines,
    "history": plots.plot_history,
}


@pytest.mark.parametrize("num_stages", [3, 8, 25])
@pytest.mark.parametrize("name", FIGURES)
def test_few_stages_and_many_read_well(tmp_path, name, num_stages):
    make, draw, label = FIGURES[name]
    figure = draw(make(tmp_path / "x.csv", num_stages, 12))
    figure.draw_without_rendering()
    axes = figure.axes[0]
    assert axes.get_xlabel() == "epoch"
    assert axes.get_ylabel().startswith(label)
    window = axes.get_window_extent()
    assert window.width > 300 and window.height > 80
    texts = [text for legend in figure.legends for text in legend.get_texts()]
    if name == "cosines":
        assert figure.axes[1].get_ylabel() == "cosine"
    elif num_stages <= 8:
        names = [f"stage {k}" for k in range(1, num_stages + 1)]
        assert [text.get_text() for text in texts] == names
    else:
        assert not texts
        assert figure.axes[1].get_ylabel() == "stage"
        ticks = [text.get_text() for text in figure.axes[1].get_yticklabels()]
        assert ticks[0] == "1" and ticks[-1] == "25"
    for legend in figure.legends:
        assert not legend.get_window_extent().overlaps(window)
    boxes = [text.get_window_extent() for text in axes.get_yticklabels()]
    for index, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[:index])


@pytest.mark.parametrize("name", FIGURES)
def test_one_epoch_is_drawn_and_the_same_twice(tmp_path, name):
    source = FIGURES[name][0](tmp_path / "x.csv", epochs=1)
    for suffix in (".png", ".svg"):
        paths = [tmp_path / f"{k}{suffix}" for k in range(2)]
        for path in paths:
            PLOTS[name](source, path)
        assert paths[0].read_bytes() == paths[1].read_bytes()


def test_weights_are_drawn_as_shares(tmp_path):
    source = _csv(
        tmp_path / "weights.csv",
        {"epoch": [1, 2], "weight_2": [3, 1], "weight_1": [1, 1]},
    )
    axes = draw_loss_weights(source).axes[0]
    first, second = (patch.get_data() for patch in axes.patches)
    np.testing.assert_allclose(first.values, [0.25, 0.5])
    np.testing.assert_allclose(first.baseline, [0, 0])
    np.testing.assert_allclose(second.baseline, [0.25, 0.5])
    np.testing.assert_allclose(second.values, [1, 1])
    np.testing.assert_allclose(first.edges, [0.5, 1.5, 2.5])
    assert axes.get_ylim() == (0, 1)


def test_stages_of_a_part_of_a_network_keep_their_numbers(tmp_path):
    source = _csv(
        tmp_path / "weights.csv",
        {"epoch": [1, 2], "weight_10": [3, 1], "weight_2": [1, 1]},
    )
    axes = draw_loss_weights(source).axes[0]
    assert [patch.get_label() for patch in axes.patches] == [
        "stage 2",
        "stage 10",
    ]
    np.testing.assert_allclose(axes.patches[0].get_data().values, [0.25, 0.5])


def test_tasks_have_their_names(tmp_path):
    names = ("left_eye", "age", "pose")
    weights = {f"weight_{name}": [1, 2] for name in names}
    figure = draw_loss_weights(
        _csv(tmp_path / "weights.csv", {"epoch": [1, 2], **weights})
    )
    legend = figure.legends[0]
    assert tuple(text.get_text() for text in legend.get_texts()) == names
    pairs = ["left_eye_age", "left_eye_pose", "age_pose"]
    cosines = {f"cosine_{pair}": [0.5, -0.5] for pair in pairs}
    figure = draw_cosines(
        _csv(tmp_path / "cosines.csv", {"epoch": [1, 2], **cosines})
    )
    axes = figure.axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == pairs
    assert axes.get_ylabel() == "pair of tasks"


def test_cosines_are_drawn_around_0_and_what_was_not_compared_is_gray(
    tmp_path,
):
    source = _csv(
        tmp_path / "cosines.csv",
        {
            "epoch": [1, 2],
            "cosine_1_2": [0.5, "nan"],
            "cosine_1_3": [-1, 0],
            "cosine_2_3": ["", 1],
        },
    )
    figure = draw_cosines(source)
    axes = figure.axes[0]
    (mesh,) = axes.collections
    drawn = np.ma.filled(mesh.get_array(), np.nan).reshape(3, 2)
    np.testing.assert_array_equal(drawn, [[0.5, np.nan], [-1, 0], [np.nan, 1]])
    assert mesh.get_clim() == (-1, 1)
    red, _, blue, _ = mesh.cmap(0.0)
    assert red > blue  # A conflict is red, agreement is blue.
    red, _, blue, _ = mesh.cmap(1.0)
    assert blue > red
    assert mesh.cmap.get_bad()[:3] == pytest.approx([0.75] * 3)
    labels = [text.get_text() for text in axes.get_yticklabels()]
    assert labels == ["1, 2", "1, 3", "2, 3"]
    assert axes.get_ylim()[0] > axes.get_ylim()[1]  # The first is on top.
    (text,) = figure.legends[0].get_texts()
    assert text.get_text() == "not compared"


def test_history_is_the_validation_error_of_each_stage(tmp_path):
    source = _history(tmp_path / "log.csv")
    axes = draw_history(source).axes[0]
    for k, line in enumerate(axes.lines, start=1):
        assert line.get_label() == f"stage {k}"
        assert list(line.get_xdata()) == [1, 2, 3, 4]
        errors = [1 - (k + e) / 40 for e in range(4)]
        assert list(line.get_ydata()) == pytest.approx(errors)
    assert len(axes.lines) == 3


def test_epochs_without_validation_are_passed_over(tmp_path):
    source = _csv(
        tmp_path / "log.csv",
        {
            "epoch": [1, 2, 3],
            "stage_1_accuracy": [0.1, 0.2, 0.3],
            "val_stage_1_sparse_categorical_accuracy": ["", 0.5, ""],
        },
    )
    (line,) = draw_history(source).axes[0].lines
    assert list(line.get_xdata()) == [2]
    assert list(line.get_ydata()) == [0.5]


def test_without_validation_training_is_drawn_and_called_so(tmp_path):
    source = _history(tmp_path / "log.csv", prefix="")
    axes = draw_history(source).axes[0]
    assert axes.get_ylabel() == "training top-1 error"


def test_each_label_set_has_axes_of_its_own(tmp_path):
    source = _history(tmp_path / "log.csv", sets=("fine", "very_coarse"))
    figure = draw_history(source)
    titles = [axes.get_title() for axes in figure.axes]
    assert titles == ["fine labels", "very_coarse labels"]
    assert [len(axes.lines) for axes in figure.axes] == [3, 3]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "FileNotFoundError"),
        ("", "no numbers"),
        ("epoch,other\n", "no numbers"),
        ("epoch,other\n1,2\n", "the columns epoch, other"),
        (
            "weight_1,cosine_1_2,stage_1_accuracy\n1,1,1\n",
            "numbers in the columns weight_1, ",
        ),
        ("epoch,weight_1,cosine_1_2,stage_1_accuracy\nx,1,1,1\n", "epoch"),
        ("epoch,weight_1,cosine_1_2,stage_1_accuracy\n1,a,a,a\n", "epoch$"),
        (
            "epoch,weight_1,cosine_1_2,stage_1_accuracy\n2,1,1,1\n1,1,1,1\n",
            "one line for each epoch",
        ),
        ("a\0b\n1\n", "Received"),
        (b"\xff\xfe\x00", "UnicodeDecodeError"),
    ],
)
@pytest.mark.parametrize("name", PLOTS)
def test_other_files_are_refused(tmp_path, name, content, message):
    source = tmp_path / "other.csv"
    if content is not None:
        source.write_bytes(
            content if isinstance(content, bytes) else content.encode()
        )
    expected = {
        "weights": "weight_1",
        "cosines": "cosine_1_2",
        "history": "stage_1_accuracy",
    }[name]
    with pytest.raises(ValueError, match=message) as error:
        PLOTS[name](source, tmp_path / "new" / "figure.svg")
    assert "other.csv" in str(error.value)
    assert f"`epoch`, `{expected}" in str(error.value) or (
        name == "history" and expected in str(error.value)
    )
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"weight_1": [1, -1]}, "weight_1=-1.0 in epoch 2"),
        ({"weight_1": ["nan", 1]}, "weight_1=nan in epoch 1"),
        ({"weight_1": [1, "inf"]}, "weight_1=inf in epoch 2"),
        ({"weight_1": [1, 0], "weight_2": [1, 0]}, "all 0.*epoch 2"),
    ],
)
def test_weights_without_shares_are_refused(tmp_path, columns, message):
    source = _csv(tmp_path / "weights.csv", {"epoch": [1, 2], **columns})
    with pytest.raises(ValueError, match=message):
        plots.plot_loss_weights(source, tmp_path / "figure.png")
    assert [path.name for path in tmp_path.iterdir()] == ["weights.csv"]


def test_stages_have_colors_of_their_own():
    for num_stages in (1, 2, 8, 9, 25):
        colors = style.stage_colors(num_stages)
        assert len(set(colors)) == num_stages
        ticks = style.stage_ticks(num_stages)
        assert ticks[0] == 1 and len(ticks) <= 13
