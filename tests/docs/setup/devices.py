"""A network for three classes of color images, and a photo."""

import ast

import numpy as np

import keras_anytime as ka
from tests.testing import scramble
from tests.testing import tiny_net

model = scramble(tiny_net(input_shape=(8, 8, 3), classes=3))
photo = np.random.default_rng(0).integers(0, 256, (24, 32, 3), "uint8")


def check(folder, printed):
    names = [name for name, _ in ast.literal_eval(printed)]
    assert sorted(names) == ["cat", "dog", "horse"]
    manifest = ka.manifest.read_manifest(folder / "run" / "anytime.tflite")
    assert manifest.pixels["size"] == [8, 8]
