"""Two replicas train a multi-task model as one device does."""

import pytest

from tests.testing import run_process

PROGRAM = """
import contextlib

import keras
import numpy as np
import tensorflow as tf

tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0],
    [tf.config.LogicalDeviceConfiguration()] * 2,
)
import keras_anytime as ka
from tests.multitask.networks import examples, losses, network

x, y = examples(41)
# Each replica has other shares of labels; some have none.
y["age"] = np.where(np.arange(41) % 16 > 5, np.nan, y["age"])
y["pose"] = np.where(np.arange(41) % 3 == 0, -1, y["pose"])
y["pose"][16:32] = -1
data = tf.data.Dataset.from_tensor_slices((x, y)).batch(16)
strategy = tf.distribute.MirroredStrategy(
    ["CPU:0", "CPU:1"],
    cross_device_ops=tf.distribute.ReductionToOneDevice(),
)
for name in [None, *ka.gradients.names()]:
    found = []
    for scope in (contextlib.nullcontext, strategy.scope):
        with scope():
            model = network()
            model.compile(
                keras.optimizers.SGD(0.1, momentum=0.9),
                losses(),
                metrics={"pose": ["accuracy"], "age": ["mae"]},
                loss_weights={"pose": 1.0, "age": 0.5},
                weighting=ka.weighting.AdaLoss(),
                gradients=name,
                missing={"pose": -1, "age": float("nan")},
            )
        logs = model.fit(data, epochs=3, verbose=0).history
        found.append(([v.numpy() for v in model.variables], logs))
    (one, of_one), (two, of_two) = found
    for a, b in zip(one, two, strict=True):
        np.testing.assert_allclose(
            a, b, rtol=1e-4, atol=1e-5, err_msg=f"{name}"
        )
    for key in of_one:
        np.testing.assert_allclose(
            of_one[key], of_two[key], rtol=1e-4, err_msg=f"{name} {key}"
        )
print("alike")
"""


@pytest.mark.slow
def test_two_replicas_train_as_one_device(repository):
    run = run_process(repository, "-c", PROGRAM, PYTHONPATH=str(repository))
    assert run.returncode == 0, run.stderr[-3000:]
    assert run.stdout.strip() == "alike"
