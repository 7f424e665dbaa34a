import math
import sys

import pytest
from matplotlib.transforms import Bbox

from keras_anytime.evaluation import HierarchicalCurve
from keras_anytime.evaluation import aggregate
from keras_anytime.evaluation import plots
from keras_anytime.evaluation.plots import style
from keras_anytime.evaluation.plots.budget import draw_budget
from keras_anytime.evaluation.plots.curves import draw_curve
from keras_anytime.evaluation.plots.curves import draw_curves
from keras_anytime.evaluation.plots.deadlines import draw_deadlines
from keras_anytime.evaluation.plots.intervals import interval
from keras_anytime.evaluation.plots.label_sets import draw_label_sets
from keras_anytime.evaluation.plots.latencies import draw_latencies
from keras_anytime.evaluation.plots.priorities import draw_priorities
from keras_anytime.evaluation.plots.relative_increase import (
    draw_relative_increase,
)
from keras_anytime.evaluation.spread import Spread
from tests.evaluation.examples import curve as _curve
from tests.evaluation.figures import FIGURES
from tests.evaluation.figures import budget
from tests.evaluation.figures import hierarchical
from tests.evaluation.figures import long_curve
from tests.evaluation.figures import named
from tests.evaluation.figures import simulation
from tests.evaluation.figures import with_intervals


def _unwrapped(text):
    return text.replace("\n", "")


def _lines(axes):
    """The values of the lines, by label."""
    return {
        line.get_label(): (list(line.get_xdata()), list(line.get_ydata()))
        for line in axes.lines
    }


def _bytes(draw, path):
    style.save(draw(), path)
    return path.read_bytes()


@pytest.mark.parametrize(
    ("suffix", "start"), [(".png", b"\x89PNG"), (".svg", b"<?xml")]
)
def test_plots_are_drawn(tmp_path, suffix, start):
    path = tmp_path / f"curve{suffix}"
    _curve().plot(path)
    content = path.read_bytes()
    assert content.startswith(start)
    assert len(content) > 5000
    if suffix == ".svg":
        # Text is drawn as outlines; its source stands in comments.
        for text in ("top-1 error", "multiply-adds", "stage 3: 10.0%"):
            assert text in content.decode()


def test_other_formats_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"curve\.bmp"):
        _curve().plot(tmp_path / "curve.bmp")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", FIGURES)
def test_axes_and_legends_say_what_is_drawn(name):
    draw, (x, y), labels = FIGURES[name]
    figure = draw()
    axes = figure.axes[0]
    assert axes.get_xlabel().endswith(x)
    assert axes.get_ylabel().endswith(y)
    texts = [text for legend in figure.legends for text in legend.get_texts()]
    found = [_unwrapped(text.get_text()) for text in texts]
    assert sorted(found) == sorted(labels or ())


@pytest.mark.parametrize("name", FIGURES)
def test_nothing_is_drawn_over_the_data_or_cut_off(name):
    figure = FIGURES[name][0]()
    figure.draw_without_rendering()
    axes = figure.axes[0]
    window = axes.get_window_extent()
    assert window.height > 250 and window.width > 350
    texts = [axes.xaxis.label, axes.yaxis.label, axes.title, *figure.legends]
    for text in texts:
        box = text.get_window_extent()
        assert not box.overlaps(window)
        if box.width:
            assert box.x0 >= 0 and box.x1 <= figure.bbox.x1
            assert box.y0 >= 0 and box.y1 <= figure.bbox.y1
    for label, next_label in zip(
        axes.get_xticklabels(), axes.get_xticklabels()[1:], strict=False
    ):
        box = label.get_window_extent()
        assert not box.overlaps(next_label.get_window_extent())
    names = [text.get_window_extent() for text in axes.texts]
    for index, box in enumerate(names):
        assert not any(box.overlaps(other) for other in names[:index])


@pytest.mark.slow
@pytest.mark.parametrize("name", FIGURES)
def test_the_same_data_gives_the_same_bytes(tmp_path, name):
    draw = FIGURES[name][0]
    for suffix in (".svg", ".png"):
        first = _bytes(draw, tmp_path / f"first{suffix}")
        assert first == _bytes(draw, tmp_path / f"second{suffix}")


def test_the_users_settings_of_matplotlib_are_left_alone(tmp_path):
    import matplotlib

    expected = _bytes(FIGURES["curves"][0], tmp_path / "a.svg")
    with matplotlib.rc_context({"font.size": 30, "axes.facecolor": "red"}):
        before = dict(matplotlib.rcParams)
        assert _bytes(FIGURES["curves"][0], tmp_path / "b.svg") == expected
        assert dict(matplotlib.rcParams) == before


@pytest.mark.parametrize(
    "draw",
    [
        lambda curve: draw_curve(curve),
        lambda curve: draw_curves({"net": curve}),
        lambda curve: draw_label_sets(HierarchicalCurve({"x": curve})),
        lambda curve: draw_budget(budget(), curve),
    ],
)
def test_what_is_drawn_are_costs_errors_and_their_intervals(draw):
    curve = with_intervals(_curve())
    axes = draw(curve).axes[0]
    macs, errors = [10, 30, 100], [0.5, 0.3, 0.1]
    assert (macs, errors) in _lines(axes).values()
    (bars,) = axes.collections
    for bar, x, y in zip(bars.get_segments(), macs, errors, strict=True):
        assert bar[:, 0] == pytest.approx([x, x])
        assert bar[:, 1] == pytest.approx([y - 0.02, y + 0.02])
    assert not draw(_curve()).axes[0].collections
    low, high = axes.get_ylim()
    assert low <= 0.1 - 0.02 and high > 0.5 + 0.02


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("macs", "errors"),
    [((10,), (0.1,)), ((10, 20), (0, 0)), ((0, 0), (1, 1)), ((5, 5), (0, 1))],
)
def test_extreme_curves_are_drawn_within_the_axes(macs, errors):
    curve = _curve(macs, errors)
    for figure in (
        draw_curve(curve),
        draw_curves([curve]),
        draw_priorities({"SGD": curve}),
    ):
        figure.draw_without_rendering()
        axes = figure.axes[0]
        low, high = axes.get_ylim()
        assert low <= min(errors) and max(errors) < high
        (left, right), line = axes.get_xlim(), axes.lines[-1]
        assert all(left <= x <= right for x in line.get_xdata())


def _boxes(axes, curve):
    """What a name must not cover, in pixels: points and intervals."""
    found = []
    for point in curve.points:
        ends = interval(curve, point) or (point.top1_error,)
        x, low = axes.transData.transform((point.macs, min(ends)))
        _, high = axes.transData.transform((point.macs, max(ends)))
        found.append(Bbox([[x - 2, low], [x + 2, high]]))
    return found


@pytest.mark.parametrize("half", [0, 0.035, 0.3])
@pytest.mark.parametrize(
    ("macs", "errors"),
    [
        ((18, 20), (0.081, 0.079)),
        ((19.9, 20), (0.2, 0.2)),
        ((0, 0), (0.5, 0.5)),
        ((1, 1000), (0.3, 0.3)),
        ((1, 2, 100), (0.01, 0.9, 0.02)),
        ((8, 9, 10, 11, 12, 12.1), (0.3, 0.31, 0.3, 0.31, 0.3, 0.3)),
    ],
)
def test_few_stages_are_all_named_and_names_cover_nothing(macs, errors, half):
    curve = with_intervals(_curve(macs, errors), half)
    figure = draw_curve(curve)
    figure.draw_without_rendering()
    (axes,) = figure.axes
    names = [text for text in axes.texts if text.get_text()]
    assert sorted(name.get_text() for name in names) == [
        f"stage {point.stage}: {point.top1_error:.1%}" for point in curve.points
    ]
    boxes = [name.get_window_extent() for name in names]
    window = axes.get_window_extent().padded(1)
    taken = _boxes(axes, curve)
    for index, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in taken)
        assert not any(box.overlaps(other) for other in boxes[:index])
        assert window.x0 <= box.x0 and box.x1 <= window.x1
        assert window.y0 <= box.y0 and box.y1 <= window.y1


def _seeds(runs):
    return aggregate(
        [
            with_intervals(_curve(errors=(0.5 + k / 50, 0.3, 0.1)))
            for k in range(runs)
        ]
    )


@pytest.mark.parametrize(
    ("aggregated", "said"),
    [
        (_seeds(1), "net\n200 examples, with 95% intervals over examples"),
        (
            _seeds(2),
            "net\nmean of 2 runs, on 200 examples; dashes: single runs",
        ),
        (
            _seeds(3),
            "net\nmean of 3 runs, on 200 examples, with 95% intervals over "
            "runs",
        ),
    ],
)
def test_the_picture_of_seeds_says_what_its_intervals_are_over(
    aggregated, said, tmp_path
):
    axes = draw_curve(aggregated.mean).axes[0]
    assert " ".join(axes.get_title().split()) == " ".join(said.split())
    # The ends of intervals are dashes too, but smaller ones.
    dashes = [line for line in axes.lines if line.get_markersize() == 12]
    assert len(axes.collections) == (len(aggregated.curves) != 2)
    if len(aggregated.curves) == 2:
        (line,) = dashes
        assert list(line.get_xdata()) == [10, 10, 30, 30, 100, 100]
        assert list(line.get_ydata()) == [0.5, 0.52, 0.3, 0.3, 0.1, 0.1]
    else:
        assert not dashes
    aggregated.plot(tmp_path / "seeds.svg")
    assert said.split("\n")[1] in (tmp_path / "seeds.svg").read_text()


def test_captions_tell_the_samples_of_all_that_is_drawn():
    axes = draw_curves({"a": _seeds(3), "b": _seeds(1)}).axes[0]
    assert " ".join(axes.get_title().split()) == (
        "mean of 1 or 3 runs, on 200 examples, with 95% intervals over "
        "examples or runs"
    )
    curve = with_intervals(_curve(examples=1000))
    for figure in (
        draw_budget(budget(), curve),
        draw_curves({"a": curve}, budget={"a": budget()}),
    ):
        assert "200 or 1,000 examples" in figure.axes[0].get_title()
    increases = {"a": {1: Spread.of([1, 2, 4]), 2: Spread.of([1, 2])}}
    axes = draw_relative_increase(increases).axes[0]
    assert axes.get_title() == (
        "mean over runs, with intervals over runs; dashes: single runs"
    )
    (bars,) = axes.collections
    assert len(bars.get_segments()) == 1
    plain = draw_relative_increase({"a": {1: 2.0}})
    assert not plain.axes[0].get_title()


def test_intervals_of_many_stages_are_a_band():
    axes = draw_curves([long_curve(25)]).axes[0]
    (band,) = axes.collections
    box = band.get_datalim(axes.transData)
    assert (box.x0, box.x1) == (10, 34)
    assert (box.y0, box.y1) == pytest.approx((0.26 - 0.02, 0.5 + 0.02))


def test_curves_differ_without_color_too():
    networks = {f"net {k}": _curve() for k in range(20)}
    lines = draw_curves(networks, oracle=_curve()).axes[0].lines
    looks = {(line.get_marker(), line.get_linestyle()) for line in lines}
    assert len(looks) == len(lines) == 21


def test_early_stopping_is_drawn_in_the_color_of_its_network():
    axes = draw_curves(
        {"a": _curve(), "b": _curve()}, budget={"b": budget()}
    ).axes[0]
    colors = {line.get_label(): line.get_color() for line in axes.lines}
    assert colors["b, stopping early"] == colors["b"] != colors["a"]
    drawn = _lines(axes)["b, stopping early"]
    assert drawn == ([12.0, 40.0, 90.0], [0.45, 0.2, 0.12])


@pytest.mark.parametrize(
    ("macs", "form", "labels"),
    [
        ((10_000_000, 150_000_000), "linear", {"0", "100"}),
        ((10_000_000, 300_000_000), "log", {"10", "20", "50", "100", "200"}),
        ((100, 90_000_000_000), "log", {"0.001", "1", "10"}),
        ((0, 100), "linear", {"0", "20"}),
    ],
)
def test_costs_that_span_much_are_drawn_on_a_logarithmic_axis(
    macs, form, labels
):
    figure = draw_curves([named("a", macs=macs, errors=(0.5, 0.1))])
    figure.draw_without_rendering()
    axes = figure.axes[0]
    assert axes.get_xscale() == form
    assert labels <= {text.get_text() for text in axes.get_xticklabels()}
    low, high = axes.get_xlim()
    assert low <= macs[0] and high > macs[-1]


def test_bars_of_deadlines_are_errors_with_whiskers():
    simulated = simulation()
    axes = draw_deadlines(simulated).axes[0]
    bars = [
        container
        for container in axes.containers
        if hasattr(container, "patches")
    ]
    labels = [bar.get_label().split(":")[0] for bar in bars]
    assert labels == ["Baseline", "Nested", "Oracle (all)", "Oracle (each)"]
    for bar, scheme in zip(
        bars, ("baseline", "nested", "oracle_all", "oracle_each"), strict=True
    ):
        heights = tuple(patch.get_height() for patch in bar.patches)
        assert heights == simulated.errors[scheme]
        (whiskers,) = bar.errorbar.lines[2]
        for whisker, ends in zip(
            whiskers.get_segments(), simulated.intervals[scheme], strict=True
        ):
            assert whisker[:, 1] == pytest.approx(ends)
    ticks = [text.get_text() for text in axes.get_xticklabels()]
    assert ticks == ["4\n50%", "8\n100%", "none"]
    assert axes.get_ylim()[0] == 0


def test_increases_are_drawn_as_they_are_and_the_optimal_at_0():
    axes = draw_relative_increase(
        {
            "a": {3: -1.0, 1: 20.0, 2: 0.0},
            "b": {1: Spread(9, 1, 7, 12), 2: Spread(5, *[math.nan] * 3)},
        }
    ).axes[0]
    lines = _lines(axes)
    assert lines["optimal"][1] == [0, 0]
    assert lines["a"] == ([1, 2, 3], [20, 0, -1])
    assert lines["b"] == ([1, 2], [9, 5])
    (bars,) = axes.collections
    assert [list(bar[:, 1]) for bar in bars.get_segments()] == [[7, 12]]


def test_priorities_are_drawn_stage_by_stage():
    spread = aggregate(
        [
            _curve(),
            _curve(errors=(0.4, 0.2, 0.2)),
            _curve(errors=(0.45, 0.25, 0.15)),
        ]
    )
    axes = draw_priorities({(3, 1, 2): spread, "SGD": _curve()}).axes[0]
    for label, errors in {
        "3, 1, 2": [0.45, 0.25, 0.15],
        "SGD": [0.5, 0.3, 0.1],
    }.items():
        stages, drawn = _lines(axes)[label]
        assert [round(stage) for stage in stages] == [1, 2, 3]
        assert drawn == pytest.approx(errors)
    assert len(axes.collections) == 3  # The intervals over the runs.


def test_the_finest_label_sets_are_marked():
    axes = draw_label_sets(hierarchical(), 0.4).axes[0]
    lines = _lines(axes)
    assert lines["wanted error: 40% at most"][1] == [0.4, 0.4]
    marked = lines["finest labels within it"]
    assert marked == ([10, 30, 100], [0.35, 0.4, 0.2])
    figure = draw_label_sets(hierarchical(), 0.05)
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert "finest labels within it" not in texts
    figure = draw_label_sets(hierarchical())
    assert len(figure.legends[0].get_texts()) == 2


def test_errors_by_latency_hold_until_the_next_answer():
    networks = {"nested": [(1.0, 0.5), (4.0, 0.2)], "w4": [(3.0, 0.15)]}
    figure = draw_latencies(networks)
    (axes,) = figure.axes
    assert _lines(axes) == {
        name: tuple(map(list, zip(*stages, strict=True)))
        for name, stages in networks.items()
    }
    assert axes.lines[0].get_drawstyle() == "steps-post"
    assert axes.get_xlabel() == "time to the answer (ms)"
    assert axes.get_xlim()[0] == 0


@pytest.mark.parametrize(
    ("plot", "message"),
    [
        (lambda path: plots.plot_latencies({}, path), "at least one"),
        (lambda path: plots.plot_latencies({"a": []}, path), "'a': 0"),
        (
            lambda path: plots.plot_latencies({"a": [(0.0, 0.5)]}, path),
            "0.0 ms and 0.5",
        ),
        (lambda path: plots.plot_curves({}, path), "empty"),
        (lambda path: plots.plot_curves([], path), "empty"),
        (
            lambda path: plots.plot_curves([_curve(), _curve()], path),
            "2 curves in `curves` are called 'net'",
        ),
        (lambda path: plots.plot_curves({"a": 3}, path), "'a' is 3"),
        (lambda path: plots.plot_curves([budget()], path), "AnytimeCurve"),
        (
            lambda path: plots.plot_curves([_curve()], path, budget=[_curve()]),
            "`budget` must be of `BudgetCurve`s",
        ),
        (lambda path: plots.plot_curves(3, path), "curves=3"),
        (
            lambda path: plots.plot_curves([_curve()], path, budget=_curve()),
            "BudgetCurve",
        ),
        (lambda path: budget().plot(path, budget()), "AnytimeCurve"),
        (lambda path: hierarchical().plot(path, 1.5), "error=1.5"),
        (lambda path: HierarchicalCurve({}).plot(path), "empty"),
        (lambda path: plots.plot_relative_increase({}, path), "no increase"),
        (
            lambda path: plots.plot_relative_increase({"a": {}}, path),
            "no increase",
        ),
        (
            lambda path: plots.plot_relative_increase(
                {"a": {1: 2.0, 2: math.inf}}, path
            ),
            "inf of 'a' at 2",
        ),
        (
            lambda path: plots.plot_relative_increase({"a": {"1": 2.0}}, path),
            "'1' of 'a'",
        ),
        (
            lambda path: plots.plot_relative_increase(
                {"a": {1: 2.0}, "b": {0.25: 2.0, 1: 3.0}}, path
            ),
            "'a' by stage, 'b' by share",
        ),
        (
            lambda path: plots.plot_priorities(
                {(1, 2, 3): _curve(), "SGD": long_curve(4)}, path
            ),
            "'1, 2, 3': 3, 'SGD': 4",
        ),
    ],
)
def test_what_cannot_be_drawn_is_refused(tmp_path, plot, message):
    with pytest.raises(ValueError, match=message):
        plot(tmp_path / "new" / "figure.svg")
    assert not list(tmp_path.iterdir())


def test_other_formats_are_refused_by_all(tmp_path):
    path = tmp_path / "figure.pdf"
    for plot, results in (
        (plots.plot_curves, [_curve()]),
        (plots.plot_relative_increase, {"a": {1: 2.0}}),
        (plots.plot_priorities, {"SGD": _curve()}),
        (plots.plot_latencies, {"a": [(1.0, 0.5)]}),
    ):
        with pytest.raises(ValueError, match=r"figure\.pdf"):
            plot(results, path)
    for result in (_curve(), budget(), hierarchical(), simulation()):
        with pytest.raises(ValueError, match=r"figure\.pdf"):
            result.plot(path)
    assert not list(tmp_path.iterdir())


def test_without_matplotlib_the_extra_is_named(tmp_path, monkeypatch):
    for name in [
        module for module in sys.modules if module.startswith("matplotlib")
    ]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    for plot in (_curve().plot, simulation().plot, hierarchical().plot):
        with pytest.raises(ImportError, match=r"keras-anytime\[plot\]"):
            plot(tmp_path / "curve.png")
    assert not list(tmp_path.iterdir())
