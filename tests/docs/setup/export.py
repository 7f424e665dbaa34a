"""A network that was trained on the digits, with its curve and images."""

import keras  # noqa: F401
import numpy as np

import keras_anytime as ka
from tests.testing import compiled
from tests.testing import digits
from tests.testing import tiny_net

train, _ = ka.data.load("digits", batch_size=64)
model = compiled(tiny_net())
model.fit(train, steps_per_epoch=1, verbose=0)
images, labels = digits(16)
image = images[0]
curve = ka.evaluation.anytime_curve(model, (images, labels))


def check(folder, printed):
    lines = printed.splitlines()
    assert lines[0] == "3"
    assert "['image']" in lines
    assert "[1, 3]" in lines
    assert "(1,)" in lines
    names = ka.manifest.read_manifest(folder / "run/named.tflite").class_names
    assert names[:2] == ("zero", "one")
    assert np.array_equal(eval(lines[-1]), (1, 1, 1))
