import keras
from keras import layers

import keras_anytime as ka
from tests.convert import nets


def test_integers_are_pixels_if_they_are_scaled():
    image = keras.Input((16, 16, 3), dtype="uint8")
    x = layers.Conv2D(2, 3)(layers.Rescaling(1 / 255)(image))
    model = keras.Model(image, layers.GlobalAveragePooling2D()(x))
    assert ka.convert.takes_pixels(model)


def test_a_converted_network_tells_too():
    anytime = ka.convert.add_heads(nets.nested(), 5, at="inner_add0")
    assert ka.convert.takes_pixels(anytime)
    assert not ka.convert.takes_pixels(nets.table())
