"""Members -> validation -> ensemble -> test, as `recipes/build_ensemble.py`."""

import csv
import json

import numpy as np
import pytest

import keras_anytime as ka
from keras_anytime.evaluation.inflation import divide_costs
from keras_anytime.experiments.ensemble import build_ensemble
from keras_anytime.experiments.ensemble_settings import EnsembleSettings
from keras_anytime.experiments.runs import Run
from tests.evaluation.examples import curve
from tests.testing import run_script
from tests.testing import scramble
from tests.testing import tiny_net

# The digits have a single split.
VALIDATION = "train[1300:]"
TEST = "train[:359]"


def _write(folder, model, seed=0, **settings):
    folder.mkdir()
    scramble(model, seed).save(folder / "model.keras")
    settings = {"data": "digits", "eval_split": VALIDATION, **settings}
    (folder / "settings.json").write_text(json.dumps(settings))
    return str(folder)


def _network(*units, classes=10):
    filters = [4 * 2**block for block in range(len(units))]
    return ka.nets.res_ann((8, 8, 1), classes, units=units, filters=filters)


@pytest.fixture(scope="module", name="runs")
def _runs(tmp_path_factory):
    """Folders of two anytime networks, and of two that answer once."""
    folder = tmp_path_factory.mktemp("runs")
    return {
        "small": _write(folder / "small", _network(1, 1), 1),
        "large": _write(folder / "large", _network(4, 1), 2),
        "opt_1": _write(folder / "opt_1", _network(1), 3),
        "opt_2": _write(
            folder / "opt_2",
            ka.nets.independent(_network(2))[1],
            4,
        ),
        "other_split": _write(
            folder / "other_split", _network(5), eval_split="train[:99]"
        ),
        "passes": _write(
            folder / "passes",
            ka.nets.inclusive_resnext(
                (8, 8, 1), 10, num_stages=2, units=(1,), filters=(8,)
            ),
        ),
        "coarse": _write(folder / "coarse", _network(5, classes=3)),
        "npz": _write(folder / "npz", tiny_net(), data="other.npz"),
        "tested": _write(folder / "tested", _network(5), eval_split=None),
    }


def _settings(runs, names, output, **settings):
    settings = {"test_split": TEST, **settings}
    paths = [runs[name] for name in names]
    return EnsembleSettings(runs=paths, output=str(output), **settings)


@pytest.mark.slow
@pytest.mark.parametrize("rule", ["validation", "depth"])
def test_answers_are_chosen_on_validation_and_measured_on_test(
    runs, tmp_path, rule
):
    names = ("small", "large")
    oracle = [runs["opt_1"], runs["opt_2"]]
    output = tmp_path / "eann"
    build_ensemble(
        _settings(runs, names, output, rule=rule, oracle=oracle, base=2.0)
    )
    members = [Run(runs[name]) for name in names]
    chosen_on = [run.evaluate().curve for run in members]
    assert {measured.examples for measured in chosen_on} == {497}
    want = ka.nets.ensemble(
        [run.model for run in members], chosen_on, rule=rule
    )
    model = ka.load_model(output / "model.keras")
    _, test = ka.data.load("digits", batch_size=128, splits=(TEST, TEST))
    measured = ka.evaluation.AnytimeCurve.from_json(output / "curve.json")
    found = ka.evaluation.anytime_curve(want, test)
    assert (measured.examples, measured.cost) == (359, "cumulative")
    assert [p.macs for p in measured.points] == [p.macs for p in found.points]
    np.testing.assert_allclose(
        [point.top1_error for point in measured.points],
        [point.top1_error for point in found.points],
        atol=1 / 359,
    )
    assert measured.matches(ka.evaluation.stage_costs(model), 10)
    with (output / "answers.csv").open() as file:
        rows = list(csv.DictReader(file))
    joined = ka.evaluation.ensemble_curve(chosen_on, rule=rule)
    assert [float(row["validation_error"]) for row in rows] == [
        point.top1_error for point in joined.points
    ]
    if rule == "depth":
        chosen = [row["network_stage"] for row in rows]
        assert chosen == ["1", "2", "3", "4", "5"]
    divided = ka.evaluation.AnytimeCurve.from_json(
        output / "curve_divided.json"
    )
    inflation = ka.evaluation.ensemble_cost_inflation(2).mean
    for point, own in zip(divided.points, measured.points, strict=True):
        assert point.macs == pytest.approx(own.macs / inflation, abs=1)
        assert point.top1_error == own.top1_error
    with (output / "milestones.csv").open() as file:
        milestones = {row["network"]: row for row in csv.DictReader(file)}
    assert list(milestones) == ["ensemble", *names, "OPT", "OPT+"]
    last = milestones["ensemble"]["error_at_1"]
    assert float(last) == measured.points[-1].top1_error
    with (output / "increase_by_cost.csv").open() as file:
        compared = {(r["network"], r["oracle"]) for r in csv.DictReader(file)}
    assert len(compared) == 4
    assert {path.name for path in output.iterdir()} >= {
        "curve.csv",
        "curve.png",
        "curve_divided.csv",
        "curves.png",
        "oracle.csv",
        "oracle_best.csv",
        "report.html",
        "results.json",
    }
    # The folder is that of a run, which other commands take.
    again = Run(output).evaluate().curve
    assert [p.top1_error for p in again.points] == pytest.approx(
        [p.top1_error for p in measured.points], abs=1 / 359
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("names", "settings", "message"),
    [
        (["small"], {}, "two networks or more"),
        (["small", "small"], {}, "different names"),
        (["large", "small"], {}, "from the smallest network to the largest"),
        (["small", "other_split"], {}, "same data"),
        (["small", "npz"], {}, "same data"),
        (["small", "coarse"], {}, "same tasks"),
        (["small", "passes"], {}, "no steps"),
        (["small", "large"], {"split": TEST}, "look better than they are"),
        (["tested"] * 2, {"split": "x", "test_split": "x"}, "different names"),
        (["small", "large"], {"base": 1.0}, "base=1.0"),
        (["small", "large"], {"test_split": "tst"}, "tst"),
        (["small", "large"], {"oracle": ["large"]}, "answer once"),
    ],
)
def test_what_cannot_be_joined_is_refused_before_work(
    runs, tmp_path, monkeypatch, names, settings, message
):
    monkeypatch.setattr(Run, "evaluate", None)
    settings = {**settings}
    if "oracle" in settings:
        settings["oracle"] = [runs[name] for name in settings["oracle"]]
    with pytest.raises(ValueError, match=message):
        build_ensemble(_settings(runs, names, tmp_path / "eann", **settings))
    assert not (tmp_path / "eann" / "model.keras").exists()


def test_without_an_output_there_is_no_ensemble(runs):
    with pytest.raises(ValueError, match="--output"):
        build_ensemble(EnsembleSettings(runs=[runs["small"]]))


def test_costs_are_divided_and_errors_stay():
    divided = divide_costs(curve((10, 30, 100)), 2.5, "less")
    assert [point.macs for point in divided.points] == [4, 12, 40]
    assert divided.milestones == curve((10, 30, 100)).milestones


def test_the_recipe_passes_its_flags(repository, runs, tmp_path):
    run = run_script(
        repository,
        "recipes/build_ensemble.py",
        f"--runs={runs['large']},{runs['small']}",
        f"--output={tmp_path / 'eann'}",
        "--rule=depth",
    )
    assert run.returncode != 0
    assert "from the smallest network to the largest" in run.stderr
