"""Tests of the maths compare in 64 bits, which JAX has to be asked for."""

import pytest

from keras_anytime import precision


@pytest.fixture(autouse=True)
def _float64():
    with precision.float64():
        yield
