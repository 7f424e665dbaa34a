"""A network with three stages, and images that it has not seen."""

import numpy as np

import keras_anytime as ka
from tests.testing import compiled
from tests.testing import tiny_net

train, val = ka.data.load("digits", batch_size=64)
model = compiled(tiny_net())
model.fit(train, verbose=0)
representative = np.asarray(next(iter(train))[0])
pairs = [(np.asarray(x), np.asarray(y)) for x, y in val]
images = np.concatenate([x for x, _ in pairs])[:120]
labels = np.concatenate([y for _, y in pairs])[:120]


def check(folder, printed):
    some = ka.manifest.read_manifest(folder / "run/some.tflite")
    assert [stage.stage for stage in some.stages] == [1, 3]
    assert some.product_answers and len(some.thresholds) == 1
    assert {stage.top1_error is None for stage in some.stages} == {False}
    quantized = ka.manifest.read_manifest(folder / "run/int8.tflite")
    assert quantized.risk == {"risk": 0.1, "level": 0.9, "examples": 60}
    assert len(quantized.temperatures) == 3
    assert "BudgetPoint" in printed
