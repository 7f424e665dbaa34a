import csv

import pytest

import keras_anytime as ka
from keras_anytime.evaluation.plots.curves import draw_curves
from keras_anytime.experiments.curve_sections import add_oracles
from keras_anytime.experiments.curve_sections import add_relative_increase
from tests.evaluation.examples import curve


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
