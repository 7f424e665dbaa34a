"""Networks whose answers are no choice of a class, on a device."""

import keras
import numpy as np
import pytest

import keras_anytime as ka
from tests.callbacks.nets import dense_net
from tests.testing import digits

BINARY = keras.losses.BinaryCrossentropy(from_logits=True)


def _exported(path, classes, loss):
    model = dense_net(3, classes=classes)
    if loss is not None:
        model.compile("sgd", loss)
    ka.export.tflite(model, path, subnets=False)
    return model


def test_one_logit_stops_where_yes_or_no_is_sure(tmp_path):
    path = tmp_path / "model.tflite"
    model = _exported(path, 1, BINARY)
    image = digits(1)[0][0]
    chances = [
        1 / (1 + np.exp(-abs(float(logits[0, 0]))))
        for logits in model.predict(image[None], verbose=0)
    ]
    with ka.runtime.AnytimePredictor(path) as predictor:
        assert predictor.manifest.task == "binary"
        for threshold in (*chances, 0.99):
            below = threshold - 1e-3
            first = next(
                (k for k in (1, 2) if chances[k - 1] > below),
                3,
            )
            assert predictor.predict(image, confidence=below).stage == first


@pytest.mark.parametrize(("classes", "loss"), [(5, BINARY), (1, "mse")])
def test_answers_without_a_confidence_have_none_on_a_device(
    tmp_path, classes, loss
):
    path = tmp_path / "model.tflite"
    model = _exported(path, classes, loss)
    image = digits(1)[0][0]
    with ka.runtime.AnytimePredictor(path) as predictor:
        assert predictor.predict(image).stage == 3
        with pytest.raises(ValueError, match=f"with {classes} logits"):
            predictor.predict(image, confidence=0.5)
    with pytest.raises(ValueError, match=f"with {classes} logits"):
        ka.export.tflite(model, path, thresholds=(0.5, 0.5))
