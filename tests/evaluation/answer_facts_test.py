"""Predictions record their stages, temperatures, products and label set."""

import dataclasses
import json

import numpy as np
import pytest

import keras_anytime as ka
from keras_anytime.evaluation import Predictions
from keras_anytime.evaluation import RiskControl
from keras_anytime.evaluation import TimedPredictions
from keras_anytime.evaluation import risk_controlled_thresholds
from keras_anytime.evaluation.label_set_answers import LabelSetPredictions
from keras_anytime.runtime.timing import TimedAnswers
from tests.evaluation import examples
from tests.evaluation.examples import costs
from tests.evaluation.examples import random_predictions

_COSTS = costs(10, 20, 70)
_SETS = LabelSetPredictions(
    fine=random_predictions(0), coarse=random_predictions(1)
)
_ARRAYS = ("labels", "errors", "confidences", "top5", "losses", "logits")


def _assert_same(found, want):
    for name in _ARRAYS:
        a, b = getattr(found, name), getattr(want, name)
        assert (a is None) == (b is None)
        if a is not None:
            np.testing.assert_array_equal(a, b)


def test_a_part_and_some_stages_are_those_of_the_logits():
    predictions = dataclasses.replace(random_predictions(), label_set="fine")
    logits = np.moveaxis(predictions.logits, 1, 0)
    kept = predictions.part(slice(50)).of_stages([1, 3])
    want = Predictions.from_logits(logits[[0, 2], :50], predictions.labels[:50])
    _assert_same(kept, want)
    assert kept.stages == (1, 3) and kept.label_set == "fine"
    assert kept.of_stages([3]).stages == (3,)
    calibrated = predictions.calibrated((1, 2, 4)).of_stages((2, 3))
    assert calibrated.temperatures == (2, 4)
    _assert_same(calibrated, predictions.of_stages([2, 3]).calibrated((2, 4)))
    product = kept.product()
    assert product.product_answers and product.stages == (1, 3)
    assert product.part(slice(3)).product_answers
    assert product.part(slice(3)).label_set == "fine"


def test_temperatures_are_those_of_the_logits_of_the_network():
    predictions = random_predictions()
    twice = predictions.calibrated((4, 4, 4)).calibrated((1, 2, 3))
    _assert_same(twice, predictions.calibrated((1, 2, 3)))
    assert twice.temperatures == (1, 2, 3)
    assert ka.evaluation.fit_temperatures(
        twice
    ) == ka.evaluation.fit_temperatures(predictions)
    # Also where no class is left, as on a device.
    _assert_same(twice.product(), predictions.product())
    assert twice.product().temperatures is None


def test_a_curve_knows_whether_it_is_of_product_answers(tmp_path):
    predictions = dataclasses.replace(random_predictions(), label_set="fine")
    curves = [
        ka.evaluation.curve_from_predictions(p, _COSTS)
        for p in (predictions, predictions.calibrated((1, 2, 3)))
    ]
    assert not any(curve.product_answers for curve in curves)
    assert "product_answers" not in curves[0].to_dict()
    product = ka.evaluation.curve_from_predictions(
        predictions.product(), _COSTS
    )
    product.to_json(tmp_path / "curve.json")
    read = ka.evaluation.AnytimeCurve.from_json(tmp_path / "curve.json")
    assert read.product_answers is True and read.label_set == "fine"
    with pytest.raises(ValueError, match="answer alike. Received: .*products?"):
        ka.evaluation.aggregate([curves[0], product])
    assert ka.evaluation.aggregate([product] * 2).mean.product_answers
    content = product.to_dict() | {"product_answers": "false"}
    with pytest.raises(ValueError, match="product_answers='false'"):
        ka.evaluation.AnytimeCurve.from_dict(content)


def test_a_control_knows_what_it_is_for():
    predictions = random_predictions(examples=400, skill=2.0)
    calibrated = predictions.calibrated((1, 2, 4)).of_stages([1, 3])
    control = risk_controlled_thresholds(calibrated, 0.2)
    assert control.stages == (1, 3) and control.temperatures == (1, 4)
    assert not control.product_answers and len(control.thresholds) == 1
    product = risk_controlled_thresholds(predictions.product(), 0.2)
    assert product.product_answers and product.stages == (1, 2, 3)
    for chosen in (control, product):
        assert RiskControl(**json.loads(json.dumps(chosen.to_dict()))) == chosen


def test_costs_are_those_of_the_stages():
    kept = random_predictions().of_stages([1, 3])
    with pytest.raises(ValueError, match=r"same stages.*\(1, 2\).*\(1, 3\)"):
        ka.evaluation.curve_from_predictions(kept, _COSTS[:2])
    curve = ka.evaluation.curve_from_predictions(kept, _COSTS[::2])
    assert [point.stage for point in curve.points] == [1, 3]


def test_budgets_are_of_one_kind_of_answers():
    predictions = random_predictions()
    for other in (
        predictions.product(),
        predictions.calibrated((1, 2, 3)),
    ):
        with pytest.raises(ValueError, match="same kind.*Received: stages"):
            ka.evaluation.budget_curve(predictions, other, _COSTS)


def test_answers_of_a_file_count_as_the_file_gives_them():
    logits = np.moveaxis(random_predictions().logits, 1, 0)[:2]
    labels = random_predictions().labels
    answers = TimedAnswers(
        logits,
        np.array([1.0, 2]),
        temperatures=(2.0, 3.0),
        stages=(1, 3),
        label_set="fine",
    )
    found = TimedPredictions.from_answers(answers, labels).predictions
    want = Predictions.from_logits(logits, labels).calibrated((2, 3))
    np.testing.assert_array_equal(found.confidences, want.confidences)
    assert found.stages == (1, 3) and found.temperatures == (2, 3)
    assert risk_controlled_thresholds(found, 0.5).label_set == "fine"
    # Of several labels, the errors do not depend on temperatures.
    task = ka.tasks.MultiLabel(10)
    many = np.eye(10, dtype=int)[labels]
    found = TimedPredictions.from_answers(answers, many, task=task).predictions
    want = Predictions.from_logits(
        [logits[0] / 2, logits[1] / 3], many, task=task
    )
    np.testing.assert_array_equal(found.confidences, want.confidences)
    assert found.temperatures == (2, 3)


_CONTROL = {
    "thresholds": (0.5, 0.5),
    "risk": 0.1,
    "level": 0.9,
    "examples": 5,
    "bound": "wsr",
}


@pytest.mark.parametrize(
    "use",
    [
        lambda: risk_controlled_thresholds(_SETS, 0.1),
        lambda: ka.evaluation.fit_temperatures(_SETS),
        lambda: ka.evaluation.fit_temperatures(dict(_SETS)),
        lambda: ka.evaluation.curve_from_predictions(_SETS, _COSTS),
        lambda: ka.evaluation.budget_curve(_SETS, _SETS, _COSTS),
        lambda: ka.evaluation.confidence_thresholds(_SETS, _COSTS, 50),
        lambda: ka.evaluation.dynamic_evaluation(_SETS, _COSTS, 0.5),
        lambda: TimedPredictions(_SETS, [1.0, 2, 3]),
        lambda: _SETS.product(),
        lambda: _SETS.calibrated((1, 2, 3)),
        lambda: _SETS.part(slice(3)),
    ],
)
def test_several_label_sets_are_told_apart(use):
    with pytest.raises(
        (ValueError, AttributeError),
        match=r"`predictions\['fine'\]`.*first set. Received: a dict of",
    ):
        use()


@pytest.mark.parametrize(
    "use",
    [
        lambda: risk_controlled_thresholds(_COSTS, 0.1),
        lambda: ka.evaluation.curve_from_predictions(None, _COSTS),
        lambda: TimedPredictions(examples.curve(), [1.0, 2, 3]),
    ],
)
def test_what_is_no_predictions_is_refused(use):
    with pytest.raises(ValueError, match=r"`Predictions`.*Received: "):
        use()


# Values of another type that Python, NumPy or JSON would take silently.
_WRONG = {
    "an example's number": lambda p: p.part(5),
    "an example that is not there": lambda p: p.part(np.array([0, 200])),
    "an example before the first": lambda p: p.part(np.array([-201])),
    "too few booleans": lambda p: p.part(np.ones(5, bool)),
    "examples of floats": lambda p: p.part(np.array([0.0, 1.0])),
    "a table of examples": lambda p: p.part(np.zeros((2, 2), int)),
    "a slice of floats": lambda p: p.part(slice(0.5)),
    "examples as text": lambda p: p.part("12"),
    "a stage that is not there": lambda p: p.of_stages([1, 4]),
    "stages out of order": lambda p: p.of_stages([2, 1]),
    "no stages": lambda p: p.of_stages([]),
    "stages as text": lambda p: p.of_stages("12"),
    "a stage as a boolean": lambda p: p.of_stages([True, 2]),
    "one stage without a list": lambda p: p.of_stages(1),
    "temperatures as text": lambda p: p.calibrated("123"),
    "temperatures of texts": lambda p: p.calibrated(["1", "2", "3"]),
    "a temperature as a boolean": lambda p: p.calibrated((1, True, 2)),
    "one temperature": lambda p: p.calibrated(2.0),
    "a set of temperatures": lambda p: p.calibrated({1, 2, 3}),
    "a threshold as text": lambda p: ka.evaluation.dynamic_evaluation(
        p, _COSTS, "0.5"
    ),
    "a threshold as a boolean": lambda p: ka.evaluation.dynamic_evaluation(
        p, _COSTS, True
    ),
    "logits of texts": lambda p: ka.evaluation.fit_temperatures(
        np.full((1, 4, 3), "1.5"), np.zeros(4, int)
    ),
    "logits of booleans": lambda p: ka.evaluation.fit_temperatures(
        np.ones((1, 4, 3), bool), np.zeros(4, int)
    ),
    "complex logits": lambda p: ka.evaluation.fit_temperatures(
        np.ones((1, 4, 3), complex), np.zeros(4, int)
    ),
    "a flag as text": lambda p: Predictions.from_logits(
        np.ones((1, 4, 3)), np.zeros(4, int), keep_logits="false"
    ),
    "bounds in a list": lambda p: risk_controlled_thresholds(
        p, 0.1, bound=["wsr"]
    ),
    "a seed as a boolean": lambda p: risk_controlled_thresholds(
        p, 0.1, seed=True
    ),
    "no seed": lambda p: risk_controlled_thresholds(p, 0.1, seed=None),
    "a risk as text": lambda p: risk_controlled_thresholds(p, "0.1"),
    **{
        f"a control with {name}={value!r}": lambda p, change={name: value}: (
            RiskControl(**_CONTROL | change)
        )
        for name, value in (
            ("thresholds", (0.5, 0.6)),
            ("thresholds", ("0.5", "0.5")),
            ("risk", True),
            ("level", "0.9"),
            ("examples", 0),
            ("examples", 5.0),
            ("bound", "ucb"),
            ("stages", (1, 2)),
            ("stages", (1, 3, 2)),
            ("temperatures", (1, 2)),
            ("temperatures", ("1", "2", "3")),
            ("product_answers", "false"),
            ("product_answers", 1),
            ("label_set", 3),
        )
    },
    "products of products": lambda p: p.product().product(),
    "temperatures of products": lambda p: p.product().calibrated((1, 2, 3)),
    "fits to products": lambda p: ka.evaluation.fit_temperatures(p.product()),
    "stages of products": lambda p: p.product().of_stages([1, 2]),
}


@pytest.mark.parametrize("name", _WRONG)
def test_nothing_of_another_kind_is_taken_silently(name):
    with pytest.raises(ValueError, match="Received: ") as error:
        _WRONG[name](random_predictions())
    message = str(error.value)
    assert "\n" not in message
    if "products" in name:
        assert "product answers" in message and "keep_logits" not in message
