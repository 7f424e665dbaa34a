"""Training of the network in a file: `--model`."""

import dataclasses
import json

import keras
import numpy as np
import pytest

import keras_anytime as ka
from keras_anytime.experiments.evaluate import evaluate
from keras_anytime.experiments.evaluate_settings import EvaluateSettings
from keras_anytime.experiments.model_file import data_arguments
from keras_anytime.experiments.model_file import with_model_file
from keras_anytime.experiments.objectives import loss_and_metrics
from keras_anytime.experiments.train import prepare
from keras_anytime.experiments.train import train
from keras_anytime.experiments.train_settings import TrainSettings
from tests.testing import hierarchical_net
from tests.testing import tiny_net


def _network(size=8, channels=1, pixels=False, classes=10, task=None):
    """A user's network, whose first layer may scale pixels."""
    keras.utils.set_random_seed(0)
    image = keras.Input((size, size, channels), name="image")
    x = keras.layers.Rescaling(1 / 16)(image) if pixels else image
    a = keras.layers.Conv2D(4, 3, activation="relu", name="first")(x)
    b = keras.layers.Conv2D(4, 3, activation="relu", name="second")(a)
    outputs = [
        keras.layers.Dense(classes, name=f"stage_{k}")(
            keras.layers.GlobalMaxPooling2D()(y)
        )
        for k, y in ((1, a), (2, b))
    ]
    return ka.AnytimeModel(image, outputs, task=task)


def _settings(tmp_path, **changes):
    small = {
        "train_split": "train[:64]",
        "eval_split": "train[64:128]",
        "batch_size": 32,
        "epochs": 1,
        "model": str(tmp_path / "own.keras"),
        "workdir": str(tmp_path / "run"),
    }
    return TrainSettings(**{**small, **changes})


def test_the_weights_of_the_file_are_the_first_ones(tmp_path):
    model = _network()
    model.save(tmp_path / "own.keras")
    prepared = prepare(_settings(tmp_path))
    prepared.lock.close()
    for ours, theirs in zip(
        prepared.model.get_weights(), model.get_weights(), strict=True
    ):
        np.testing.assert_array_equal(ours, theirs)
    assert prepared.model.data_info["class_names"] == list("0123456789")
    stored = prepared.folder.read_settings()
    assert len(stored["model_sha256"]) == 64
    assert "net" not in stored and "l2" not in stored


@pytest.mark.slow
def test_a_run_is_measured_and_goes_on_only_with_its_file(tmp_path):
    _network(pixels=True).save(tmp_path / "own.keras")
    settings = _settings(tmp_path, heads_epochs=1)
    curve = train(settings)
    results = json.loads((tmp_path / "run/results.json").read_text())
    preprocessing = {"scale": 1.0, "mean": [0.0], "std": [1.0]}
    assert json.loads(results["flags"]["preprocessing"]) == preprocessing
    trained = ka.load_model(tmp_path / "run/model.keras")
    assert trained.data_info["preprocessing"] == preprocessing
    assert (tmp_path / "run/history_heads.csv").exists()
    # The same numbers, measured again from the run folder.
    evaluate(EvaluateSettings(runs=[str(tmp_path / "run")]))
    again = json.loads((tmp_path / "run/evaluation/curve.json").read_text())
    errors = [point["top1_error"] for point in again["points"]]
    assert errors == [point.top1_error for point in curve.points]
    # Goes on for another epoch, and heads are not trained again.
    moved = tmp_path / "moved.keras"
    (tmp_path / "own.keras").rename(moved)
    with pytest.raises(ValueError, match="--epochs=2"):
        train(dataclasses.replace(settings, model=str(moved), epochs=2))
    train(dataclasses.replace(settings, model=str(moved)))
    _network(pixels=True, channels=1, size=8).save(tmp_path / "own.keras")
    other = _network(pixels=True)
    other.set_weights([2 * w for w in other.get_weights()])
    other.save(tmp_path / "own.keras")
    with pytest.raises(ValueError, match="file of --model has changed"):
        train(settings)
    with pytest.raises(ValueError, match="holds a run with --model"):
        train(dataclasses.replace(settings, model=None, heads_epochs=0))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"net": "msdnet38"}, "--net is for networks that are built"),
        ({"filters": ["4"]}, "--filters is for networks that are built"),
        ({"l2": 0.1}, "--l2 is for networks that are built"),
        ({"mixed_precision": "bfloat16"}, "--mixed_precision is for"),
        ({"model": None, "heads_epochs": 1}, "give --model"),
        ({"heads_epochs": 1, "greedy": True}, "--greedy is another way"),
        ({"model": "none.keras"}, "tools/add_heads.py writes.*none.keras"),
        ({"preprocessing": "[1]"}, "must be a JSON object"),
        ({"image_size": 9}, "resizes images of TFDS"),
    ],
)
def test_what_contradicts_is_refused_before_training(
    tmp_path, changes, message
):
    _network().save(tmp_path / "own.keras")
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        prepare(_settings(tmp_path, **changes))


@pytest.mark.parametrize(
    ("network", "message"),
    [
        ({"size": 9}, r"images of shape \(9, 9, 1\).*'digits'"),
        ({"classes": 3}, "distinguishes 3 classes.*10 classes"),
        (
            {"classes": 10, "task": ka.tasks.Regression(10)},
            r"task Regression\(10\).*'digits'",
        ),
    ],
)
def test_a_network_for_other_data_is_refused(tmp_path, network, message):
    _network(**network).save(tmp_path / "own.keras")
    with pytest.raises(ValueError, match=message):
        prepare(_settings(tmp_path))
    assert not (tmp_path / "run/settings.json").exists()


def test_images_are_resized_and_prepared_for_the_network(tmp_path):
    from PIL import Image

    rng = np.random.default_rng(0)
    for name in ("ants", "bees"):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for number in range(4):
            pixels = rng.integers(0, 256, (20, 30, 3), "uint8")
            Image.fromarray(pixels).save(
                tmp_path / "photos" / name / f"{number}.png"
            )
    name = f"folder:{tmp_path / 'photos'}"
    for size, given, wanted in ((12, None, 12), (12, 9, 9)):
        found = data_arguments(_network(size, 3), name, image_size=given)
        assert found == {"image_size": wanted}
    found = data_arguments(_network(12, 3, pixels=True), name)
    assert found["preprocessing"] == {"scale": 1.0, "mean": [0.0], "std": [1.0]}
    remembered = _network(12, 3, classes=2)
    ka.training.data_info.remember(
        remembered,
        ka.data.info(
            name,
            image_size=12,
            preprocessing={**found["preprocessing"], "scale": 127.5},
        ),
    )
    found = data_arguments(remembered, name)
    assert found["preprocessing"]["scale"] == 127.5
    assert data_arguments(_network(), "digits") == {}
    _network(12, 3, pixels=True, classes=2).save(tmp_path / "own.keras")
    settings = _settings(tmp_path, data=name, train_split=None, eval_split=None)
    settings, _ = with_model_file(settings)
    assert settings.image_size == 12
    prepared = prepare(settings)
    prepared.lock.close()
    images, _ = next(iter(prepared.data.eval))
    assert np.asarray(images).max() > 100


def test_losses_follow_the_task():
    loss, metrics = loss_and_metrics(tiny_net("w1").tasks)
    assert loss.name == "sparse_categorical_crossentropy"
    assert loss_and_metrics(hierarchical_net().tasks)[1] == metrics
    for task, name in (
        (ka.tasks.Regression(2), "mean_squared_error"),
        (ka.tasks.Binary(), "binary_crossentropy"),
        (ka.tasks.MultiLabel(3), "binary_crossentropy"),
        (ka.tasks.Segmentation(2, 255), "sparse_categorical_crossentropy"),
    ):
        loss, _ = loss_and_metrics({None: task})
        assert loss.name == name and loss.name in task.losses
    assert loss.get_config()["ignore_class"] == 255
    losses, metrics = loss_and_metrics(
        {"kind": ka.tasks.Classification(2), "depth": ka.tasks.Regression()}
    )
    assert losses["depth"].name == "mean_squared_error"
    assert metrics["kind"] == ["accuracy"]
    with pytest.raises(ValueError, match="with its task"):
        loss_and_metrics(_network(classes=1).tasks)
