import keras
import pytest
from keras import layers

import keras_anytime as ka
from tests.convert import nets

IMAGENET = ([123.675, 116.28, 103.53], [3409.976, 3262.694, 3291.891])


def _model(*prepare, dtype="float32"):
    x = image = keras.Input((16, 16, 3), dtype=dtype)
    for layer in prepare:
        x = layer(x)
    x = layers.Conv2D(2, 3)(x)
    return keras.Model(image, layers.GlobalAveragePooling2D()(x))


@pytest.mark.parametrize(
    ("prepare", "pixels"),
    [
        ([], False),
        ([layers.Rescaling(1 / 255)], True),
        ([layers.Rescaling(1 / 127.5, offset=-1)], True),
        ([layers.Normalization(mean=IMAGENET[0], variance=IMAGENET[1])], True),
        ([layers.Resizing(8, 8), layers.Rescaling(1 / 255)], True),
        ([layers.RandomFlip(), layers.Rescaling(1 / 255)], True),
        ([lambda x: x / 127.5, lambda x: x - 1.0], True),
        ([lambda x: x - 128.0], True),
        ([layers.Resizing(8, 8)], False),
        ([layers.Rescaling(2.0, offset=-1)], False),
        ([layers.Normalization(mean=[0.5] * 3, variance=[0.06] * 3)], False),
        ([layers.ReLU(), layers.Rescaling(1 / 255)], False),
    ],
)
def test_the_first_operations_tell(prepare, pixels):
    assert ka.convert.takes_pixels(_model(*prepare)) == pixels


def test_integers_are_pixels_if_they_are_scaled():
    scale = layers.Rescaling(1 / 255)
    assert ka.convert.takes_pixels(_model(scale, dtype="uint8"))


def test_a_converted_network_tells_too():
    anytime = ka.convert.add_heads(nets.nested(), 5, at="inner_add0")
    assert ka.convert.takes_pixels(anytime)
    assert not ka.convert.takes_pixels(nets.table())
