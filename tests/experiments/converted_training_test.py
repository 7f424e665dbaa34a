"""A network of `keras.applications`, converted and trained in all ways."""

import json

import pytest

from keras_anytime.experiments import converted_training
from keras_anytime.experiments.converted_training_settings import (
    ConvertedTrainingSettings,
)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"at": ["0.5", "2"]}, "between 0 and 1. Received: --at=0.5,2"),
        ({"at": ["half"]}, "Received: --at=half"),
        ({"seeds": ["first"]}, "--seeds"),
    ],
)
def test_settings_are_checked_before_training(tmp_path, settings, message):
    settings = ConvertedTrainingSettings(workdir=str(tmp_path), **settings)
    with pytest.raises(ValueError, match=message):
        converted_training.compare(settings)


@pytest.mark.slow
def test_a_converted_network_is_trained_in_all_ways(tmp_path):
    settings = ConvertedTrainingSettings(
        workdir=str(tmp_path),
        seeds=["1"],
        data="digits",
        train_split="train[:64]",
        eval_split="train[64:128]",
        image_size=32,
        plain_epochs=1,
        heads_epochs=1,
        epochs=1,
    )
    runs = converted_training.compare(settings)
    ways = ["alone", "alone_longer", "heads", *converted_training.WAYS]
    assert [run["way"] for run in runs] == ways
    errors = {run["way"]: run["errors"] for run in runs}
    assert [len(errors[way]) for way in ways] == [1, 1, 3, 3, 3, 3]
    # Heads are trained on a network that stays as it is.
    assert errors["heads"][-1] == pytest.approx(errors["alone"][0])
    written = json.loads((tmp_path / "conversion.json").read_text())
    assert written["runs"] == runs
    assert {len(steps) for steps in written["latency_ms"].values()} == {3}
    # Two images of 64 are 3%.
    assert min(written["int8"]["agreement"]) > 0.9
    modified = (tmp_path / "seed_1" / "osgd.keras").stat().st_mtime_ns
    assert converted_training.compare(settings) == runs
    assert (tmp_path / "seed_1" / "osgd.keras").stat().st_mtime_ns == modified
