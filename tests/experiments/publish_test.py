"""A run becomes weights, facts and a card; what cannot is refused."""

import dataclasses
import json
import os

import numpy as np
import pytest

import keras_anytime as ka
from keras_anytime import manifest as manifest_lib
from keras_anytime.experiments import model_card
from keras_anytime.experiments.export import export_tflite
from keras_anytime.experiments.export_settings import ExportSettings
from keras_anytime.experiments.publish import publish
from keras_anytime.experiments.publish import structure
from keras_anytime.experiments.publish_measurements import choose_thresholds
from keras_anytime.experiments.publish_settings import PublishSettings
from keras_anytime.experiments.run_folder import RunFolder
from keras_anytime.experiments.train import train
from keras_anytime.experiments.train_settings import TrainSettings
from keras_anytime.experiments.training_data import first_images
from keras_anytime.nets import configurations
from keras_anytime.nets import weight_files
from tests.testing import scramble
from tests.testing import tiny_net

TINY = configurations.Configuration(
    ka.nets.width_nested_resnet,
    "a network of this test",
    {"nesting": "w1-w2", "units": (1,), "filters": (8,)},
)


def _training(folder):
    """Settings of a run, under another name of the network."""
    return TrainSettings(
        workdir=str(folder),
        net="width_nested_resnet",
        nesting="w1-w2",
        units=["1"],
        filters=["8"],
        l2=1e-3,
        epochs=1,
        train_split="train[:256]",
        eval_split="train[1000:1101]",
        test_split="train[1200:1260]",
    )


@pytest.fixture(scope="module", name="run")
def _run(tmp_path_factory):
    """A folder that is as that of a finished run."""
    folder = RunFolder(tmp_path_factory.mktemp("runs") / "digits")
    folder.write_settings(_training(folder.path).to_dict())
    scramble(tiny_net("w1-w2", l2=1e-3)).save(folder.model)
    folder.results.write_text("{}")
    return folder.path


@pytest.fixture(scope="module", name="trained_run")
def _trained_run(tmp_path_factory):
    """The folder of a finished run."""
    folder = tmp_path_factory.mktemp("runs") / "trained"
    train(_training(folder))
    return folder


@pytest.fixture(name="settings")
def _settings(run, tmp_path, monkeypatch):
    """Settings of a publication to folders of the test."""
    monkeypatch.setattr(weight_files, "FOLDER", tmp_path / "weights")
    monkeypatch.setitem(configurations.CONFIGURATIONS, "tiny_resnet", TINY)
    monkeypatch.setitem(model_card.TERMS, "digits", "Free for all.")
    return PublishSettings(
        run=str(run),
        net="tiny-resnet",
        weights="digits",
        cards=str(tmp_path / "cards"),
        repetitions=3,
    )


def _written(tmp_path):
    return sorted(
        path.relative_to(tmp_path).as_posix()
        for path in tmp_path.rglob("*")
        if path.is_file()
    )


@pytest.mark.slow
def test_what_is_published_is_the_network_of_the_run(
    settings, trained_run, tmp_path
):
    run = trained_run
    card = publish(dataclasses.replace(settings, run=str(run)))
    assert _written(tmp_path) == [
        "cards/tiny_resnet_digits.md",
        "weights/tiny_resnet_digits.json",
        "weights/tiny_resnet_digits.weights.h5",
    ]
    trained = ka.load_model(run / "model.keras")
    loaded = ka.nets.get("tiny_resnet", (8, 8, 1), 10, weights="digits")
    for ours, theirs in zip(
        loaded.get_weights(), trained.get_weights(), strict=True
    ):
        np.testing.assert_array_equal(ours, theirs)
    assert loaded.data_info == trained.data_info

    facts = ka.nets.facts("tiny_resnet", "digits")
    assert card.read_text() == model_card.model_card(facts)
    results = json.loads((run / "results.json").read_text())
    for measured, recorded in (("evaluation", "curve"), ("test", "test_curve")):
        ours = facts[measured]["curve"]["points"]
        for point, other in zip(ours, results[recorded]["points"], strict=True):
            assert point["top1_error"] == other["top1_error"]
            assert point["top1_low"] == other["top1_low"]
            assert f"{100 * point['top1_error']:.2f}" in card.read_text()
    assert facts["first"]["split"] == "train[1000:1101]"
    wrong = [
        round(101 * point["top1_error"])
        for point in facts["evaluation"]["curve"]["points"]
    ]
    assert facts["first"] == {
        "split": "train[1000:1101]",
        "examples": 101,
        "wrong": wrong,
    }
    assert facts["calibration"]["examples"] == [50, 51]
    assert "--l2=0.001" in facts["training"]["flags"]
    # Nothing tells of the machine's folders.
    assert str(run.parent) not in json.dumps(facts)


def exported(path, **settings):
    """Exports the shipped network; returns the manifest of the float32 file."""
    export_tflite(
        ExportSettings(
            net="tiny_resnet", weights="digits", output=str(path), **settings
        )
    )
    return manifest_lib.read_manifest(path)


@pytest.mark.slow
def test_release_files_have_what_the_card_says(settings, trained_run, tmp_path):
    publish(dataclasses.replace(settings, run=str(trained_run)))
    facts = ka.nets.facts("tiny_resnet", "digits")
    exported(
        tmp_path / "net.tflite",
        quantization=["float32", "int8"],
        pixels="true",
        verify=True,
    )
    for variant, name in (("float32", "net"), ("int8", "net_int8")):
        manifest = manifest_lib.read_manifest(tmp_path / f"{name}.tflite")
        assert manifest.class_names == tuple("0123456789")
        assert list(manifest.temperatures) == facts["temperatures"]
        assert list(manifest.thresholds) == facts["thresholds"]
        assert [stage.top1_error for stage in manifest.stages] == (
            facts["files"][variant]["top1_errors"]
        )
    # One stage, which has no threshold.
    manifest = exported(tmp_path / "second.tflite", stages=["2"])
    assert manifest.temperatures == (facts["temperatures"][1],)
    assert not manifest.thresholds
    # Not measured on the file, so that it is the error of the network.
    (stage,) = manifest.stages
    point = facts["evaluation"]["curve"]["points"][1]
    assert stage.top1_error == point["top1_error"]
    # The card's thresholds and errors are not those of products.
    manifest = exported(tmp_path / "products.tflite", product_answers=True)
    assert manifest.product_answers and manifest.thresholds is None
    assert {stage.top1_error for stage in manifest.stages} == {None}
    # The card's temperatures are not those that other thresholds belong to.
    thresholds = [0.7] * (len(facts["temperatures"]) - 1)
    manifest = exported(
        tmp_path / "own.tflite", thresholds=list(map(str, thresholds))
    )
    assert list(manifest.thresholds) == thresholds
    assert manifest.temperatures is None


def test_structures_are_compared_without_names_and_regularizers():
    model = tiny_net()
    assert structure(model) == structure(tiny_net(name="other", l2=0.5))
    assert structure(model) == structure(tiny_net(synchronized=True))
    for other in (
        tiny_net("w1-w2"),
        tiny_net("w1-w3-w4"),
        tiny_net(units=(2,)),
        tiny_net(classes=9),
        tiny_net(unit="pyramid"),
    ):
        assert structure(model) != structure(other)


def _other_settings(tmp_path, run, **changes):
    """Makes a run whose settings differ, and returns its folder."""
    folder = tmp_path / "other_run"
    folder.mkdir()
    for path in run.iterdir():
        if path.is_file():
            os.link(path, folder / path.name)
    content = json.loads((run / "settings.json").read_text()) | changes
    (folder / "settings.json").unlink()
    (folder / "settings.json").write_text(json.dumps(content))
    return folder


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"net": "width_resnet4"}, "Did you mean"),
        ({"net": "width_nested_resnet"}, "no sizes of its own.*--net="),
        ({"net": "width_resnet10"}, "is not width_resnet10.*--net=width"),
        ({"weights": "CIFAR 10"}, "lowercase.*--weights=CIFAR 10"),
        ({"weights": "../x"}, "lowercase"),
        ({"weights": ""}, "lowercase"),
    ],
)
def test_wrong_settings_are_refused(settings, tmp_path, changes, message):
    with pytest.raises(ValueError, match=message):
        publish(dataclasses.replace(settings, **changes))
    assert not _written(tmp_path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"data": "mnist"}, "terms of the data.*a run on mnist"),
        ({"train_split": None}, "without --train_split"),
        ({"eval_split": None}, "without --eval_split"),
        ({"model": "x.keras"}, "--model=x.keras"),
    ],
)
def test_wrong_runs_are_refused(settings, run, tmp_path, changes, message):
    folder = _other_settings(tmp_path, run, **changes)
    before = _written(tmp_path)
    with pytest.raises(ValueError, match=message):
        publish(dataclasses.replace(settings, run=str(folder)))
    assert _written(tmp_path) == before


@pytest.mark.parametrize(
    "name", ["settings.json", "model.keras", "results.json"]
)
def test_an_unfinished_run_is_refused(settings, run, tmp_path, name):
    folder = _other_settings(tmp_path, run)
    (folder / name).unlink()
    with pytest.raises(FileNotFoundError, match=f"has no {name}"):
        publish(dataclasses.replace(settings, run=str(folder)))


def test_a_network_of_one_stage_is_refused(settings, run, tmp_path):
    folder = _other_settings(tmp_path, run)
    (folder / "model.keras").unlink()
    tiny_net("w1").save(folder / "model.keras")
    with pytest.raises(ValueError, match="two stages or more.*1 stages"):
        publish(dataclasses.replace(settings, run=str(folder)))


def test_too_many_weights_are_refused(settings, tmp_path, monkeypatch):
    monkeypatch.setattr(weight_files, "MAX_BYTES", 100_000)
    weight_files.FOLDER.mkdir()
    (weight_files.FOLDER / "other_x.weights.h5").write_bytes(bytes(99_000))
    with pytest.raises(ValueError, match="100000 bytes.*beside 99000"):
        publish(settings)
    assert _written(tmp_path) == ["weights/other_x.weights.h5"]


@pytest.mark.parametrize(
    ("split", "first"),
    [
        ("train", "train[:200]"),
        ("train[:45000]", "train[:200]"),
        ("train[45000:]", "train[45000:45200]"),
        ("train[100:300]", "train[100:300]"),
        ("train[100:299]", "train[100:299]"),
        ("train[:199]", "train[:199]"),
        ("train[10%:]", "train[10%:]"),
        ("train[-500:]", "train[-500:]"),
    ],
)
def test_the_first_images_of_a_split(split, first):
    assert first_images(split, 200) == first


def test_thresholds_are_the_cheapest_that_cost_no_accuracy():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 4, 500)
    signal = 4 * np.eye(4)[labels]
    logits = np.stack(
        [share * signal + rng.standard_normal((500, 4)) for share in (0.5, 1)]
    )
    predictions = ka.evaluation.Predictions.from_logits(logits, labels)
    costs = ka.evaluation.stage_costs(scramble(tiny_net("w1-w2")))
    thresholds = choose_thresholds(predictions, costs)
    assert len(thresholds) == 1
    point = ka.evaluation.dynamic_evaluation(predictions, costs, thresholds)
    last = ka.evaluation.dynamic_evaluation(predictions, costs, 1)
    assert point.error <= last.error
    assert point.mean_macs < last.mean_macs
    for lower in np.linspace(0, thresholds[0], 50, endpoint=False):
        cheaper = ka.evaluation.dynamic_evaluation(predictions, costs, lower)
        if cheaper.mean_macs < 0.98 * point.mean_macs:
            assert cheaper.error > last.error


@pytest.mark.parametrize(
    "source",
    [
        {},
        {"net": "width_resnet10"},
        {"weights": "cifar10"},
        {"model": "x.keras", "net": "width_resnet10"},
        {"model": "x.keras", "weights": "cifar10"},
        {"model": "x", "net": "width_resnet10", "weights": "cifar10"},
    ],
)
def test_an_export_has_one_network(source):
    with pytest.raises(ValueError, match="either --model, or --net and"):
        export_tflite(ExportSettings(output="x.tflite", **source))


def test_a_risk_is_of_confidences_that_are_given(tmp_path):
    with pytest.raises(ValueError, match="give with --risk the --temperatures"):
        export_tflite(
            ExportSettings(
                net="width_resnet10",
                weights="cifar10",
                output=str(tmp_path / "x.tflite"),
                thresholds=["0.9", "0.9"],
                risk=["0.01", "0.9", "2500"],
            )
        )
    assert not list(tmp_path.iterdir())
