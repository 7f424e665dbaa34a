import csv
import json

import pytest

from keras_anytime.evaluation import ReportFolder
from tests.evaluation.examples import curve


def test_a_result_becomes_files_text_and_a_section(tmp_path, capsys):
    folder = ReportFolder(tmp_path / "run", "Nesting & widths", "All.")
    own = curve()
    folder.add("The curve", "curve", own, own.plot, text="In one pass.")
    written = {path.name for path in (tmp_path / "run").iterdir()}
    assert written == {"curve.csv", "curve.json", "curve.png", "curve.svg"}
    content = json.loads((tmp_path / "run" / "curve.json").read_text())
    assert content["average_error"] == pytest.approx(0.3)
    assert str(own) in capsys.readouterr().out
    path = folder.write_report()
    assert path == tmp_path / "run" / "report.html"
    source = json.loads((tmp_path / "run" / "provenance.json").read_text())
    assert {"command", "commit", "hardware", "versions"} <= set(source)
    text = path.read_text()
    for part in ("Nesting &amp; widths", "The curve", "In one pass.", "50.00%"):
        assert part in text
    assert "data:image/svg+xml;base64," in text


def test_rows_are_a_table(tmp_path, capsys):
    rows = [{"network": "w1", "mean": "1 ms"}, {"network": "w2", "mean": "2"}]
    ReportFolder(tmp_path, "x", "y").add("Latency", "latency", rows, text="z")
    with (tmp_path / "latency.csv").open() as file:
        assert list(csv.DictReader(file)) == rows
    assert "network  mean" in capsys.readouterr().out


def test_a_picture_alone_prints_nothing(tmp_path, capsys):
    folder = ReportFolder(tmp_path, "x", "y")
    folder.add("Curve", "curve", plot=curve().plot, text="z")
    assert not capsys.readouterr().out
    assert {path.name for path in tmp_path.iterdir()} == {
        "curve.png",
        "curve.svg",
    }
