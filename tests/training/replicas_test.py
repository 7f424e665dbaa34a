"""One device, two replicas and two workers train alike."""

import itertools
import os
import socket
import subprocess
import sys

import numpy as np
import pytest

from tests.testing import run_process
from tests.training import replicas
from tests.training.replicas import STRATEGIES


def _start(repository, path, strategies, *way):
    """Starts a training in a process of its own."""
    return subprocess.Popen(
        [
            sys.executable,
            "-m",
            "tests.training.replicas",
            path,
            strategies,
            *way,
        ],
        cwd=repository,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def _finish(*processes):
    """Waits for processes, which must succeed."""
    errors = [process.communicate(timeout=900)[1] for process in processes]
    for process, error in zip(processes, errors, strict=True):
        assert process.returncode == 0, error


def _run(repository, folder, strategies, *ways):
    """Trains in each way, all at once; returns what each has found."""
    paths = [folder / f"{index}.npz" for index in range(len(ways))]
    _finish(
        *(
            _start(repository, path, strategies, *way)
            for path, way in zip(paths, ways, strict=True)
        )
    )
    return [dict(np.load(path)) for path in paths]


def _free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    try:
        for entry in sockets:
            entry.bind(("localhost", 0))
        return [str(entry.getsockname()[1]) for entry in sockets]
    finally:
        for entry in sockets:
            entry.close()


def _assert_alike(ours, theirs, strategy):
    """Weights, state of weightings and combiners, and logs to 1e-5."""
    names = [name for name in ours if name.startswith(f"{strategy}/")]
    assert len(names) > 20
    for name in names:
        np.testing.assert_allclose(
            ours[name], theirs[name], rtol=1e-5, atol=1e-5, err_msg=name
        )


def test_two_replicas_train_as_one_device(repository, tmp_path):
    strategy = "orthogonal alternating"
    paths = tmp_path / "mirrored.npz", tmp_path / "alone.npz"
    process = _start(repository, paths[0], strategy, "mirrored")
    # One device is what this process has.
    replicas.main(paths[1], strategy, "alone")
    _finish(process)
    _assert_alike(*(dict(np.load(path)) for path in paths), strategy)


@pytest.fixture(name="trained", scope="module")
def _trained(repository, tmp_path_factory):
    folder = tmp_path_factory.mktemp("replicas")
    (alone,) = _run(repository, folder, "all", ["alone"])
    (mirrored,) = _run(repository, folder, "all", ["mirrored"])
    ports = _free_ports(2)
    workers = _run(
        repository,
        folder,
        "all",
        ["worker", "0", *ports],
        ["worker", "1", *ports],
    )
    return {"alone": alone, "mirrored": mirrored, "workers": workers}


@pytest.mark.slow
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_every_strategy_on_two_replicas_and_two_workers(trained, strategy):
    _assert_alike(trained["mirrored"], trained["alone"], strategy)
    for worker in trained["workers"]:
        _assert_alike(worker, trained["alone"], strategy)


@pytest.mark.slow
def test_strategies_differ(trained):
    # Else the comparisons above would show nothing.
    first = {
        strategy: trained["alone"][f"{strategy}/0"]
        for strategy in STRATEGIES
        # Weights make no difference to gradients that are normalized.
        if "normalized" not in strategy or "adaloss" in strategy
    }
    for a, b in itertools.combinations(first, 2):
        assert not np.allclose(first[a], first[b], atol=1e-5), (a, b)


POISONED = """
import numpy as np
import tensorflow as tf

tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0],
    [tf.config.LogicalDeviceConfiguration()] * 2,
)
from tests.testing import compiled, digits, tiny_net

strategy = tf.distribute.MirroredStrategy(
    ["CPU:0", "CPU:1"],
    cross_device_ops=tf.distribute.ReductionToOneDevice(),
)
with strategy.scope():
    model = compiled(tiny_net("w1-w2"), run_eagerly=False)
x, y = digits(32)
# In the second step, of the second replica's share.
x[15, 3, 3, 0] = np.inf
data = tf.data.Dataset.from_tensor_slices((x, y)).batch(8)
try:
    model.fit(data, verbose=0)
except FloatingPointError as error:
    print(error)
try:
    model.save("ruined.keras")
except FloatingPointError as error:
    print(error)
"""


@pytest.mark.slow
def test_a_pixel_of_one_replica_that_is_not_finite_stops_all(repository):
    run = run_process(repository, "-c", POISONED, PYTHONPATH=str(repository))
    assert run.returncode == 0, run.stderr
    stopped, saved = run.stdout.splitlines()
    assert stopped.startswith("A batch has images")
    assert "at training step 2 of epoch 1" in stopped
    assert saved.startswith("The model is not saved")
