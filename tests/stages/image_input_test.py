"""Networks that normalize pixels themselves are told from others."""

import keras
import numpy as np
import pytest
from keras import layers

import keras_anytime as ka
from keras_anytime.runtime import AnytimePredictor
from keras_anytime.stages.image_input import image_input
from keras_anytime.stages.image_input import takes_pixels


def _net(prepare, shape=(8, 8, 3), **options):
    image = keras.Input(shape, name="photo", **options)
    x = layers.Conv2D(4, 3, strides=2, activation="relu")(prepare(image))
    pooled = layers.GlobalAveragePooling2D()(x)
    later = layers.GlobalAveragePooling2D()(layers.Conv2D(4, 3)(x))
    return ka.AnytimeModel(
        image,
        [
            layers.Dense(3, name="stage_1")(pooled),
            layers.Dense(3, name="stage_2")(later),
        ],
    )


def _normalized(mean, variance):
    return layers.Normalization(mean=[mean] * 3, variance=[variance] * 3)


PIXELS = {
    "MobileNetV3": lambda x: layers.Rescaling(1 / 127.5, offset=-1.0)(x),
    "EfficientNetV2": lambda x: _normalized(0.45, 0.05)(
        layers.Rescaling(1 / 255)(x)
    ),
    "ConvNeXt": lambda x: _normalized(120.0, 3400.0)(x),
    "resized": lambda x: layers.Rescaling(1 / 255)(layers.Resizing(10, 10)(x)),
    "preprocess_input": lambda x: x / 127.5 - 1.0,
    "mean of pixels": lambda x: x[..., ::-1] - np.float32(115.0),
    "augmented": lambda x: layers.Rescaling(1 / 255)(
        layers.RandomFlip("horizontal")(x)
    ),
}
OTHERS = {
    "nothing": lambda x: x,
    "floats from 0 to 1": lambda x: layers.Rescaling(2.0, offset=-1.0)(x),
    "normalized floats": lambda x: _normalized(0.45, 0.05)(x),
    "mean of floats": lambda x: x - 0.45,
    "both": lambda x: layers.Concatenate()([x, layers.Rescaling(1 / 255)(x)]),
}


@pytest.mark.parametrize("name", PIXELS)
def test_layers_that_normalize_pixels_are_found(name):
    assert takes_pixels(_net(PIXELS[name]))


@pytest.mark.parametrize("name", OTHERS)
def test_layers_for_other_images_are_not(name):
    assert not takes_pixels(_net(OTHERS[name]))


@pytest.mark.parametrize("name", ["MobileNetV3Small", "EfficientNetV2B0"])
@pytest.mark.slow
def test_networks_of_keras_applications_take_pixels(name):
    build = getattr(keras.applications, name)
    for included in (True, False):
        model = build(
            weights=None,
            input_shape=(64, 64, 3),
            include_preprocessing=included,
        )
        assert takes_pixels(model) is included


def test_the_image_is_the_only_input_of_its_rank():
    image = keras.Input((8, 8, 3))
    other = keras.Input((8, 8, 3))
    row = keras.Input((3,))
    for inputs, found in (
        ([row, image], image),
        ([image, other], None),
        ([row], None),
    ):
        outputs = [layers.Flatten()(tensor) for tensor in inputs]
        model = keras.Model(inputs, outputs)
        assert image_input(model) is found
        assert not takes_pixels(model)


def test_a_network_that_normalizes_pixels_gets_them_on_a_device(tmp_path):
    model = _net(PIXELS["MobileNetV3"])
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (6, 8, 8, 3), "uint8")
    floats = pixels.astype("float32")
    want = model.predict(floats, verbose=0)[1]
    answers = []
    for takes in (False, True):
        path = tmp_path / f"{takes}.tflite"
        ka.export.tflite(model, path, pixels=takes)
        with AnytimePredictor(path) as predictor:
            image = predictor.prepare(pixels[0].repeat(2, axis=1))
            assert image.dtype == ("uint8" if takes else "float32")
            np.testing.assert_array_equal(image, pixels[0])
            answers.append(predictor.predict(image).logits)
            if not takes:
                assert predictor.manifest.preprocessing == {
                    "scale": 1.0,
                    "mean": [0.0] * 3,
                    "std": [1.0] * 3,
                }
                with pytest.raises(ValueError, match="values from"):
                    predictor.predict(floats * 10)
    for answer in answers:
        np.testing.assert_allclose(answer, want[0], rtol=1e-4, atol=1e-5)
    found = ka.export.verify(path, model, (floats, np.zeros(6, "int64")))
    assert found.agreement == (1.0, 1.0)
    with pytest.raises(ValueError, match="from 0 to 255"):
        ka.export.verify(path, model, (floats * 10, np.zeros(6, "int64")))
