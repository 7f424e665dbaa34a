import itertools

import keras
import numpy as np
import pytest

import keras_anytime as ka
from tests.gradients.references import osgd
from tests.gradients.references import padded
from tests.gradients.tapes import move
from tests.gradients.tapes import stage_gradients
from tests.testing import compiled
from tests.testing import digits
from tests.testing import sampled
from tests.testing import scramble
from tests.testing import tiny_net


def _step(model, x, y):
    """What one SGD step of rate 1 takes off the trainable variables."""
    # Keras traces what `train_on_batch` runs twice.
    return move(model, lambda: model.fit(x, y, batch_size=len(x), verbose=0))


def _l2_gradient(model, l2):
    return np.concatenate(
        [
            (
                2 * l2 * np.array(v)
                if v.path.endswith("/kernel")
                else 0 * np.array(v)
            ).ravel()
            for v in model.trainable_variables
        ]
    )


@pytest.mark.parametrize(
    ("eager", "priority"),
    [
        pytest.param(True, None, marks=pytest.mark.slow),
        (True, [3, 1, 2]),
        pytest.param(False, [3, 1, 2], marks=pytest.mark.slow),
    ],
)
def test_a_step_is_osgd_on_weighted_losses_and_plain_l2(eager, priority):
    weights = [1.0, 2.0, 0.5]
    model = scramble(tiny_net(l2=0.01))
    x, y = digits(32)
    vectors = padded(stage_gradients(model, x, y, weights)[0])
    order = [stage - 1 for stage in priority or (1, 2, 3)]
    want = osgd(vectors, order) + _l2_gradient(model, 0.01)
    compiled(
        model,
        ka.gradients.Orthogonal(priority=priority),
        ka.weighting.Constant(weights),
        keras.optimizers.SGD(1.0),
        run_eagerly=eager,
    )
    np.testing.assert_allclose(
        _step(model, x, y), want, rtol=1e-3, atol=1e-4 * np.abs(want).max()
    )


def test_a_step_of_sum_is_equation_1_and_plain_l2():
    weights = np.array([1.0, 2.0, 0.5])
    model = scramble(tiny_net(l2=0.01))
    x, y = digits(32)
    vectors = padded(stage_gradients(model, x, y, weights)[0])
    want = vectors.sum(0) / weights.sum() + _l2_gradient(model, 0.01)
    compiled(
        model,
        "sum",
        ka.weighting.Constant(list(weights)),
        keras.optimizers.SGD(1.0),
    )
    np.testing.assert_allclose(
        _step(model, x, y), want, rtol=1e-3, atol=1e-4 * np.abs(want).max()
    )


def test_stages_alone_have_no_gradient_outside_of_their_subnetwork():
    model = scramble(tiny_net())
    x, y = digits(8)
    for k, gradient in enumerate(stage_gradients(model, x, y)[0], start=1):
        reached = {
            v.path
            for v, g in zip(model.trainable_variables, gradient, strict=True)
            if g is not None
        }
        assert reached == {v.path for v in model.stage_variables(k)}


@pytest.mark.parametrize(
    ("gradients", "policy"),
    sampled(
        list(
            itertools.product(
                ("sum", "orthogonal"), ("mixed_bfloat16", "mixed_float16")
            )
        ),
        [("orthogonal", "mixed_float16")],
    ),
)
def test_mixed_precision_trains_like_float32(policy, gradients):
    x, y = digits(64)
    moves = []
    for entry in ("float32", policy):
        keras.config.set_dtype_policy(entry)
        try:
            model = compiled(tiny_net(), gradients)
        finally:
            keras.config.set_dtype_policy("float32")
        assert model.layers[3].compute_dtype == entry.removeprefix("mixed_")
        before = [np.array(v) for v in model.trainable_variables]
        model.fit(x, y, batch_size=16, shuffle=False, verbose=0)
        moves.append(
            np.concatenate(
                [
                    (np.array(v) - old).ravel()
                    for v, old in zip(
                        model.trainable_variables, before, strict=True
                    )
                ]
            )
        )
    exact, mixed = moves
    assert np.linalg.norm(mixed - exact) < 0.15 * np.linalg.norm(exact)


def test_a_step_that_overflows_in_one_stage_is_skipped_and_rescaled():
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = tiny_net()
    finally:
        keras.config.set_dtype_policy("float32")
    scaled = keras.optimizers.LossScaleOptimizer(
        keras.optimizers.SGD(0.1), initial_scale=2.0**100
    )
    compiled(model, "orthogonal", optimizer=scaled)
    before = [np.array(v) for v in model.trainable_variables]
    x, y = digits(16)
    model.train_on_batch(x, y)
    for old, new in zip(before, model.trainable_variables, strict=True):
        np.testing.assert_array_equal(old, new)
    assert float(scaled.dynamic_scale) < 2.0**100


def test_a_stage_that_is_not_finite_leaves_the_others_training():
    model = compiled(tiny_net(), "orthogonal")
    x, y = digits(16)
    head = model.get_layer("stage_3")
    kernel, bias = head.get_weights()
    head.set_weights([kernel, bias * np.nan])
    old = model.get_layer("stage_1").get_weights()[0]
    model.train_on_batch(x, y)
    new = model.get_layer("stage_1").get_weights()[0]
    assert np.all(np.isfinite(new))
    assert not np.array_equal(old, new)


@pytest.mark.slow
def test_normalized_gradients_do_not_depend_on_loss_scaling():
    x, y = digits(16)
    moves = []
    for scale in (None, 2.0**10):
        optimizer = keras.optimizers.SGD(0.01)
        if scale:
            optimizer = keras.optimizers.LossScaleOptimizer(
                optimizer, initial_scale=scale
            )
        model = compiled(
            scramble(tiny_net(l2=0)),
            ka.gradients.Orthogonal(normalize=True),
            optimizer=optimizer,
        )
        moves.append(_step(model, x, y))
    np.testing.assert_allclose(moves[0], moves[1], rtol=1e-3, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize(
    "settings",
    [
        {"steps_per_execution": 2},
        pytest.param({"jit_compile": True}, marks=pytest.mark.slow),
    ],
)
def test_ways_of_execution_give_the_same_weights(settings):
    x, y = digits(64)
    first, second = (
        compiled(
            scramble(tiny_net()),
            "orthogonal",
            "adaloss",
            keras.optimizers.SGD(0.01),
            **kwargs,
        )
        for kwargs in ({"run_eagerly": False}, settings)
    )
    for model in (first, second):
        model.fit(x, y, batch_size=16, shuffle=False, verbose=0)
    for ours, theirs in zip(first.weights, second.weights, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-4)
