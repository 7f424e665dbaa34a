"""Fixtures of the conformance tests."""

import keras
import numpy as np
import pytest

import keras_anytime as ka
from tests.conformance.catalogue import NETWORKS
from tests.conformance.networks import built


@pytest.fixture(name="model", params=NETWORKS)
def _model(request):
    return built(request.param)


@pytest.fixture(name="images")
def _images(model):
    """Real digits, brought to the network's input size.

    Networks on other inputs get the digits' pixels in their shape, or integers.
    """
    data = ka.data.load("digits", batch_size=4)[1]
    digits = next(iter(data))[0]
    shape = model.input_shape[1:]
    if len(shape) != 3:
        values = np.resize(np.asarray(digits), (len(digits), *shape))
        dtype = model.inputs[0].dtype
        if dtype == "int32":
            values = np.abs(values * 10) % 20
        return values.astype(dtype)
    height, width, channels = shape
    images = keras.ops.image.resize(digits, (height, width))
    return np.repeat(np.asarray(images), channels, axis=-1)
