import csv
import json

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from keras_anytime.evaluation import budget_curve
from keras_anytime.evaluation import confidence_thresholds
from keras_anytime.evaluation import dynamic_evaluation
from tests.evaluation.examples import costs
from tests.evaluation.examples import random_predictions

_COSTS = costs(10, 20, 70)
_REACH = (10, 30, 100)


@hypothesis.given(
    st.integers(0, 999), st.lists(st.floats(0, 1), min_size=2, max_size=2)
)
def test_dynamic_evaluation_by_its_definition(seed, thresholds):
    predictions = random_predictions(seed, examples=40)
    spent, wrong, stopped = 0, 0, [0, 0, 0]
    for n in range(40):
        for k in range(3):
            last = k == 2
            if last or predictions.confidences[n, k] > thresholds[k]:
                spent += _REACH[k]
                wrong += not predictions.correct[n, k]
                stopped[k] += 1
                break
    found = dynamic_evaluation(predictions, _COSTS, thresholds)
    assert found.mean_macs == pytest.approx(spent / 40)
    assert found.top1_error == pytest.approx(wrong / 40)
    assert found.shares == pytest.approx([count / 40 for count in stopped])
    assert found.thresholds == tuple(thresholds)


@hypothesis.given(
    st.integers(0, 999),
    st.integers(20, 400),
    st.lists(st.integers(1, 90), min_size=1, max_size=5),
    st.floats(0, 1),
)
@hypothesis.settings(max_examples=100)
def test_thresholds_meet_the_budget_with_geometric_shares(
    seed, examples, steps, share
):
    predictions = random_predictions(seed, examples, len(steps))
    own = costs(*steps)
    reach = np.cumsum(steps)
    budget = float(reach[0] + share * (reach[-1] - reach[0]))
    thresholds = confidence_thresholds(predictions, own, budget)
    found = dynamic_evaluation(predictions, own, thresholds)
    # Each stage's share is rounded to whole examples.
    assert abs(found.mean_macs - budget) <= reach[-1] / examples + 1e-6
    shares = np.array(found.shares)
    if 0.05 < share < 0.95 and len(steps) > 2 and shares.min() > 0.1:
        ratios = shares[1:] / shares[:-1]
        assert ratios.max() / ratios.min() == pytest.approx(
            1, abs=20 / examples / shares.min()
        )


def test_the_most_confident_stop_first():
    predictions = random_predictions(examples=300)
    thresholds = confidence_thresholds(predictions, _COSTS, 50)
    stopped = predictions.confidences[:, 0] > thresholds[0]
    confident = predictions.confidences[:, 0]
    assert 0 < stopped.sum() < 300
    assert confident[stopped].min() > confident[~stopped].max()


def test_the_ends_of_the_budget():
    predictions = random_predictions()
    assert confidence_thresholds(predictions, _COSTS, 10) == (0, 0)
    found = dynamic_evaluation(predictions, _COSTS, (0, 0))
    assert (found.mean_macs, found.shares) == (10, (1, 0, 0))
    assert confidence_thresholds(predictions, _COSTS, 100) == (1, 1)
    found = dynamic_evaluation(predictions, _COSTS, (1, 1))
    assert (found.mean_macs, found.shares) == (100, (0, 0, 1))
    alone = random_predictions(stages=1)
    assert confidence_thresholds(alone, costs(7), 7) == ()
    assert budget_curve(alone, alone, costs(7)).budgets == (7,)
    assert dynamic_evaluation(alone, costs(7), ()).mean_macs == 7


def test_the_curve_measures_other_data_than_it_chose_on(tmp_path):
    validation, test = (
        random_predictions(seed, examples=500) for seed in (0, 1)
    )
    curve = budget_curve(validation, test, _COSTS)
    assert curve.budgets == pytest.approx(np.linspace(10, 100, 9))
    assert curve.examples == 500 and curve.name == "net 1"
    for budget, point in zip(curve.budgets, curve.points, strict=True):
        thresholds = confidence_thresholds(validation, _COSTS, budget)
        assert point == dynamic_evaluation(test, _COSTS, thresholds)
        assert point.mean_macs == pytest.approx(budget, abs=8)
    # Later stages are better here, so that more cost makes fewer errors.
    assert curve.points[-1].top1_error < curve.points[0].top1_error
    curve.to_csv(tmp_path / "budget.csv")
    curve.to_json(tmp_path / "budget.json")
    with (tmp_path / "budget.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [float(row["top1_error"]) for row in rows] == [
        point.top1_error for point in curve.points
    ]
    assert [float(rows[4][f"threshold_{k}"]) for k in (1, 2)] == list(
        curve.points[4].thresholds
    )
    content = json.loads((tmp_path / "budget.json").read_text())
    assert content["budgets"] == list(curve.budgets)
    assert len(str(curve).splitlines()) == 2 + 9


def test_what_does_not_fit_is_refused():
    predictions = random_predictions()
    for budget in (9, 101, np.nan):
        with pytest.raises(ValueError, match=f"mean_macs={budget}"):
            confidence_thresholds(predictions, _COSTS, budget)
        with pytest.raises(ValueError, match=f"mean_macs={budget}"):
            budget_curve(predictions, predictions, _COSTS, [50, budget])
    for function in (confidence_thresholds, dynamic_evaluation):
        with pytest.raises(ValueError, match="2 costs for answers of 3"):
            function(predictions, costs(1, 2), 0.5)
    fewer = random_predictions(classes=5)
    with pytest.raises(ValueError, match=r"n\(10\), and of 3 of Class.*n\(5\)"):
        budget_curve(predictions, fewer, _COSTS)
    with pytest.raises(ValueError, match="one, or 2"):
        dynamic_evaluation(predictions, _COSTS, (0.5,))
