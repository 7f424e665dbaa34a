"""A network, images that it has not seen, and one of them."""

import numpy as np

import keras_anytime as ka
from tests.testing import compiled
from tests.testing import tiny_net

train, val = ka.data.load("digits", batch_size=64)
model = compiled(tiny_net())
model.fit(train, verbose=0)
image = np.asarray(next(iter(val))[0][0])


def check(folder, printed):
    lines = printed.splitlines()
    # Calibration errors and errors of three stages, before and after.
    assert len(lines) == 7
    manifest = ka.manifest.read_manifest(folder / "run/trusted.tflite")
    assert manifest.risk == {"risk": 0.1, "level": 0.9, "examples": 119}
    assert manifest.class_names and str(manifest.thresholds) in lines[4]
    assert 0.1 <= float(lines[-1]) <= 1
