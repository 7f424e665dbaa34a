"""Fixtures of the conformance tests."""

import functools

import keras
import numpy as np
import pytest

import keras_anytime as ka
from tests.conformance.catalogue import NETWORKS
from tests.conformance.catalogue import VARIANTS
from tests.testing import scramble


@functools.cache
def _built(name):
    """A network and its weights, made once: tests must not change more."""
    keras.utils.set_random_seed(0)
    model = scramble({**NETWORKS, **VARIANTS}[name]())
    return model, model.get_weights()


@pytest.fixture(name="model", params=NETWORKS)
def _model(request):
    model, weights = _built(request.param)
    model.set_weights(weights)
    return model


@pytest.fixture(name="images")
def _images(model):
    """Real digits, brought to the network's input size."""
    data = ka.data.load("digits", batch_size=4)[1]
    digits = next(iter(data))[0]
    height, width, channels = model.input_shape[1:]
    images = keras.ops.image.resize(digits, (height, width))
    return np.repeat(np.asarray(images), channels, axis=-1)
