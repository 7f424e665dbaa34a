"""One device and two give the same weights; CPUs stand in for GPUs."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

import keras_anytime as ka

PROGRAM = """
import sys
import keras
if keras.backend.backend() == "tensorflow":
    import tensorflow as tf
    tf.config.set_logical_device_configuration(
        tf.config.list_physical_devices("CPU")[0],
        [tf.config.LogicalDeviceConfiguration()] * 2,
    )
from keras_anytime.experiments.train import prepare
from keras_anytime.experiments.train_settings import TrainSettings
for devices in (1, 2):
    settings = TrainSettings(
        workdir=f"{sys.argv[1]}/{devices}",
        devices=devices,
        units=["1"],
        filters=["4"],
        net_arguments='{"nesting": "w1-w2"}',
        train_split="train[:64]",
        eval_split="train[64:128]",
        batch_size=32,
        epochs=2,
    )
    training = prepare(settings)
    training.run()
    assert keras.distribution.distribution() is None
"""


@pytest.mark.slow
def test_two_devices_train_as_one(repository, tmp_path):
    flags = "--xla_force_host_platform_device_count=2"
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path)],
        cwd=repository,
        env={**os.environ, "XLA_FLAGS": flags},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    assert "2 devices of the CPU in float32" in run.stdout
    one, two = (ka.load_model(tmp_path / name / "model.keras") for name in "12")
    for ours, theirs in zip(one.variables, two.variables, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)
    kept = json.loads((tmp_path / "2" / "settings.json").read_text())
    assert kept["devices"] == 2
