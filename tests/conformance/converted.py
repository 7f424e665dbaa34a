"""Keras models as a user might bring them, with heads of `ka.convert`."""

import keras
from keras import layers

import keras_anytime as ka
from tests.conformance.users import Tokens


def _normalized(x, filters, strides=1):
    x = layers.Conv2D(filters, 3, strides, padding="same", use_bias=False)(x)
    return layers.BatchNormalization()(x)


def _nested_base():
    """Pixels through a base that is called as a layer, and a Sequential top."""
    image = keras.Input((8, 8, 3))
    x = layers.ReLU()(_normalized(image, 8))
    x = layers.ReLU()(_normalized(x, 8, 2))
    base = keras.Model(image, x, name="base")
    top = keras.Sequential(
        [
            layers.Conv2D(16, 3, padding="same", activation="relu"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(10, activation="softmax"),
        ]
    )
    pixels = keras.Input((8, 8, 3))
    x = layers.Rescaling(1 / 2, offset=0.1)(pixels)
    model = keras.Model(pixels, top(base(x)), name="nested_base")
    return ka.convert.add_heads(model, 10, at=(0.25, 0.55))


def _frozen_residual():
    """Residual units, of which the first is frozen with its statistics."""
    image = keras.Input((8, 8, 1))
    x = layers.Conv2D(8, 3, padding="same", use_bias=False)(image)
    for _ in range(3):
        x = layers.Add()([x, layers.ReLU()(_normalized(x, 8))])
    x = layers.GlobalAveragePooling2D()(x)
    model = keras.Model(image, layers.Dense(10)(x), name="frozen_residual")
    for layer in model.layers[:5]:
        layer.trainable = False
    return ka.convert.add_heads(model, 10, at=(0.35, 0.7))


def _series():
    """1D convolutions on a series of two channels."""
    x = series = keras.Input((16, 2))
    for filters in (8, 12, 16):
        x = layers.Conv1D(filters, 3, 2, padding="same", use_bias=False)(x)
        x = layers.ReLU()(layers.BatchNormalization()(x))
    x = layers.GlobalAveragePooling1D()(x)
    model = keras.Model(series, layers.Dense(5)(x), name="series")
    return ka.convert.add_heads(model, 5, at=(0.3, 0.55))


def _block(x):
    y = layers.LayerNormalization()(x)
    y = layers.MultiHeadAttention(2, 4, use_bias=False)(y, y)
    x = layers.Add()([x, y])
    y = layers.LayerNormalization()(x)
    y = layers.Dense(16, activation="gelu")(y)
    return layers.Add()([x, layers.Dense(8)(y)])


def _vision_transformer():
    """Patches with a class token, which the top reads."""
    image = keras.Input((8, 8, 1))
    x = layers.Conv2D(8, 2, strides=2)(image)
    x = layers.Reshape((16, 8))(x)
    x = Tokens()(x)
    for _ in range(3):
        x = _block(x)
    x = layers.LayerNormalization()(x)[:, 0]
    model = keras.Model(image, layers.Dense(10)(x), name="vision_transformer")
    return ka.convert.add_heads(model, 10, at=(0.35, 0.65))


def _words():
    """A transformer on integer tokens, without a top."""
    words = keras.Input((6,), dtype="int32")
    x = layers.Embedding(20, 8)(words)
    for _ in range(3):
        x = _block(x)
    model = keras.Model(words, x, name="words")
    return ka.convert.add_heads(model, 4, at=(0.33, 0.66))


def _table():
    """A perceptron on rows of a table."""
    x = row = keras.Input((6,))
    for _ in range(3):
        x = layers.Dense(16, activation="relu")(x)
    model = keras.Model(row, layers.Dense(4)(x), name="table")
    return ka.convert.add_heads(model, 4, at=(0.2, 0.5), max_head_share=0.5)


CONVERTED = {
    "converted_nested_base": _nested_base,
    "converted_frozen_residual": _frozen_residual,
    "converted_series": _series,
    "converted_vision_transformer": _vision_transformer,
    "converted_words": _words,
    "converted_table": _table,
}
