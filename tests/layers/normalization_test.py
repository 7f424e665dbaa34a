import keras
import numpy as np
import pytest

from keras_anytime.layers import BatchNormalization


def _pair(**settings):
    """Keras' layer and ours, with the same weights."""
    layers = [
        kind(momentum=0.9, epsilon=1e-5, **settings)
        for kind in (keras.layers.BatchNormalization, BatchNormalization)
    ]
    rng = np.random.default_rng(0)
    weights = [rng.uniform(0.5, 2, 4) for _ in range(4)]
    for layer in layers:
        layer(np.zeros((1, 3, 5, 4)))
        layer.set_weights(weights)
    return layers


def _run(layer, x, training):
    """Output, gradients of input and weights, and moving statistics."""
    tf = pytest.importorskip("tensorflow")
    x = tf.constant(x)
    weight = tf.constant(
        np.random.default_rng(1).standard_normal(x.shape), x.dtype
    )
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = layer(x, training=training)
        loss = tf.reduce_sum(tf.cast(weight, y.dtype) * y)
    sources = [x, *(v.value for v in layer.trainable_variables)]
    return [y, *tape.gradient(loss, sources), *layer.get_weights()]


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("shape", [(8, 3, 5, 4), (2, 1, 1, 4), (1, 1, 1, 4)])
def test_the_numbers_are_those_of_keras(shape, training):
    x = 3 + np.random.default_rng(0).standard_normal(shape).astype("f")
    layers = _pair()
    for _ in range(2):  # The second time, with the statistics of the first.
        want, got = (_run(layer, x, training) for layer in layers)
        for a, b in zip(got, want, strict=True):
            np.testing.assert_allclose(a, b, rtol=2e-4, atol=2e-4)


def test_statistics_move_by_the_biased_variance():
    layer = BatchNormalization(momentum=0.9)
    x = np.random.default_rng(0).standard_normal((2, 2, 1, 3)).astype("f")
    layer(x, training=True)
    np.testing.assert_allclose(
        layer.moving_mean, 0.1 * x.mean((0, 1, 2)), atol=1e-6
    )
    np.testing.assert_allclose(
        layer.moving_variance, 0.9 + 0.1 * x.var((0, 1, 2)), atol=1e-6
    )


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision(policy):
    x = np.random.default_rng(0).standard_normal((8, 3, 5, 4)).astype("f")
    outputs = [layer(x, training=True) for layer in _pair(dtype=policy)]
    assert outputs[1].dtype == outputs[0].dtype
    np.testing.assert_allclose(
        *(keras.ops.cast(output, "float32") for output in outputs), atol=0.05
    )


def test_what_cannot_be_fused_is_done_as_by_keras():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((8, 4)).astype("f")
    for settings in ({}, {"scale": False}, {"center": False}):
        for shape in ((8, 4), (2, 2, 2, 4)):
            stock = keras.layers.BatchNormalization(**settings)
            ours = BatchNormalization(**settings)
            one = x.reshape(shape)
            np.testing.assert_allclose(
                ours(one, training=True), stock(one, training=True), atol=1e-5
            )
    frozen = BatchNormalization(trainable=False)
    frozen(x.reshape(2, 2, 2, 4), training=True)
    np.testing.assert_array_equal(frozen.moving_mean, np.zeros(4))


def test_it_is_compiled_by_xla():
    x = np.random.default_rng(0).standard_normal((4, 3, 5, 4)).astype("f")
    tf = pytest.importorskip("tensorflow")
    want, layer = _pair()
    run = tf.function(lambda one: layer(one, training=True), jit_compile=True)
    np.testing.assert_allclose(run(x), want(x, training=True), atol=1e-4)
    np.testing.assert_allclose(
        layer.moving_variance, want.moving_variance, atol=1e-4
    )


def test_it_is_one_operation_forward_and_one_back():
    tf = pytest.importorskip("tensorflow")
    layer = BatchNormalization()

    @tf.function
    def step(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            loss = tf.reduce_sum(layer(x, training=True) ** 2)
        return tape.gradient(loss, x)

    graph = step.get_concrete_function(
        tf.TensorSpec((None, 4, 4, 3), tf.float32)
    ).graph
    kinds = [operation.type for operation in graph.get_operations()]
    assert kinds.count("FusedBatchNormV3") == 1
    assert kinds.count("FusedBatchNormGradV3") == 1


def test_its_configuration_is_that_of_keras():
    stock = keras.layers.BatchNormalization(momentum=0.8, name="norm")
    ours = BatchNormalization(momentum=0.8, name="norm")
    assert ours.get_config() == stock.get_config()
    again = BatchNormalization.from_config(ours.get_config())
    assert again.momentum == 0.8
