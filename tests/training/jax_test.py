"""Tests of behavior that only the JAX backend has."""

import functools
import os
import types

import keras
import numpy as np
import pytest

import keras_anytime as ka
from tests.callbacks.nets import dense_net
from tests.testing import compiled
from tests.testing import digits
from tests.testing import run_process
from tests.testing import scramble
from tests.testing import tiny_net

if keras.backend.backend() != "jax":
    pytest.skip("needs the JAX backend", allow_module_level=True)

from keras_anytime.backend import jax as on_jax


def _trained(**kwargs):
    x, y = digits(64)
    model = compiled(
        scramble(tiny_net()),
        ka.gradients.Orthogonal(refresh_every=3),
        "adaloss",
        keras.optimizers.SGD(0.01),
        **kwargs,
    )
    model.fit(x, y, batch_size=16, shuffle=False, verbose=0)
    return model


def test_steps_with_branches_give_the_same_weights(monkeypatch):
    plain = _trained()
    monkeypatch.setattr(on_jax, "branches_pay_off", lambda: True)
    branched = _trained()
    for ours, theirs in zip(branched.variables, plain.variables, strict=True):
        np.testing.assert_allclose(
            ours, theirs, rtol=1e-4, atol=1e-5, err_msg=theirs.path
        )


def test_what_an_epoch_sums_up_comes_out_of_the_compiled_step():
    model = _trained()
    weights = model.mean_loss_weights.result()
    assert np.all((weights > 0) & (weights <= 1))
    cosines = model.gradient_combiner.mean_cosines()
    np.testing.assert_allclose(np.diagonal(cosines), 1, atol=1e-6)
    assert np.all(np.abs(cosines) <= 1 + 1e-6)


@pytest.mark.parametrize(
    ("shape", "batch_axis", "devices"),
    [((8,), "batch", 8), ((4, 2), "batch", 4), ((4, 2), "model", 2)],
)
def test_devices_along_the_batch_share_it(
    monkeypatch, shape, batch_axis, devices
):
    names = ("batch", "model")[: len(shape)]
    mesh = types.SimpleNamespace(axis_names=names, shape=shape)
    distribution = types.SimpleNamespace(
        device_mesh=mesh, batch_dim_name=batch_axis
    )
    monkeypatch.setattr(
        keras.distribution, "distribution", lambda: distribution
    )
    assert on_jax.devices_per_batch() == devices


def test_warm_up_reaches_the_steps_of_an_epoch():
    x, y = digits(64)
    rates = []

    class Rates(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model.jax_state_sync()
            rates.append(float(self.model.optimizer.learning_rate))

    model = compiled(tiny_net(), optimizer=keras.optimizers.SGD(0.1))
    warm_up = ka.callbacks.StepDecay(0.1, shares=(0.5,), warmup_epochs=1)
    model.fit(
        x, y, batch_size=16, epochs=4, verbose=0, callbacks=[warm_up, Rates()]
    )
    np.testing.assert_allclose(rates[:4], [0.025, 0.05, 0.075, 0.1], rtol=1e-6)
    np.testing.assert_allclose(rates[8:], 0.02, rtol=1e-6)


def test_the_first_batch_of_a_data_set_is_checked():
    x, y = digits(32)

    class Data(keras.utils.PyDataset):
        def __init__(self, labels):
            super().__init__()
            self.labels = labels

        def __len__(self):
            return 2

        def __getitem__(self, index):
            part = slice(16 * index, 16 * index + 16)
            return x[part], self.labels[part]

    model = compiled(tiny_net(), "orthogonal")
    history = model.fit(Data(y), verbose=0).history
    assert np.isfinite(history["loss"][0])
    with pytest.raises(ValueError, match="0 to 9.*Received: x with labels"):
        model.fit(Data(y + 5), verbose=0)
    with pytest.raises(ValueError, match="images of shape"):
        compiled(tiny_net(input_shape=(9, 8, 1))).fit(Data(y), verbose=0)


ON_TWO_DEVICES = """
import keras, numpy as np
keras.distribution.set_distribution(keras.distribution.DataParallel())
from tests.testing import compiled, digits, tiny_net
import keras_anytime as ka
x, y = digits(40)
model = compiled(tiny_net(), "orthogonal")
train, test = ka.data.load(
    "digits", batch_size=16, splits=("train[:40]", "train[40:49]")
)
for arguments in (
    {"x": x, "y": y, "batch_size": 15},
    {"x": x[:33], "y": y[:33], "batch_size": 16},
    {"x": x, "y": y, "batch_size": 16, "validation_data": test},
):
    try:
        model.fit(**arguments, verbose=0)
    except ValueError as error:
        print(str(error).split("Received: ")[1])
print(np.isfinite(model.fit(train, verbose=0).history["loss"][0]))
"""


def test_batches_that_devices_cannot_share_are_refused(repository):
    done = run_process(
        repository,
        "-c",
        ON_TWO_DEVICES,
        XLA_FLAGS="--xla_force_host_platform_device_count=2",
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "x with a batch of 15 examples",
        "x with a batch of 1 examples",
        "validation_data with a batch of 9 examples",
        "True",
    ]


def test_determinism_is_asked_of_gpus_beside_other_flags(monkeypatch):
    monkeypatch.setenv("XLA_FLAGS", "--xla_dump_to=somewhere")
    on_jax.make_deterministic()
    assert os.environ["XLA_FLAGS"].split() == [
        "--xla_dump_to=somewhere",
        "--xla_gpu_deterministic_ops=true",
    ]


class _LateLabel(keras.utils.PyDataset):
    """Three batches, the last with a label that is none."""

    def __len__(self):
        return 3

    def __getitem__(self, index):
        x, y = digits(16)
        return x, y + 10 * (index == 2)


@pytest.mark.parametrize("steps", [1, 2])
def test_a_batch_that_is_refused_leaves_the_model_as_it_is(steps):
    """Without the checks, JAX takes some number for the loss."""
    model = dense_net()
    model.compile(
        "sgd",
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        steps_per_execution=steps,
    )
    x, y = digits(16)
    weights = model.get_weights()
    fit = functools.partial(model.fit, shuffle=False)
    for what in (model.evaluate, fit, model.evaluate):
        with pytest.raises(ValueError, match="a batch with labels from 1[0-9]"):
            what(_LateLabel(), verbose=0)
        # Of `fit`, the batches before have been trained on.
        changed = any(
            np.any(old != new)
            for old, new in zip(weights, model.get_weights(), strict=True)
        )
        assert changed == (what == fit)
        weights = model.get_weights()
    with pytest.raises(ValueError, match="a batch with labels"):
        model.train_on_batch(x, y + 10)
    model.fit(x, y, verbose=0)
