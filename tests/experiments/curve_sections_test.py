import keras_anytime as ka
from keras_anytime.experiments.curve_sections import add_relative_increase
from tests.evaluation.examples import curve


def test_an_oracle_without_errors_leaves_the_picture_out(tmp_path):
    results = ka.evaluation.ReportFolder(tmp_path / "out", "x", "y")
    curves = ka.evaluation.aggregate([curve()])
    perfect = curve(errors=(0.5, 0.3, 0.0))
    add_relative_increase(results, "stage", {"net": curves}, perfect)
    results.write_report()
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "increase_by_stage.csv",
        "provenance.json",
        "report.html",
    }
    written = (tmp_path / "out" / "increase_by_stage.csv").read_text()
    assert written.splitlines()[1].startswith("net,0.0,0.0,inf")
