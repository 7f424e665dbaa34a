"""Wherever a path is given, `~` is the home folder."""

import numpy as np
import pytest

import keras_anytime as ka
from keras_anytime.files import user_path
from tests.callbacks.nets import dense_net
from tests.evaluation.examples import curve
from tests.testing import compiled
from tests.testing import copied
from tests.testing import digits
from tests.testing import run_script
from tests.testing import sampled


@pytest.fixture(autouse=True, name="home")
def _home(tmp_path, monkeypatch):
    """A home folder, and another one that is worked in."""
    home, here = tmp_path / "home", tmp_path / "here"
    home.mkdir()
    here.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.chdir(here)
    yield home
    assert not list(here.iterdir()), "a folder named ~ was made"


def test_only_at_the_start_of_a_path(home):
    assert user_path("~/a") == home / "a"
    assert str(user_path("a/~/b")) == "a/~/b"
    assert str(user_path("./~")) == "~"


def test_of_callbacks_and_saved_models(home):
    x, y = digits(16)
    model = compiled(dense_net(), "orthogonal")
    model.fit(
        x,
        y,
        callbacks=[
            ka.callbacks.StageCheckpoint("~/best.keras", prefix=""),
            ka.callbacks.EpochLog("~/log.csv"),
            ka.callbacks.LossWeights("~/weights.csv"),
            ka.callbacks.GradientCosines("~/cosines.csv"),
            ka.callbacks.CurveLogger((x, y), "~/curves.csv"),
            ka.callbacks.Resume("~/checkpoints"),
        ],
        verbose=0,
    )
    model.save("~/model.keras")
    ka.evaluation.plots.plot_history("~/log.csv", "~/history.svg")
    assert {path.name for path in home.iterdir()} == {
        "best.keras",
        "log.csv",
        "weights.csv",
        "cosines.csv",
        "curves.csv",
        "checkpoints",
        "model.keras",
        "history.svg",
    }
    assert ka.load_model("~/model.keras").num_stages == 2
    ka.training.fit_greedy(
        compiled(dense_net()), x, y, epochs=1, workdir="~/greedy", verbose=0
    )
    assert len(list((home / "greedy").iterdir())) == 2


def test_of_results(home):
    measured = curve()
    measured.to_csv("~/a.csv")
    measured.to_json("~/a.json")
    assert type(measured).from_json("~/a.json") == measured
    results = ka.evaluation.ReportFolder(
        "~/results", "title", "What was measured."
    )
    results.add("part", "name", measured, text="What it says.")
    report = ka.evaluation.Report("title", "What was measured.")
    report.write("~/report.html")
    assert (home / "results" / "name.csv").exists()
    assert (home / "report.html").exists()


def test_of_data(home):
    x = np.zeros((4, 8, 8, 1), "uint8")
    y = np.array([0, 1, 0, 1])
    np.savez(home / "data.npz", x_train=x, y_train=y, x_test=x, y_test=y)
    assert ka.data.info("~/data.npz").classes == 2
    assert len(ka.data.load("~/data.npz", batch_size=4)) == 2
    with pytest.raises(FileNotFoundError, match=str(home / "tfds")):
        ka.data.info("cifar10", data_dir="~/tfds")


def test_of_exported_files(home, request):
    pytest.importorskip("ai_edge_litert")
    tiny_file = request.getfixturevalue("tiny_file")
    copied(tiny_file, home)
    with ka.runtime.AnytimePredictor(f"~/{tiny_file.name}") as predictor:
        predictor.calibrate(2)
    assert (home / f"{tiny_file.name}.latency.json").exists()
    (home / "folder").mkdir()
    (home / "folder" / "notes.txt").touch()
    with pytest.raises(ValueError, match="holds something else"):
        ka.export.saved_model(dense_net(), "~/folder")


@pytest.mark.parametrize(
    "form", sampled(["tflite", "saved_model"], ["saved_model"])
)
def test_of_exports(home, form):
    pytest.importorskip("ai_edge_litert")
    path = f"~/net.{form}"
    getattr(ka.export, form)(dense_net(), path)
    assert user_path(path).exists()
    with ka.runtime.AnytimePredictor(path) as predictor:
        assert predictor.num_stages == 2


@pytest.mark.parametrize(
    ("script", "flags"),
    [
        ("recipes/train.py", ["--workdir=~/file/run"]),
        ("recipes/quickstart.py", ["--output=~/file/run"]),
    ],
)
def test_of_flags(repository, home, script, flags):
    (home / "file").touch()
    run = run_script(repository, script, *flags)
    assert run.returncode == 1
    assert str(home / "file") in run.stderr
    assert "Traceback" not in run.stderr
    assert not (repository / "~").exists()
