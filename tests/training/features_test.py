"""Features of Keras' optimizers and `fit` work with combined gradients."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_anytime as ka
from tests.callbacks.nets import dense_net
from tests.gradients.tapes import move
from tests.testing import compiled
from tests.testing import digits
from tests.testing import sampled
from tests.testing import tiny_net

COMBINERS = {
    "sum": ka.gradients.Sum,
    "normalized": lambda: ka.gradients.Normalized(scale=0.02),
    "orthogonal": ka.gradients.Orthogonal,
    "orthogonal_normalized": lambda: ka.gradients.Orthogonal(
        normalize=True, scale=0.02
    ),
    "orthogonal_refreshed": lambda: ka.gradients.Orthogonal(refresh_every=2),
}


def _combiners(*quick):
    """All combiners, of which a change is tested with some."""
    return pytest.mark.parametrize("combiner", sampled(list(COMBINERS), quick))


# With `Sum`, `keras_test` holds all of this against Keras itself.
every_combiner = _combiners("orthogonal_refreshed")


def _net(combiner, optimizer, **kwargs):
    return compiled(
        dense_net(3), COMBINERS[combiner](), optimizer=optimizer, **kwargs
    )


def _weights(model):
    return [variable.numpy() for variable in model.trainable_variables]


def _assert_close(ours, theirs, tolerance=1e-5):
    for mine, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(mine, other, rtol=tolerance, atol=tolerance)


def _one_step(combiner, x, y, **fit):
    """What one step of rate 1 takes off fresh weights, as one vector."""
    model = _net(combiner, keras.optimizers.SGD(1.0))
    return move(
        model, lambda: model.fit(x, y, batch_size=len(x), verbose=0, **fit)
    )


@every_combiner
def test_accumulated_gradients_are_those_of_the_steps(combiner):
    x, y = digits(32)
    halves = [slice(0, 16), slice(16, 32)]
    if combiner == "orthogonal_refreshed":
        # Its second step has the coefficients of the first.
        first = _net(combiner, keras.optimizers.SGD(0.0))
        first.train_on_batch(x[halves[0]], y[halves[0]])
        first.optimizer.learning_rate = 1.0
        second = move(
            first, lambda: first.train_on_batch(x[halves[1]], y[halves[1]])
        )
        want = (_one_step(combiner, x[halves[0]], y[halves[0]]) + second) / 2
    else:
        want = np.mean(
            [_one_step(combiner, x[half], y[half]) for half in halves], axis=0
        )
    model = _net(
        combiner, keras.optimizers.SGD(1.0, gradient_accumulation_steps=2)
    )
    first, second = (
        move(model, lambda half=half: model.train_on_batch(x[half], y[half]))
        for half in halves
    )
    np.testing.assert_array_equal(first, 0 * first)
    np.testing.assert_allclose(second, want, atol=1e-5 * np.abs(want).max())


@every_combiner
def test_clipping_is_of_the_combined_gradient(combiner):
    x, y = digits(16)
    free = _one_step(combiner, x, y)
    norm = np.linalg.norm(free)
    model = _net(
        combiner, keras.optimizers.SGD(1.0, global_clipnorm=float(norm / 3))
    )
    clipped = move(model, lambda: model.train_on_batch(x, y))
    np.testing.assert_allclose(clipped, free / 3, atol=1e-5 * norm)


@_combiners("orthogonal_refreshed")
def test_moving_averages_of_weights(combiner):
    x, y = digits(48)
    fit = {"batch_size": 16, "shuffle": False, "verbose": 0}
    steps = []
    plain = _net(combiner, keras.optimizers.SGD(0.05))
    note = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: steps.append(_weights(plain))
    )
    plain.fit(x, y, callbacks=[note], **fit)
    average = steps[0]
    for step in steps[1:]:
        average = [
            0.8 * a + 0.2 * w for a, w in zip(average, step, strict=True)
        ]
    averaging = keras.optimizers.SGD(0.05, use_ema=True, ema_momentum=0.8)
    model = _net(combiner, averaging)
    model.fit(x, y, **fit)
    _assert_close(_weights(model), average)


@_combiners("orthogonal")
def test_class_weights_are_sample_weights(combiner):
    x, y = digits(32)
    by_class = {label: 0.2 * label for label in range(10)}
    weights = np.array([by_class[label] for label in y], "float32")
    weighted = _one_step(combiner, x, y, sample_weight=weights)
    np.testing.assert_allclose(
        _one_step(combiner, x, y, class_weight=by_class), weighted, atol=1e-6
    )
    data = tf.data.Dataset.from_tensor_slices((x, y, weights)).batch(32)
    model = _net(combiner, keras.optimizers.SGD(1.0))
    np.testing.assert_allclose(
        move(model, lambda: model.fit(data, verbose=0)), weighted, atol=1e-6
    )
    assert not np.allclose(_one_step(combiner, x, y), weighted, atol=1e-4)


@_combiners("sum", "orthogonal_normalized")
def test_an_example_of_weight_0_does_not_count(combiner):
    x, y = digits(32)
    weights = np.array([1.0] * 16 + [0.0] * 16, "float32")
    # Without batch normalization examples meet in the loss only, which is a
    # mean over all of them.
    half = _one_step(combiner, x[:16], y[:16], sample_weight=0.5 * np.ones(16))
    np.testing.assert_allclose(
        _one_step(combiner, x, y, sample_weight=weights), half, atol=1e-6
    )


@every_combiner
def test_regularizers_are_no_task(combiner):
    x, y = digits(16)
    moves = {}
    for l2 in (0, 0.1):
        model = compiled(
            tiny_net("w1-w2", units=(1,), filters=(8,), l2=l2),
            COMBINERS[combiner](),
            optimizer=keras.optimizers.SGD(1.0),
        )
        kernels = np.concatenate(
            [
                (variable.numpy() * variable.path.endswith("/kernel")).ravel()
                for variable in model.trainable_variables
            ]
        )
        moves[l2] = move(model, lambda model=model: model.train_on_batch(x, y))
    np.testing.assert_allclose(
        moves[0.1] - moves[0], 0.2 * kernels, atol=1e-4 * kernels.max()
    )


WAYS = {
    "eager": {"run_eagerly": True},
    "steps_per_execution": {"steps_per_execution": 3},
    "xla": {"jit_compile": True},
}


@pytest.mark.parametrize(
    ("combiner", "way"),
    sampled(
        list(itertools.product(COMBINERS, WAYS)),
        [
            ("orthogonal_refreshed", "steps_per_execution"),
        ],
    ),
)
def test_ways_of_execution_give_the_same_weights(combiner, way):
    settings = WAYS[way]
    x, y = digits(64)
    # XLA draws other random numbers, so no sampler here.
    models = [
        compiled(
            dense_net(3),
            COMBINERS[combiner](),
            ka.weighting.AdaLoss(),
            keras.optimizers.SGD(0.1, momentum=0.9),
            **kwargs,
        )
        for kwargs in ({"run_eagerly": False}, settings)
    ]
    for model in models:
        model.fit(x, y, batch_size=16, shuffle=False, verbose=0, epochs=2)
    _assert_close(*(map(np.array, model.variables) for model in models), 1e-4)


@pytest.mark.parametrize(
    "combiner", sampled(list(COMBINERS), ["orthogonal_refreshed"])
)
def test_a_smaller_last_batch_is_not_traced_anew(combiner, monkeypatch):
    traces = []
    train_step = ka.AnytimeModel.train_step

    def traced(model, data):
        traces.append(1)
        return train_step(model, data)

    monkeypatch.setattr(ka.AnytimeModel, "train_step", traced)
    x, y = digits(40)
    model = _net(combiner, keras.optimizers.SGD(0.1), run_eagerly=False)
    model.fit(x, y, batch_size=16, epochs=2, verbose=0)
    data = tf.data.Dataset.from_tensor_slices((x, y)).batch(16)
    model.fit(data, epochs=2, verbose=0)
    assert len(traces) == 1


def test_a_second_fit_keeps_the_loss_scale():
    scaled = keras.optimizers.LossScaleOptimizer(
        keras.optimizers.SGD(0.1), initial_scale=8.0, dynamic_growth_steps=2
    )
    model = compiled(dense_net(), "orthogonal", optimizer=scaled)
    x, y = digits(32)
    for want in (16.0, 32.0):
        model.fit(x, y, batch_size=16, verbose=0)
        assert float(scaled.dynamic_scale) == want
    assert len(scaled.variables) == len(set(map(id, scaled.variables)))


@pytest.mark.slow
@every_combiner
@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_16_bits_train_as_32_do(combiner, policy, cifar10_tiny_dir):
    losses = {}
    for dtype_policy in ("float32", policy):
        keras.config.set_dtype_policy(dtype_policy)
        try:
            model = compiled(
                tiny_net("w1-w2", input_shape=(32, 32, 3)),
                COMBINERS[combiner](),
                optimizer=keras.optimizers.SGD(0.02, momentum=0.9),
            )
        finally:
            keras.config.set_dtype_policy("float32")
        (train,) = ka.data.load(
            "cifar10",
            batch_size=64,
            splits=("train",),
            data_dir=cifar10_tiny_dir,
        )
        history = model.fit(train, epochs=3, verbose=0).history
        losses[dtype_policy] = np.array(
            [history[f"stage_{k}_loss"][-1] for k in (1, 2)]
        )
        assert history["loss"][-1] < history["loss"][0]
    np.testing.assert_allclose(losses[policy], losses["float32"], rtol=0.02)
