"""Training in every precision that Keras offers, and with unknown sizes."""

import keras
import numpy as np
import pytest

import keras_anytime as ka
from tests.testing import compiled
from tests.testing import digits
from tests.testing import sampled
from tests.testing import tiny_net

COMBINERS = {
    "sum": ka.gradients.Sum,
    "orthogonal": ka.gradients.Orthogonal,
    "normalized": ka.gradients.Normalized,
    "refreshed": lambda: ka.gradients.Orthogonal(refresh_every=2),
}


@pytest.fixture(name="floatx")
def _floatx():
    policy = keras.config.dtype_policy()
    yield
    keras.config.set_floatx("float32")
    keras.config.set_dtype_policy(policy)


@pytest.mark.parametrize(
    ("dtype", "whole", "combiner"),
    sampled(
        [
            (dtype, whole, combiner)
            for dtype in ("float64", "bfloat16", "float16")
            for whole in (False, True)
            for combiner in COMBINERS
        ],
        [("float64", True, "sum"), ("bfloat16", True, "refreshed")],
    ),
)
@pytest.mark.usefixtures("floatx")
def test_networks_train_in_every_dtype(dtype, whole, combiner):
    if whole:
        keras.config.set_floatx(dtype)
    keras.config.set_dtype_policy(dtype)
    model = compiled(tiny_net(l2=1e-4), COMBINERS[combiner](), "adaloss")
    x, y = digits(32)
    losses = model.fit(x, y, batch_size=8, epochs=2, verbose=0).history["loss"]
    assert float(losses[1]) < float(losses[0])


def _token_net():
    """A dense layer over the channels of a map, and an embedding."""
    keras.utils.set_random_seed(0)
    tokens = keras.Input((6,), dtype="int32")
    rows = keras.layers.Embedding(20, 4)(tokens)
    maps = keras.layers.Dense(5)(keras.layers.Reshape((2, 3, 4))(rows))
    outputs = [
        keras.layers.Dense(10, name=f"stage_{k}")(
            keras.layers.Flatten()(features)
        )
        for k, features in ((1, rows), (2, maps))
    ]
    return ka.AnytimeModel(tokens, outputs)


@pytest.mark.parametrize("combiner", sampled(list(COMBINERS), ["refreshed"]))
def test_sizes_of_gradients_do_not_depend_on_the_batch(combiner):
    """Batches of unknown size, traced; rows of an embedding that were read."""
    tokens = np.random.default_rng(0).integers(0, 20, (20, 6))
    y = np.arange(20) % 10
    results = []
    for traced in (False, True):
        model = compiled(
            _token_net(),
            COMBINERS[combiner](),
            optimizer=keras.optimizers.SGD(0.1),
            run_eagerly=not traced,
        )
        data = (tokens, y)
        if keras.backend.backend() == "tensorflow":
            import tensorflow as tf

            # The last batch has 4, so that their size is not known.
            data = (tf.data.Dataset.from_tensor_slices(data).batch(8),)
        model.fit(*data, batch_size=8, shuffle=False, verbose=0)
        results.append(model.get_weights())
    for eager, traced in zip(*results, strict=True):
        np.testing.assert_allclose(eager, traced, atol=1e-6)
