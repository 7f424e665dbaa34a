"""A network and images; tests/integration/serving_test.py runs the client."""

import keras_anytime as ka  # noqa: F401
from tests.testing import digits
from tests.testing import tiny_net

model = tiny_net()
images, _ = digits(8)


def check(folder, printed):
    assert printed == "3\n"
    assert (folder / "models" / "anytime" / "1" / "manifest.json").exists()
