import csv
import types

import numpy as np
import pytest

import keras_anytime as ka
from keras_anytime.evaluation.metrics import calibration_error
from keras_anytime.evaluation.metrics import overthinking
from keras_anytime.experiments import trust_sections
from keras_anytime.experiments.evaluate import check_runs
from keras_anytime.experiments.evaluate_settings import EvaluateSettings
from keras_anytime.experiments.runs import EvaluatedRun
from tests.evaluation import task_nets
from tests.evaluation.examples import costs
from tests.evaluation.examples import random_predictions

_COSTS = costs(10, 20, 70)


def _rows(path):
    with path.open() as file:
        return list(csv.DictReader(file))


def _evaluated(predictions):
    return EvaluatedRun(
        types.SimpleNamespace(name="run"), predictions, _COSTS, {}
    )


@pytest.mark.parametrize("validation", [None, 1])
def test_sections_have_what_is_measured_on_other_images(tmp_path, validation):
    predictions = random_predictions(examples=1200, skill=1.5)
    other = validation and random_predictions(1, examples=800, skill=1.5)
    run = _evaluated(predictions)
    found = trust_sections.parts(run, other and _evaluated(other), "other")
    sizes = [part.examples for part in (found.fit, found.choose, found.test)]
    assert sizes == ([400, 400, 1200] if other else [300, 300, 600])
    assert ("other" in found.text) == bool(other)
    results = ka.evaluation.ReportFolder(tmp_path, "x", "y")
    trust_sections.add_trust(results, run, found, [0.02, 0.1], 0.8)
    results.write_report()
    temperatures = ka.evaluation.fit_temperatures(found.fit)
    calibrated = found.test.calibrated(temperatures)
    for k, row in enumerate(_rows(tmp_path / "calibration.csv")):
        assert float(row["temperature"]) == pytest.approx(temperatures[k])
        for name, answers in (("before", found.test), ("after", calibrated)):
            assert float(row[f"calibration_error_{name}"]) == pytest.approx(
                calibration_error(
                    answers.confidences[:, k], answers.correct[:, k]
                )
            )
    alone, product = _rows(tmp_path / "product_answers.csv")
    for row, answers in (
        (alone, found.test),
        (product, found.test.product()),
    ):
        assert float(row["stage_3_error"]) == answers.errors[:, 2].mean()
        worse = overthinking(answers.errors).mean()
        assert float(row["gets_worse"]) == worse
        assert float(row["gets_worse_low"]) <= worse
    rows = _rows(tmp_path / "risk_control.csv")
    assert [(row["answers"], float(row["risk"])) for row in rows] == [
        ("each stage alone", 0.02),
        ("each stage alone", 0.1),
        ("product", 0.02),
        ("product", 0.1),
    ]
    control = ka.evaluation.risk_controlled_thresholds(
        found.choose.product(), 0.1, 0.8
    )
    last = rows[-1]
    assert float(last["threshold"]) == control.thresholds[0]
    point = ka.evaluation.dynamic_evaluation(
        found.test.product(), _COSTS, control.thresholds
    )
    assert float(last["share_of_macs"]) == pytest.approx(point.mean_macs / 100)
    assert float(last["loss"]) == pytest.approx(
        float(last["error"]) - float(last["last_stage_error"])
    )


@pytest.mark.parametrize("name", ["multi_label", "segmentation"])
def test_other_tasks_have_thresholds_alone(tmp_path, name):
    task = task_nets.TASKS[name]
    model, data = task_nets.net(task), task_nets.data(task)
    predictions = ka.evaluation.predict_stages(model, data, verbose=False)
    run = EvaluatedRun(
        types.SimpleNamespace(name="run"),
        predictions,
        ka.evaluation.stage_costs(model),
        {},
    )
    found = trust_sections.parts(run, None, None)
    results = ka.evaluation.ReportFolder(tmp_path, "x", "y")
    trust_sections.add_trust(results, run, found, [0.5], 0.9)
    assert {path.name for path in tmp_path.iterdir()} == {"risk_control.csv"}
    text = results.write_report().read_text()
    assert "are those of choices of one class" in text


def test_without_enough_images_or_risks_there_is_less(tmp_path):
    few = random_predictions(examples=3)
    assert trust_sections.parts(_evaluated(few), None, None) is None
    assert (
        trust_sections.parts(
            _evaluated(few), _evaluated(few.part(slice(1))), "one"
        )
        is None
    )
    run = _evaluated(random_predictions(examples=40))
    results = ka.evaluation.ReportFolder(tmp_path, "x", "y")
    found = trust_sections.parts(run, None, None)
    trust_sections.add_trust(results, run, found, [], 0.9)
    assert not (tmp_path / "risk_control.csv").exists()
    assert np.isfinite(
        [
            float(row["temperature"])
            for row in _rows(tmp_path / "calibration.csv")
        ]
    ).all()


def test_a_risk_that_is_none_is_refused_before_there_is_work():
    groups = {"runs": [None], "oracle": [], "priorities": []}
    settings = EvaluateSettings(risks=["0.01", "2"])
    with pytest.raises(ValueError, match="Received: risk=2.0, level=0.9"):
        check_runs(settings, groups)
