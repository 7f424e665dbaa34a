"""Every kind of row trains: small networks, few images."""

import json

import keras
import pytest

from keras_anytime.experiments import command_line
from keras_anytime.experiments import papers
from keras_anytime.experiments.papers import protocol
from keras_anytime.experiments.papers import smoke
from keras_anytime.experiments.run_folder import RunFolder
from keras_anytime.experiments.train import build_network
from keras_anytime.experiments.train import train
from keras_anytime.experiments.train_settings import TrainSettings
from keras_anytime.nets import catalogue

# These make no other kind: lengths, rates, and what the network gives.
_SAME = (
    "net",
    "data",
    "train_split",
    "eval_split",
    "epochs",
    "batch_size",
    "units",
    "filters",
    "learning_rate",
)
# A row that trains in every test, on images of several sizes.
FIRST = "hu2019_res_ann50_imagenet_imagenet_adaloss"


def kinds():
    """Returns the names of rows that differ in more than data and sizes."""
    found = {}
    for experiment in papers.experiments().values():
        for row in experiment.rows:
            configuration = catalogue.find(row.settings["net"])
            kind = {
                name: value
                for name, value in row.settings.items()
                if name not in _SAME
            }
            if "oracle_stage" in kind:
                kind["oracle_stage"] = min(2, kind["oracle_stage"])
            kind["builder"] = configuration.builder.__name__
            kind["imagenet"] = configuration.imagenet
            found.setdefault(json.dumps(kind, sort_keys=True), row.name)
    return sorted(set(found.values()) - {FIRST})


def smoke_training(name, folder):
    """Returns the settings of a row's smoke, on random images."""
    _, row = papers.find_row(name)
    settings = smoke.smoke_settings(row.settings, folder / "smoke")
    flags = [*protocol.flag_lines(settings), f"--workdir={folder / 'run'}"]
    return command_line.parse(TrainSettings, flags)


@pytest.fixture(name="no_data")
def _no_data(monkeypatch, tmp_path):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "none"))


def check_smoke(name, folder):
    settings = smoke_training(name, folder)
    curve = train(settings)
    results = RunFolder(settings.workdir).read_results()
    assert len(results["curve"]["points"]) == len(curve.points)
    assert curve.classes == 16
    if settings.labels != "{}":
        assert len(results["curves"]) > 1
    if settings.test_split:
        assert results["test_curve"]["examples"] == 16
    keras.backend.clear_session()


def test_a_row_trains_on_random_images(tmp_path, no_data):
    check_smoke(FIRST, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", kinds())
def test_every_kind_of_row_trains(name, tmp_path, no_data):
    check_smoke(name, tmp_path)


@pytest.mark.slow
def test_every_network_of_a_row_is_built():
    built = set()
    for experiment in papers.experiments().values():
        for row in experiment.rows:
            settings = command_line.parse(
                TrainSettings,
                [*protocol.flag_lines(row.settings), "--workdir=x"],
            )
            arguments = settings.network_arguments()
            size = row.settings.get("image_size", 32)
            key = json.dumps([settings.net, arguments, size], sort_keys=True)
            if key in built or settings.oracle_stage or settings.oracle_share:
                continue
            built.add(key)
            network = build_network(
                settings,
                {"input_shape": (size, size, 3), "classes": 10, **arguments},
            )
            assert network.num_stages >= 1
            keras.backend.clear_session()
    assert len(built) > 30
