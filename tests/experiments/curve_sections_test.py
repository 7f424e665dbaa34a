import csv
import dataclasses
import types

import pytest

import keras_anytime as ka
from keras_anytime.evaluation.plots.curves import draw_curves
from keras_anytime.evaluation.points import TaskPoint
from keras_anytime.experiments import curve_sections
from keras_anytime.experiments.curve_sections import add_oracles
from keras_anytime.experiments.curve_sections import add_relative_increase
from keras_anytime.experiments.runs import EvaluatedRun
from tests.evaluation import task_nets
from tests.evaluation.examples import curve
from tests.testing import sampled


def test_an_oracle_without_errors_leaves_the_picture_out(tmp_path):
    results = ka.evaluation.ReportFolder(tmp_path / "out", "x", "y")
    curves = ka.evaluation.aggregate([curve()])
    perfect = curve(errors=(0.5, 0.3, 0.0))
    add_relative_increase(results, "stage", {"net": curves}, {"OPT": perfect})
    results.write_report()
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "increase_by_stage.csv",
        "provenance.json",
        "report.html",
    }
    written = (tmp_path / "out" / "increase_by_stage.csv").read_text()
    assert written.splitlines()[1].startswith("net,OPT,0.0,0.0,inf")


def test_both_oracles_are_reported_by_name(tmp_path):
    results = ka.evaluation.ReportFolder(tmp_path, "x", "y")
    # The largest separate network is worse than the one before it.
    separate = [
        curve((cost,), (error,)) for cost, error in ((10, 0.4), (90, 0.5))
    ]
    oracles = add_oracles(results, separate)
    network = curve((20, 100), (0.6, 0.6))
    networks = {"net": ka.evaluation.aggregate([network])}
    for by in ("stage", "cost"):
        add_relative_increase(results, by, networks, oracles)
        with (tmp_path / f"increase_by_{by}.csv").open() as file:
            opt, best = csv.DictReader(file)
        assert (opt["oracle"], best["oracle"]) == ("OPT", "OPT+")
        last = "percent_at_stage_2" if by == "stage" else "percent_at_cost_1"
        assert float(opt[last]) == pytest.approx(20)  # 0.6 for 0.5
        assert float(best[last]) == pytest.approx(50)  # 0.6 for 0.4
        assert (tmp_path / f"increase_by_{by}.png").exists()
    for name, last_error in (("oracle", 0.5), ("oracle_best", 0.4)):
        read = ka.evaluation.AnytimeCurve.from_json(tmp_path / f"{name}.json")
        assert read.points[-1].top1_error == last_error
    figure = draw_curves(networks, oracles)
    lines = {line.get_label(): line for line in figure.axes[0].lines}
    assert lines["OPT"].get_linestyle() != lines["OPT+"].get_linestyle()


@pytest.mark.parametrize(
    "name", sampled(["regression", "segmentation"], ["regression"])
)
def test_a_report_has_the_errors_of_the_task(tmp_path, name):
    task = task_nets.TASKS[name]
    model, data = task_nets.net(task), task_nets.data(task)
    predictions = ka.evaluation.predict_stages(model, data, verbose=False)
    costs = ka.evaluation.stage_costs(model)
    measured = ka.evaluation.curve_from_predictions(predictions, costs)
    run = types.SimpleNamespace(name="run")
    evaluated = EvaluatedRun(run, predictions, costs, {None: measured})
    results = ka.evaluation.ReportFolder(
        tmp_path, "x", ka.evaluation.summary(measured, "made-up data")
    )
    curve_sections.add_curve(results, [evaluated] * 2)
    curve_sections.add_comparison(results, [evaluated] * 2, [evaluated] * 2)
    curve_sections.add_networks(
        results,
        {"runs": [evaluated], "against": [], "baseline": [], "oracle": []},
    )
    if task.has_confidence:
        curve_sections.add_budget(results, evaluated, None, None)
    text = results.write_report().read_text()
    assert task.error_name in text and "top-1" not in text
    picture = (tmp_path / "curve.svg").read_text()
    assert task.error_name in picture and "multiply-adds per example" in picture


def test_of_label_sets_of_other_tasks_none_is_the_finest(tmp_path):
    depth = dataclasses.replace(
        curve(), points=(), task=ka.tasks.Regression(), guess_error=1.0
    )
    depth = dataclasses.replace(
        depth,
        points=tuple(
            TaskPoint(point.stage, point.macs, 1, 3.0)
            for point in curve().points
        ),
    )
    evaluated = EvaluatedRun(None, None, [], {"kind": curve(), "depth": depth})
    results = ka.evaluation.ReportFolder(tmp_path, "x", "y")
    curve_sections.add_label_sets(results, evaluated, 0.5)
    assert {path.stem for path in tmp_path.iterdir()} == {"label_sets"}
