"""Contracts of training, checked for every network."""

import keras
import numpy as np
import pytest

from tests import autodiff
from tests.conformance.catalogue import NETWORKS
from tests.conformance.catalogue import VARIANTS
from tests.conformance.converted import CONVERTED
from tests.conformance.networks import KINDS
from tests.conformance.networks import all_logits
from tests.conformance.users import USERS
from tests.testing import compiled
from tests.testing import sampled


def _labels(model, count):
    """Integer labels of every label set."""
    if not model.label_sets:
        return np.arange(count)
    return {name: np.arange(count) % 2 for name in model.label_sets}


@pytest.mark.parametrize(
    "model",
    sampled([*NETWORKS, *VARIANTS, *USERS, *CONVERTED], NETWORKS),
    indirect=True,
)
def test_every_weight_of_a_stage_counts(model):
    # A dead variable would be exported and trained for nothing.
    rng = np.random.default_rng(0)
    x = rng.standard_normal((8, *model.input_shape[1:])).astype("float32")
    if model.inputs[0].dtype == "int32":
        x = rng.integers(0, 20, x.shape)
    for k in range(1, model.num_stages + 1):
        variables = model.stage_variables(k)
        stage = model.stage(k)

        def loss(stage=stage):
            answer = stage(x, training=True)
            return [
                sum(
                    keras.ops.sum(keras.ops.softmax(logits / 100)[:, 0])
                    for logits in keras.tree.flatten(answer)
                )
            ]

        _, (gradients,) = autodiff.gradients(loss, variables)
        for variable, gradient in zip(variables, gradients, strict=True):
            assert gradient is not None, variable.path
            assert np.any(gradient), variable.path


@pytest.mark.parametrize(
    "gradients", sampled(["sum", "orthogonal"], ["orthogonal"])
)
def test_a_training_step_moves_every_stage(model, images, gradients):
    _check_step(model, images, gradients)


@pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="others trace every step"
)
@pytest.mark.parametrize(
    "model",
    sampled(list(NETWORKS), ["hierarchical"]),
    indirect=True,
)
def test_a_traced_step_moves_every_stage(model, images):
    _check_step(model, images, "orthogonal", run_eagerly=False)


@pytest.mark.parametrize(
    "model", sampled([*USERS, *CONVERTED], ["flatten_heads"]), indirect=True
)
def test_a_step_trains_all_stages_of_networks_of_users(model, images):
    before = {v.path: np.array(v) for v in model.trainable_variables}
    compiled(model, "orthogonal", run_eagerly=False)
    history = model.fit(images, _labels(model, len(images)), verbose=0).history
    assert all(np.isfinite(value) for (value,) in history.values())
    seen = set()
    for k in range(1, model.num_stages + 1):
        added = {v.path: v for v in model.stage_variables(k)}
        # Some gradients are zero: of keys' biases, of units that are off.
        assert any(
            not np.array_equal(before[path], added[path])
            for path in set(added) - seen
        )
        seen |= set(added)


def _check_step(model, images, gradients, **options):
    optimizer = keras.optimizers.SGD(0.01)
    compiled(model, gradients, "adaloss", optimizer, **options)
    before = [np.array(v) for v in model.trainable_variables]
    history = model.fit(images, _labels(model, len(images)), verbose=0).history
    assert all(np.isfinite(value) for (value,) in history.values())
    moved = [
        not np.array_equal(old, new)
        for old, new in zip(before, model.trainable_variables, strict=True)
    ]
    assert all(moved)


@pytest.mark.parametrize(
    "name",
    sampled(
        list(NETWORKS),
        KINDS[::3],
    ),
)
def test_mixed_precision_gives_float32_logits(name):
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = NETWORKS[name]()
    finally:
        keras.config.set_dtype_policy("float32")
    assert model.get_layer(model.output_names[0]).compute_dtype == "float32"
    assert model.layers[2].compute_dtype == "bfloat16"
    x = np.ones((2, *model.input_shape[1:]), "float32")
    compiled(model, "orthogonal").train_on_batch(x, _labels(model, 2))
    for logits in all_logits(model, x):
        assert logits.dtype == "float32"
        assert np.all(np.isfinite(logits))
