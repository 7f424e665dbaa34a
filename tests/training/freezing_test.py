import keras
import numpy as np
import pytest

import keras_anytime as ka
from keras_anytime.training.freezing import frozen
from tests.testing import compiled
from tests.testing import digits
from tests.testing import sampled


@keras.saving.register_keras_serializable("tests")
class _Block(keras.layers.Layer):
    """A layer of layers, such as a user brings."""

    def __init__(self, depth=1, **kwargs):
        super().__init__(**kwargs)
        self.conv = keras.layers.Conv2D(2, 3, padding="same")
        self.norms = [keras.layers.BatchNormalization()]
        self.inner = _Block(depth - 1) if depth else None

    def build(self, input_shape):
        self.conv.build(input_shape)
        shape = self.conv.compute_output_shape(input_shape)
        self.norms[0].build(shape)
        if self.inner is not None:
            self.inner.build(shape)
        self.built = True

    def call(self, inputs, training=None):
        x = self.norms[0](self.conv(inputs), training=training)
        return x if self.inner is None else self.inner(x, training=training)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], 2)


def _network():
    """Three stages; parts of the network at different depths are frozen."""
    keras.utils.set_random_seed(0)
    x = image = keras.Input((8, 8, 1), name="image")
    outputs = []
    for k in (1, 2, 3):
        x = _Block(name=f"block_{k}")(x)
        pooled = keras.layers.GlobalAveragePooling2D(name=f"pool_{k}")(x)
        outputs.append(keras.layers.Dense(10, name=f"stage_{k}")(pooled))
    model = ka.AnytimeModel(image, outputs)
    model.get_layer("block_1").trainable = False
    model.get_layer("block_2").norms[0].trainable = False
    model.get_layer("block_2").inner.conv.trainable = False
    model.get_layer("block_3").inner.trainable = False
    return model


def _layers(model):
    for k in (1, 2, 3):
        block = model.get_layer(f"block_{k}")
        for part in (block, block.inner):
            yield from (part, part.conv, part.norms[0])


def _flags(model):
    flags = [layer.trainable for layer in _layers(model)]
    return flags, [variable.trainable for variable in model.variables]


def test_all_is_as_trainable_afterwards_as_before():
    model = _network()
    before = _flags(model)
    assert any(before[0]) and not all(before[0])
    # Parts may be listed beside, before or after, the layers they belong to.
    listed = list(_layers(model))
    for layers in (model.layers, listed, listed[::-1]):
        with frozen(layers):
            assert not any(_flags(model)[0])
        assert _flags(model) == before


def test_frozen_layers_stay_as_they_are_when_heads_and_then_all_are_trained():
    x, y = digits(32)
    model = compiled(_network(), "orthogonal")
    fixed = [
        variable
        for layer in _layers(model)
        if not layer.trainable
        for variable in layer.variables
    ]
    values = [np.array(variable) for variable in fixed]
    trained = list(model.trainable_variables)
    ka.training.fit_heads(model, x, y, epochs=1, verbose=0)
    before = [np.array(variable) for variable in trained]
    model.fit(x, y, verbose=0)
    for variable, value in zip(fixed, values, strict=True):
        np.testing.assert_array_equal(variable, value, err_msg=variable.path)
    for variable, value in zip(trained, before, strict=True):
        assert not np.array_equal(variable, value), variable.path


@pytest.mark.parametrize(
    "gradients", sampled(["sum", "normalized"], ["normalized"])
)
def test_a_network_whose_last_stage_is_frozen_as_a_whole_trains_on(gradients):
    x, y = digits(16)
    model = compiled(_network(), gradients, "adaloss")
    for layer in model.stage(3).layers:
        layer.trainable = False
    head = [model.get_layer(f"stage_{k}") for k in (1, 2)]
    before = [layer.get_weights()[0] for layer in head]
    ka.training.fit_heads(model, x, y, epochs=1, verbose=0)
    middle = [layer.get_weights()[0] for layer in head]
    model.fit(x, y, verbose=0)
    after = [layer.get_weights()[0] for layer in head]
    for first, second, third in zip(before, middle, after, strict=True):
        assert not np.array_equal(first, second)
        assert not np.array_equal(second, third)
