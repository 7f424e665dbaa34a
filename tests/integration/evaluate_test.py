"""`recipes/evaluate.py` as a user runs it."""

import csv
import json
import re

import keras
import pytest

import keras_anytime as ka
from keras_anytime import manifest as manifest_lib
from tests.evaluation.report_test import Page
from tests.testing import run_script
from tests.testing import scramble
from tests.testing import tiny_net


def _run(folder, model, seed=0, **settings):
    """What recipes/train.py leaves, of a network that was not trained."""
    folder.mkdir()
    scramble(model, seed).save(folder / "model.keras")
    settings = {
        "data": "digits",
        "eval_split": None,
        "gradients": "orthogonal",
        "gradients_arguments": "{}",
        "seed": seed,
        **settings,
    }
    (folder / "settings.json").write_text(json.dumps(settings))
    return folder


def _evaluate(repository, *flags):
    return run_script(repository, "recipes/evaluate.py", *flags)


@pytest.fixture(scope="module", name="runs")
def _runs(tmp_path_factory):
    """Runs of a nested network with two seeds and of all that it is up to."""
    folder = tmp_path_factory.mktemp("runs")
    keras.utils.set_random_seed(0)
    alone = ka.nets.independent(
        ka.nets.width_nested_resnet,
        (8, 8, 1),
        10,
        nesting="w1-w2-w4",
        units=(1, 1),
        filters=(8, 16),
    )
    for seed in (1, 2):
        _run(folder / f"osgd_{seed}", tiny_net(), seed)
        _run(folder / f"sgd_{seed}", tiny_net(), seed, gradients="sum")
    _run(folder / "even", tiny_net("w1-w2-w3-w4"))
    _run(
        folder / "late",
        tiny_net(),
        5,
        gradients_arguments='{"priority": [3,2,1]}',
    )
    for k, model in enumerate(alone, start=1):
        _run(folder / f"alone_{k}", model)
    (folder / "osgd_1" / "weights.csv").write_text(
        "epoch,weight_1,weight_2,weight_3\n1,0.3,0.5,1\n2,0.25,0.5,1\n"
    )
    (folder / "osgd_1" / "cosines.csv").write_text(
        "epoch,cosine_1_2,cosine_1_3,cosine_2_3\n1,0.5,0.1,0.6\n2,nan,0,-0.1\n"
    )
    (folder / "osgd_1" / "history.csv").write_text(
        "epoch,loss,"
        + ",".join(f"val_stage_{k}_accuracy" for k in (1, 2, 3))
        + "\n1,2.0,0.3,0.4,0.5\n2,1.0,0.4,0.5,0.6\n"
    )
    return folder


@pytest.mark.slow
def test_everything_is_measured_and_shown(repository, runs, tmp_path):
    output = tmp_path / "evaluation"
    before = {path: path.stat().st_mtime_ns for path in runs.rglob("*")}
    run = _evaluate(
        repository,
        f"--runs={runs / 'osgd_1'},{runs / 'osgd_2'}",
        f"--against={runs / 'sgd_1'},{runs / 'sgd_2'}",
        "--oracle=" + ",".join(str(runs / f"alone_{k}") for k in (1, 2, 3)),
        f"--baseline={runs / 'even'}",
        f"--priorities={runs / 'late'}",
        f"--output={output}",
        "--images=10",
        "--repetitions=1",
        "--deadlines_ms=0.01,1000,inf",
        "--probabilities=1,2,1",
    )
    assert run.returncode == 0, run.stderr
    # What the runs had is as it was.
    assert before == {path: path.stat().st_mtime_ns for path in runs.rglob("*")}
    written = {path.name for path in output.iterdir()}
    drawn = {
        "budget",
        "cosines",
        "curve",
        "curves",
        "deadlines",
        "history",
        "increase_by_cost",
        "increase_by_stage",
        "priorities",
        "seeds",
        "weights",
    }
    assert {f"{name}.{form}" for name in drawn for form in ("png", "svg")} | {
        "budget.csv",
        "calibration.csv",
        "comparison.json",
        "curve.csv",
        "curve.json",
        "deadlines.csv",
        "expected.csv",
        "provenance.json",
        "increase_by_cost.csv",
        "increase_by_stage.csv",
        "latency.csv",
        "oracle.csv",
        "priorities.json",
        "product_answers.csv",
        "report.html",
        "risk_control.csv",
        "seeds.csv",
        "seeds.json",
    } <= written
    curve = ka.evaluation.AnytimeCurve.from_json(output / "curve.json")
    model = ka.load_model(runs / "osgd_1" / "model.keras")
    _, data = ka.data.load("digits")
    want = ka.evaluation.anytime_curve(model, data)
    assert curve.average_error == pytest.approx(want.average_error, abs=0.01)
    with (output / "deadlines.csv").open() as file:
        first, late, last = csv.DictReader(file)
    for scheme in ("baseline", "nested", "oracle_all", "oracle_each"):
        assert float(first[scheme]) == pytest.approx(0.9)
        # A second is enough for all.
        assert float(late[scheme]) == float(last[scheme])
    predictions = ka.evaluation.predict_stages(model, data).part(slice(10))
    assert float(last["nested"]) == pytest.approx(
        1 - predictions.correct[:, -1].mean()
    )
    with (output / "expected.csv").open() as file:
        expected = {row["network"]: row for row in csv.DictReader(file)}
    assert float(expected["osgd_1"]["expected_error"]) == pytest.approx(
        0.25 * 0.9 + 0.75 * float(last["nested"])
    )
    content = json.loads((output / "priorities.json").read_text())
    assert {entry["priority"] for entry in content["candidates"]} == {
        "1 > 2 > 3",
        "3 > 2 > 1",
    }
    exports = sorted((output / "exports").glob("*.tflite"))
    assert len(exports) == 5
    assert manifest_lib.read_manifest(exports[0]).class_names
    page = Page(output / "report.html")
    assert all("_" not in text for text in page.text("th"))
    assert all("_" not in text.splitlines()[1] for text in page.text("pre"))
    shown = " ".join(text for tag, text in page.texts if tag != "style")
    assert not re.search(r"\bnan\b|[{}]", shown)
    # One opening, and at least a line for each section.
    sections = page.content.split("<section")[1:]
    assert all("</h2>\n<p>" in section for section in sections)
    assert "osgd_1 is a network that answers in 3 stages" in page.text("p")[0]
    assert "examples of digits, with 10 classes" in page.text("p")[0]
    report = page.content
    for title in (
        "Mean over seeds",
        "Paired comparison",
        "Oracle",
        "Error against cost",
        "Budgeted classification",
        "Calibration",
        "Product answers",
        "Risk-controlled thresholds",
        "Latency",
        "Errors under deadlines",
        "Stage priorities",
        "Weights of the losses",
        "Cosines of gradients",
        "Settings of osgd_1",
        "Provenance",
    ):
        assert title in report, title
    assert report.count("data:image/svg+xml;base64,") == len(drawn)


@pytest.mark.slow
def test_mistakes_are_told_before_anything_is_written(
    repository, runs, tmp_path
):
    first, second = runs / "osgd_1", runs / "osgd_2"
    for flags, message in (
        ([f"--runs={tmp_path / 'none'}"], "no folder of a finished run"),
        (
            [f"--runs={first},{second}", f"--against={second},{first}"],
            "seed by seed",
        ),
        ([f"--runs={first}", f"--baseline={first}"], "must differ"),
        (
            [
                f"--runs={first}",
                f"--priorities={runs / 'late'}",
                "--probabilities=1,2",
            ],
            "one number of 0 or more for each deadline",
        ),
    ):
        run = _evaluate(repository, *flags, f"--output={tmp_path / 'out'}")
        assert run.returncode != 0
        assert message in run.stderr
        assert "Traceback" not in run.stderr
        assert not (tmp_path / "out").exists()
