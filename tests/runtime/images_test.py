import numpy as np
import pytest

import keras_anytime as ka
from keras_anytime.export.manifest import TensorSpec
from keras_anytime.runtime import AnytimePredictor
from keras_anytime.runtime.images import prepared
from tests.testing import scramble
from tests.testing import tiny_net

ABOUT = {"scale": 128.0, "mean": [0.5], "std": [0.25]}
FLOATS = TensorSpec("image", (1, 4, 6, 1), "float32")
PIXELS = TensorSpec("image", (1, 4, 6, 3), "uint8")


def _random(*shape):
    return np.random.default_rng(0).integers(0, 256, shape, "uint8")


def test_pixels_are_normalised_as_the_manifest_says():
    pixels = _random(4, 6)
    found = prepared(pixels, FLOATS, ABOUT)
    assert found.dtype == np.float32
    np.testing.assert_allclose(
        found[..., 0], (pixels / 128.0 - 0.5) / 0.25, rtol=1e-6
    )


def test_a_file_that_takes_pixels_gets_them():
    pixels = _random(4, 6, 3)
    np.testing.assert_array_equal(prepared(pixels, PIXELS), pixels)
    grey = _random(4, 6)
    np.testing.assert_array_equal(
        prepared(grey, PIXELS), np.stack([grey] * 3, axis=-1)
    )


def test_colours_become_grey():
    pixels = _random(4, 6, 3)
    grey = np.round(pixels.mean(-1, keepdims=True)).astype("uint8")
    np.testing.assert_array_equal(
        prepared(pixels, FLOATS, ABOUT), prepared(grey, FLOATS, ABOUT)
    )


@pytest.mark.parametrize("factor", [2, 3])
def test_other_sizes_take_the_nearest_pixels(factor):
    small = _random(4, 6, 3)
    large = small.repeat(factor, axis=0).repeat(factor, axis=1)
    np.testing.assert_array_equal(prepared(large, PIXELS), small)


@pytest.mark.parametrize(
    ("pixels", "message"),
    [
        (np.zeros((4, 6, 3)), "float64"),
        (_random(4, 6, 2), r"\(4, 6, 2\)"),
        (_random(1, 4, 6, 3), r"\(1, 4, 6, 3\)"),
        (_random(0, 6, 3), r"\(0, 6, 3\)"),
    ],
)
def test_what_are_no_pixels_is_refused(pixels, message):
    with pytest.raises(ValueError, match=f"uint8.*Received.*{message}"):
        prepared(pixels, PIXELS)


def test_a_manifest_without_preprocessing_is_refused():
    with pytest.raises(ValueError, match="preprocessing=None"):
        prepared(_random(4, 6), FLOATS)


def test_a_predictor_prepares_pixels(tmp_path):
    model = scramble(tiny_net("w1"))
    about = ka.data.info("digits").preprocessing
    pixels = _random(16, 16)
    answers = []
    for name, takes in (("floats", False), ("pixels", True)):
        path = tmp_path / f"{name}.tflite"
        ka.export.tflite(model, path, preprocessing=about, pixels=takes)
        with AnytimePredictor(path) as predictor:
            image = predictor.prepare(pixels)
            assert image.shape == predictor.blank()[0].shape
            answers.append(predictor.predict(image).logits)
    np.testing.assert_allclose(*answers, rtol=1e-4, atol=1e-4)
