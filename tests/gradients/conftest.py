"""Fixtures of the tests of gradients."""

import pytest

from keras_anytime.backend import precision


@pytest.fixture(name="float64")
def _float64():
    """64 bits for inner products, which JAX has to be asked for."""
    with precision.float64():
        yield
