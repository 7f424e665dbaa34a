import csv
import json

import keras
import numpy as np
import pytest

import keras_anytime as ka
from keras_anytime import backend
from keras_anytime.callbacks import ChanceError
from keras_anytime.experiments import hardware
from keras_anytime.experiments.train import prepare
from keras_anytime.experiments.train import train
from keras_anytime.experiments.train_settings import TrainSettings
from keras_anytime.experiments.training_data import TrainingData
from keras_anytime.stages.subset import subset


def _settings(workdir, **changes):
    small = {
        "units": ["1"],
        "filters": ["4"],
        "net_arguments": '{"nesting": "w1-w2"}',
        "train_split": "train[:64]",
        "eval_split": "train[64:128]",
        "batch_size": 32,
        "epochs": 2,
    }
    return TrainSettings(workdir=str(workdir), **{**small, **changes})


def _weights(workdir):
    model = ka.load_model(workdir / "model.keras")
    return model.get_weights()


def _assert_equal(ours, theirs):
    for values, others in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(values, others)


@pytest.mark.slow
@pytest.mark.parametrize(
    "way",
    [
        {"midfeat": True},
        {"schedule": "epochs", "drop_epochs": ["1"], "nesterov": False},
    ],
)
def test_the_same_seed_gives_the_same_numbers(tmp_path, capsys, way):
    curves = [
        train(_settings(tmp_path / name, test_split="train[128:160]", **way))
        for name in "ab"
    ]
    assert curves[0] == curves[1]
    _assert_equal(_weights(tmp_path / "a"), _weights(tmp_path / "b"))
    for name in ("test_curve.csv", "test_curve.json", "curve.json"):
        texts = [(tmp_path / run / name).read_text() for run in "ab"]
        assert texts[0] == texts[1]
    results = json.loads((tmp_path / "a/results.json").read_text())
    assert results["test_curve"]["examples"] == 32
    assert results["curve"]["examples"] == 64
    assert results["test_curve"] == json.loads(
        (tmp_path / "a/test_curve.json").read_text()
    )
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == (
        "Training on the CPU in float32; images are not augmented."
    )


@pytest.mark.slow
def test_midfeat_trains_the_last_stage_as_if_alone(tmp_path):
    twin = prepare(_settings(tmp_path / "twin", midfeat=True))
    twin.lock.close()
    alone, _ = subset(twin.model, [2])
    alone.compile(
        keras.optimizers.SGD(
            keras.optimizers.schedules.CosineDecay(0.1, 4),
            momentum=0.9,
            nesterov=True,
        ),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    alone.fit(twin.data.train, epochs=2, verbose=0)
    folder = tmp_path / "midfeat"
    training = prepare(_settings(folder, midfeat=True))
    training.run()
    last = training.model.stage(2)
    expected = alone.stage(1).variables
    for ours, theirs in zip(last.variables, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)
    written = {path.name for path in folder.glob("history*.csv")}
    assert written == {"history_last_stage.csv", "history_heads.csv"}

    # Nothing is left to train, and the numbers are the same.
    before = _weights(folder)
    train(_settings(folder, midfeat=True))
    _assert_equal(_weights(folder), before)

    # A run that was stopped while its heads were trained goes on.
    for path in (
        folder / "checkpoints" / "heads.keras",
        folder / "model.keras",
    ):
        path.unlink()
    train(_settings(folder, midfeat=True))
    _assert_equal(_weights(folder), before)


@pytest.mark.slow
def test_a_rate_falls_after_the_given_epochs(tmp_path):
    settings = _settings(
        tmp_path,
        schedule="epochs",
        drop_epochs=["1", "3"],
        drop_factor=4.0,
        learning_rate=0.08,
        epochs=4,
        nesterov=False,
    )
    training = prepare(settings)
    assert training.model.optimizer.nesterov is False
    training.run()
    with (tmp_path / "history.csv").open() as file:
        rates = [float(row["learning_rate"]) for row in csv.DictReader(file)]
    np.testing.assert_allclose(rates, [0.08, 0.02, 0.02, 0.005], rtol=1e-6)


@pytest.mark.parametrize(
    ("precision", "way"),
    [
        pytest.param("bfloat16", {"epochs": 1}, marks=pytest.mark.slow),
        pytest.param("float16", {"midfeat": True}, marks=pytest.mark.slow),
        pytest.param("float16", {"greedy": True}, marks=pytest.mark.slow),
    ],
)
def test_sixteen_bits_are_for_this_training_only(tmp_path, precision, way):
    before = keras.mixed_precision.dtype_policy()
    settings = _settings(tmp_path, mixed_precision=precision, **way)
    training = prepare(settings)
    assert keras.mixed_precision.dtype_policy() == before
    layer = training.model.get_layer("stem_stage1_conv")
    assert layer.compute_dtype == precision
    assert layer.kernel.dtype == "float32"
    start = np.array(layer.kernel)
    training.run()
    assert keras.mixed_precision.dtype_policy() == before
    assert not np.array_equal(start, layer.kernel)
    images = np.zeros((2, 8, 8, 1), "float32")
    for logits in training.model(images):
        assert keras.backend.standardize_dtype(logits.dtype) == "float32"
    kept = json.loads((tmp_path / "settings.json").read_text())
    assert kept["mixed_precision"] == precision


def test_more_devices_than_there_are_are_refused(tmp_path):
    count = len(backend.devices())
    with pytest.raises(ValueError, match=rf"{count} device.*--devices=4096"):
        prepare(_settings(tmp_path, devices=4096))


def test_batches_that_devices_cannot_share_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(backend, "devices_per_batch", lambda: 2)
    splits = TrainingData(np.zeros((64, 8, 8, 1)), np.zeros((33, 8, 8, 1)))
    settings = _settings(tmp_path, devices=2, batch_size=32)
    with pytest.raises(ValueError, match="--eval_split with a batch of 1 ex"):
        hardware.check_batches(settings, splits)
    hardware.check_batches(settings, TrainingData(splits.train, splits.train))


@pytest.mark.slow
def test_a_training_at_chance_is_given_up_and_can_go_on(tmp_path):
    def at_chance(**changes):
        # A rate so small that nothing is learned.
        return _settings(tmp_path, learning_rate=1e-9, epochs=4, **changes)

    for epochs in (2, 3):
        training = prepare(at_chance(give_up_after=0.5))
        with pytest.raises(ChanceError, match=f"After epoch {epochs} of 4"):
            training.run()
        (checkpoint,) = (tmp_path / "checkpoints").glob("epoch_*.keras")
        assert checkpoint.name == f"epoch_{epochs:05d}.keras"
    train(at_chance())
    assert (tmp_path / "model.keras").exists()


def test_a_run_from_before_a_setting_goes_on(tmp_path):
    prepare(_settings(tmp_path)).lock.close()
    kept = json.loads((tmp_path / "settings.json").read_text())
    new = {
        "augmentation": None,
        "devices": 1,
        "drop_epochs": None,
        "drop_factor": 10.0,
        "give_up_after": 0.0,
        "image_size": None,
        "midfeat": False,
        "mixed_precision": "none",
        "nesterov": True,
        "test_split": None,
    }
    for name, default in new.items():
        assert kept.pop(name) == default
    (tmp_path / "settings.json").write_text(json.dumps(kept))
    prepare(_settings(tmp_path, give_up_after=0.5)).lock.close()
    (tmp_path / "settings.json").write_text(json.dumps(kept))
    with pytest.raises(ValueError, match=r"--nesterov=False \(was True\)"):
        prepare(_settings(tmp_path, nesterov=False))
