"""A network, images to calibrate on and others to measure on.

Blocks that fine-tune with the TensorFlow Model Optimization toolkit take
minutes and are shown only; tests/export/compression_test.py runs these calls.
"""

import keras_anytime as ka
from tests.testing import digits
from tests.testing import tiny_net

train, _ = ka.data.load("digits", batch_size=64)
tiny_net().save("run/model.keras")
images, labels = digits(16)

# An untrained network changes its answers for the slightest rounding.
SHORTER = {"max_accuracy_drop=2.0": "max_accuracy_drop=100.0"}


def check(folder, printed):
    assert printed.startswith("         size")
    written = {path.name for path in (folder / "run").glob("*.tflite")}
    assert written == {"int8.tflite", "anytime.tflite", "dynamic.tflite"}
