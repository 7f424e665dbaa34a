import keras
import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

import keras_anytime as ka
from keras_anytime.export.fusion import fuse_normalizations
from tests.export.operators import graphs
from tests.testing import sampled
from tests.testing import scramble
from tests.testing import tiny_net


def _normalized():
    """A model that normalizes its input, and cuts off what is negative."""
    image = keras.Input((4, 4, 3), name="image")
    layer = keras.layers.BatchNormalization()
    model = keras.Model(image, keras.layers.ReLU()(layer(image)))
    layer.set_weights(np.random.default_rng(0).uniform(0.5, 1.5, (4, 3)))
    return model


def _converted(model, path):
    content = tf.lite.TFLiteConverter.from_keras_model(model).convert()
    path.write_bytes(content)
    before = graphs(path)["serving_default"]
    path.write_bytes(fuse_normalizations(content))
    return before, graphs(path)["serving_default"]


def _answers(path, images):
    interpreter = Interpreter(str(path))
    runner = interpreter.get_signature_runner()
    return [list(runner(image=image[None]).values()) for image in images]


def test_normalization_and_activation_are_one_operator(tmp_path):
    model = _normalized()
    before, after = _converted(model, tmp_path / "net.tflite")
    assert before.kinds["MUL"] == before.kinds["ADD"] == 1
    assert after.kinds["MUL"] == after.kinds["ADD"] == 0
    assert after.kinds["DEPTHWISE_CONV_2D"] == 1
    assert len(after.operators) == len(before.operators) - 1
    images = np.random.default_rng(1).standard_normal((5, 4, 4, 3), "float32")
    for (got,), want in zip(
        _answers(tmp_path / "net.tflite", images),
        model.predict(images, verbose=0),
        strict=True,
    ):
        np.testing.assert_allclose(got[0], want, rtol=1e-5, atol=1e-6)


def test_what_others_read_in_between_is_left(tmp_path):
    """A product that is an answer itself, or read twice, has to be there."""
    image = keras.Input((4, 4, 3), name="image")
    product = image * np.array([1.0, 2.0, 3.0], "float32")
    offset = np.array([1.0, 1.0, 2.0], "float32")
    for outputs in (
        [product, product + offset],
        [product + offset, keras.ops.sigmoid(product)],
        [keras.ops.relu(product) + offset],
        [product + image],
    ):
        model = keras.Model(image, outputs)
        before, after = _converted(model, tmp_path / "net.tflite")
        assert after.kinds == before.kinds
        assert "DEPTHWISE_CONV_2D" not in after.kinds


def test_all_signatures_of_a_network_answer_as_before(tiny_file):
    model = scramble(tiny_net())
    found = graphs(tiny_file)
    for k in (1, 2, 3):
        # A normalization of each stage before a convolution, and its head's.
        assert found[f"step_{k}"].kinds["DEPTHWISE_CONV_2D"] == 2
        assert found[f"step_{k}"].kinds["MUL"] == 0
    images = np.random.default_rng(0).standard_normal((2, 8, 8, 1), "float32")
    wanted = model.predict(images, verbose=0)
    with ka.runtime.AnytimePredictor(tiny_file) as predictor:
        for index, image in enumerate(images):
            for result in predictor.stream(image):
                want = wanted[result.stage - 1][index]
                np.testing.assert_allclose(
                    result.logits, want, atol=1e-5 * np.abs(want).max()
                )


@pytest.mark.parametrize("variant", sampled(["int8", "int16x8"], ["int8"]))
def test_a_channel_that_is_always_zero_spoils_no_other(tmp_path, variant):
    """Its variance is 0, so that it is multiplied by some 300."""
    keras.utils.set_random_seed(0)
    image = keras.Input((8, 8, 1), name="image")
    x = keras.layers.Conv2D(4, 3, padding="same", name="conv")(image)
    x = keras.layers.AveragePooling2D(2, name="pool")(x)
    zeros = keras.layers.Conv2D(
        2, 1, kernel_initializer="zeros", use_bias=False, name="zeros"
    )(x)
    x = keras.layers.Concatenate(name="padded")([x, zeros])
    norm = keras.layers.BatchNormalization(epsilon=1e-5, name="norm")
    x = keras.layers.ReLU(name="relu")(norm(x))
    x = keras.layers.Conv2D(8, 3, padding="same", name="last")(x)
    x = keras.layers.GlobalAveragePooling2D(name="mean")(x)
    model = ka.AnytimeModel(image, [keras.layers.Dense(10, name="stage_1")(x)])
    norm.set_weights(
        [np.ones(6), np.full(6, 0.1), np.zeros(6), np.repeat([1, 0], (4, 2))]
    )
    images = np.random.default_rng(0).standard_normal((50, 8, 8, 1), "float32")
    path = tmp_path / "net.tflite"
    ka.export.tflite(model, path, variant, images)
    wanted = model.predict(images, verbose=0)
    with ka.runtime.AnytimePredictor(path) as predictor:
        got = [predictor.predict(single).logits for single in images]
    np.testing.assert_allclose(got, wanted, atol=0.05 * np.abs(wanted).max())
