"""Fixtures that all tests share."""

import os
import pathlib

import keras
import pytest


@pytest.fixture(autouse=True)
def _seeded():
    keras.utils.set_random_seed(0)


@pytest.fixture(scope="session")
def repository():
    """The root of the checkout."""
    return pathlib.Path(__file__).parent.parent


@pytest.fixture(scope="session")
def cifar10_dir():
    """The folder of prepared TFDS data; skips where CIFAR-10 is not there."""
    folder = os.environ.get("TFDS_DATA_DIR")
    if not folder or not (pathlib.Path(folder) / "cifar10").is_dir():
        pytest.skip("needs CIFAR-10: set TFDS_DATA_DIR to prepared TFDS data")
    return folder
