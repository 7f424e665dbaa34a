import csv
import dataclasses
import math

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st
from scipy import stats

from keras_anytime.evaluation import AnytimeCurve
from keras_anytime.evaluation import aggregate
from keras_anytime.evaluation import compare
from keras_anytime.evaluation import relative_increase
from keras_anytime.evaluation.spread import Spread
from tests.evaluation.examples import curve

_ERRORS = [(0.5, 0.3, 0.1), (0.6, 0.3, 0.2), (0.52, 0.36, 0.12)]


def _curves(errors=_ERRORS, **settings):
    return [curve(errors=error, **settings) for error in errors]


@hypothesis.given(
    st.lists(st.floats(0, 1), min_size=2, max_size=9), st.floats(0.5, 0.99)
)
def test_a_spread_by_its_definition(values, confidence_level):
    spread = Spread.of(values, confidence_level)
    assert spread.mean == pytest.approx(sum(values) / len(values))
    squares = sum((value - spread.mean) ** 2 for value in values)
    assert spread.std == pytest.approx(
        math.sqrt(squares / (len(values) - 1)), abs=1e-9
    )
    half = stats.t(len(values) - 1).ppf(0.5 + confidence_level / 2)
    half *= spread.std / math.sqrt(len(values))
    assert spread.low == pytest.approx(spread.mean - half, abs=1e-9)
    assert spread.high == pytest.approx(spread.mean + half, abs=1e-9)


def test_one_run_has_no_spread():
    spread = Spread.of([0.25])
    assert spread.mean == 0.25
    assert math.isnan(spread.std) and math.isnan(spread.low)
    assert f"{spread:.1%}" == "25.0%"
    assert f"{Spread.of([0.2, 0.3]):.1%}" == "25.0% (7.1%)"


def test_numbers_over_runs_are_those_of_each_run(tmp_path):
    curves = _curves()
    found = aggregate(curves)
    errors = np.array(_ERRORS)
    assert [at_stage.mean for at_stage in found.at_stages()] == pytest.approx(
        errors.mean(0).tolist()
    )
    assert [at_stage.std for at_stage in found.at_stages()] == pytest.approx(
        errors.std(0, ddof=1).tolist()
    )
    assert found.average_error.mean == pytest.approx(errors.mean())
    assert found.average_error.std == pytest.approx(errors.mean(1).std(ddof=1))
    for share, spread in found.milestones.items():
        values = [run_curve.error_at(share) for run_curve in curves]
        assert spread.mean == pytest.approx(np.mean(values))
    text = str(found)
    assert "3 runs" in text and "14.00% (5.29%)" in text
    assert found.to_dict()["average_error"]["mean"] == found.average_error.mean
    found.to_csv(tmp_path / "seeds.csv")
    with (tmp_path / "seeds.csv").open() as file:
        rows = list(csv.DictReader(file))
    for row, spread in zip(rows, found.at_stages(), strict=True):
        for name in ("mean", "std", "low", "high"):
            assert float(row[f"top1_error_{name}"]) == getattr(spread, name)


def test_the_mean_curve_has_the_intervals_of_the_runs(tmp_path):
    curves = [
        dataclasses.replace(run_curve, overthinking_rate=rate)
        for run_curve, rate in zip(_curves(), (0.1, 0.2, 0.3), strict=True)
    ]
    found = aggregate(curves)
    mean = found.mean
    spreads = found.at_stages()
    assert [point.top1_error for point in mean.points] == [
        spread.mean for spread in spreads
    ]
    assert [point.top1_low for point in mean.points] == [
        spread.low for spread in spreads
    ]
    assert mean.overthinking_rate == pytest.approx(0.2)
    assert mean.points[0].loss is None
    assert mean.points[0].macs == 10
    assert [point.top1_runs for point in mean.points] == list(
        zip(*_ERRORS, strict=True)
    )
    assert mean.num_runs == 3 and "mean of 3 runs" in str(mean)
    mean.to_json(tmp_path / "mean.json")
    assert AnytimeCurve.from_json(tmp_path / "mean.json") == mean
    mean.to_csv(tmp_path / "mean.csv")
    assert "top1_runs" not in (tmp_path / "mean.csv").read_text()
    # Of a single run there is no spread: it stays as it is.
    assert aggregate(curves[:1]).mean == curves[0]


def test_relative_increases_over_runs():
    curves = _curves()
    optimal = curve((10, 30, 100), (0.4, 0.2, 0.1))
    found = aggregate(curves).relative_increase(optimal)
    for share, spread in found.items():
        values = [
            relative_increase(run_curve, optimal)[share] for run_curve in curves
        ]
        assert spread.mean == pytest.approx(np.mean(values))
    # Each run with an oracle of its own.
    found = aggregate(curves).relative_increase(curves, by="stage")
    assert {spread.mean for spread in found.values()} == {0}
    with pytest.raises(ValueError, match="3 curves and 2"):
        aggregate(curves).relative_increase(curves[:2])
    with pytest.raises(ValueError, match="optimal=None"):
        aggregate(curves).relative_increase(None)


@hypothesis.given(st.integers(0, 999), st.integers(2, 6))
def test_a_comparison_is_the_paired_t_test(seed, runs):
    rng = np.random.default_rng(seed)
    errors, others = rng.random((2, runs, 3)).tolist()
    found = compare(_curves(errors), _curves(others), ("OSGD", "SGD"), 0.9)
    assert (found.num_runs, found.confidence_level) == (runs, 0.9)
    averages = np.mean(errors, 1), np.mean(others, 1)
    columns = [
        *zip(np.transpose(errors), np.transpose(others), strict=True),
        averages,
    ]
    spreads = [*found.stages, found.average_error]
    for spread, (a, b) in zip(spreads, columns, strict=True):
        want = stats.ttest_rel(a, b).confidence_interval(0.9)
        assert (spread.low, spread.high) == pytest.approx((want.low, want.high))
        assert spread.mean == pytest.approx(np.mean(a - b))
    assert "OSGD minus SGD" in str(found)


def test_pairs_cancel_what_seeds_have_in_common():
    others = [tuple(error + 0.01 for error in errors) for errors in _ERRORS]
    found = compare(_curves(others), _curves())
    for spread in (*found.stages, found.average_error):
        assert spread.mean == pytest.approx(0.01)
        assert spread.low > 0


def test_what_cannot_be_joined_is_refused():
    short = curve((10, 30), (0.5, 0.3))
    with pytest.raises(ValueError, match=r"curves of \[2, 3\] stages"):
        aggregate([curve(), short])
    with pytest.raises(
        ValueError, match=r"\[10, 30, 100\] and \[10, 30, 200\]"
    ):
        aggregate([curve(), curve((10, 30, 200))])
    with pytest.raises(ValueError, match="same examples"):
        aggregate([curve(), curve(examples=7)])
    with pytest.raises(ValueError, match="no curve"):
        aggregate([])
    with pytest.raises(ValueError, match="confidence_level=95"):
        compare(_curves(), _curves(), confidence_level=95)
    with pytest.raises(ValueError, match="`AnytimeCurve`s.*dict"):
        aggregate([curve().to_dict()])
    with pytest.raises(ValueError, match="2 curves and 3"):
        compare(_curves()[:2], _curves())
    with pytest.raises(ValueError, match="two pairs.*Received: 1"):
        compare(_curves()[:1], _curves()[:1])
    with pytest.raises(ValueError, match=r"\[2, 3\] stages"):
        compare(_curves()[:2], [short, short])
    with pytest.raises(ValueError, match="same examples"):
        compare(_curves(), _curves(classes=3))
