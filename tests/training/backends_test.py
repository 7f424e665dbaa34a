"""JAX trains as TensorFlow does, and several of its devices as one."""

import importlib.util
import os
import subprocess
import sys

import numpy as np
import pytest

import keras_anytime as ka
from tests.training.trainings import COMBINERS
from tests.training.trainings import write_start

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        importlib.util.find_spec("jax") is None, reason="needs JAX"
    ),
]
with_tensorflow = pytest.mark.skipif(
    importlib.util.find_spec("tensorflow") is None, reason="needs TensorFlow"
)


@pytest.fixture(name="start", scope="module")
def _start(tmp_path_factory):
    path = tmp_path_factory.mktemp("backends") / "start.npz"
    write_start(path)
    return path


def _train(repository, start, backend, *options, devices=1):
    """Trains in a process of its own; returns what it has found."""
    path = start.with_name(f"{backend}_{devices}.npz")
    flags = f"--xla_force_host_platform_device_count={devices}"
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "tests.training.trainings",
            start,
            path,
            *options,
        ],
        cwd=repository,
        env={
            **os.environ,
            "KERAS_BACKEND": backend,
            "TF_CPP_MIN_LOG_LEVEL": "2",
            **({"XLA_FLAGS": flags} if backend == "jax" else {}),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return dict(np.load(path))


@pytest.fixture(name="on_jax", scope="module")
def _on_jax(repository, start):
    model = start.with_name("model.keras")
    return _train(repository, start, "jax", f"--keras={model}")


@pytest.fixture(name="on_tensorflow", scope="module")
def _on_tensorflow(repository, start):
    return _train(repository, start, "tensorflow")


@pytest.fixture(name="on_two_devices", scope="module")
def _on_two_devices(repository, start):
    return _train(repository, start, "jax", "--devices=2", devices=2)


def _assert_alike(ours, theirs, combiner):
    """Weights, state of weightings and combiners, and logs to 1e-5."""
    names = [name for name in theirs if name.startswith(f"{combiner}/")]
    assert len(names) > 80
    for name in names:
        np.testing.assert_allclose(
            ours[name], theirs[name], rtol=1e-5, atol=1e-5, err_msg=name
        )


@with_tensorflow
@pytest.mark.parametrize("combiner", COMBINERS)
def test_jax_trains_as_tensorflow_does(on_jax, on_tensorflow, combiner):
    _assert_alike(on_jax, on_tensorflow, combiner)


@pytest.mark.parametrize("combiner", COMBINERS)
def test_two_devices_train_as_one(on_jax, on_two_devices, combiner):
    _assert_alike(on_two_devices, on_jax, combiner)


def test_combiners_differ(on_jax):
    # Else the comparisons above would show nothing.
    kernels = [on_jax[f"{combiner}/0"] for combiner in COMBINERS]
    for index, kernel in enumerate(kernels):
        for other in kernels[:index]:
            assert not np.allclose(kernel, other, atol=1e-4)


@with_tensorflow
def test_a_network_trained_on_jax_is_exported_on_tensorflow(
    on_jax, start, tmp_path
):
    import tensorflow as tf

    model = ka.load_model(start.with_name("model.keras"))
    images = dict(np.load(start))["images"][:32]
    wanted = on_jax["logits"]
    answers = model.predict(images, verbose=0)
    for got, want in zip(answers, wanted, strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-4)
    ka.export.tflite(model, tmp_path / "anytime.tflite")
    predictor = ka.runtime.AnytimePredictor(tmp_path / "anytime.tflite")
    for index in range(4):
        for result in predictor.stream(images[index]):
            np.testing.assert_allclose(
                np.ravel(result.logits),
                wanted[result.stage - 1][index],
                rtol=1e-4,
                atol=1e-4,
            )
    predictor.close()
    ka.export.saved_model(model, tmp_path / "saved_model")
    loaded = tf.saved_model.load(tmp_path / "saved_model")
    for k, want in enumerate(wanted, start=1):
        answer = loaded.signatures[f"subnet_{k}"](image=tf.constant(images))
        np.testing.assert_allclose(answer["logits"], want, rtol=1e-4, atol=1e-4)
    # And goes on training, with the optimizer's state.
    assert int(model.optimizer.iterations) == 20
    labels = dict(np.load(start))["labels"][:32]
    history = model.fit(images, labels, verbose=0).history
    assert np.isfinite(history["loss"][0])
