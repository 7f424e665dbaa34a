"""Small models that a user might want to convert."""

import keras
import numpy as np
from keras import layers


def run(model, inputs):
    """The answers of a model as arrays, computed without tracing."""
    return keras.tree.map_structure(np.asarray, model(inputs, training=False))


def base(size=8, name="base"):
    """Two residual units without a top."""
    image = keras.Input((size, size, 3))
    x = layers.Conv2D(8, 3, padding="same", name=f"{name}_stem")(image)
    for index, filters in enumerate((8, 16)):
        y = layers.Conv2D(
            filters, 3, padding="same", name=f"{name}_conv{index}"
        )(x)
        y = layers.BatchNormalization(name=f"{name}_norm{index}")(y)
        y = layers.ReLU(name=f"{name}_relu{index}")(y)
        x = layers.Conv2D(filters, 1, name=f"{name}_short{index}")(x)
        x = layers.Add(name=f"{name}_add{index}")([x, y])
    return keras.Model(image, x, name=name)


def plain(top="softmax", classes=5):
    """The base with a classifier, as one graph."""
    network = base()
    x = layers.GlobalAveragePooling2D(name="pool")(network.output)
    x = layers.Dense(classes, activation=top, name="predictions")(x)
    return keras.Model(network.input, x, name="plain")


def nested(training=None):
    """Pixels through a nested base, itself of nested models, to a top."""
    inner = base(name="inner")
    image = keras.Input((8, 8, 3))
    x = layers.Conv2D(3, 1, name="mix")(image)
    x = layers.ReLU(name="mixed")(inner(x))
    outer = keras.Model(image, x, name="outer")
    top = keras.Sequential(
        [
            layers.GlobalAveragePooling2D(name="pool"),
            keras.Sequential(
                [layers.Dense(12, activation="relu", name="hidden")],
                name="hiddens",
            ),
            layers.Dense(5, activation="softmax", name="predictions"),
        ],
        name="top",
    )
    pixels = keras.Input((8, 8, 3), name="pixels")
    x = layers.Rescaling(1 / 127.5, offset=-1, name="scaled")(pixels)
    x = outer(x, training=training)
    return keras.Model(pixels, top(x), name="nested")


def series():
    """A convolutional network on series."""
    x = sequence = keras.Input((16, 2), name="series")
    for index, filters in enumerate((8, 12, 16)):
        x = layers.Conv1D(filters, 3, 2, padding="same", name=f"conv{index}")(x)
        x = layers.BatchNormalization(name=f"norm{index}")(x)
        x = layers.ReLU(name=f"relu{index}")(x)
    x = layers.GlobalAveragePooling1D(name="pool")(x)
    x = layers.Dense(4, name="answer")(x)
    return keras.Model(sequence, x, name="series_net")


def tokens(mask_zero=False):
    """A transformer on integer tokens, without a top."""
    words = keras.Input((6,), dtype="int32", name="words")
    x = layers.Embedding(20, 8, mask_zero=mask_zero, name="embedding")(words)
    for index in range(3):
        y = layers.LayerNormalization(name=f"before{index}")(x)
        y = layers.MultiHeadAttention(2, 4, name=f"attention{index}")(y, y)
        x = layers.Add(name=f"attended{index}")([x, y])
        y = layers.LayerNormalization(name=f"between{index}")(x)
        y = layers.Dense(16, activation="gelu", name=f"wide{index}")(y)
        y = layers.Dense(8, name=f"narrow{index}")(y)
        x = layers.Add(name=f"block{index}")([x, y])
    return keras.Model(words, x, name="transformer")


def two_inputs():
    """An image and its metadata, which join late."""
    image = keras.Input((8, 8, 3), name="picture")
    table = keras.Input((4,), name="table")
    x = image
    for index in range(3):
        x = layers.Conv2D(
            8, 3, padding="same", activation="relu", name=f"conv{index}"
        )(x)
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    y = layers.Dense(6, activation="relu", name="facts")(table)
    x = layers.Concatenate(name="joined")([x, y])
    x = layers.Dense(3, activation="softmax", name="predictions")(x)
    return keras.Model([image, table], x, name="two_inputs")


def table():
    """A perceptron on rows of a table, for a regression."""
    x = row = keras.Input((6,), name="row")
    for index in range(3):
        x = layers.Dense(16, activation="relu", name=f"dense{index}")(x)
    return keras.Model(row, layers.Dense(1, name="value")(x), name="table")


def segmenter(sigmoid=False):
    """A small U-shaped network: its skip connection crosses the middle."""
    image = keras.Input((8, 8, 3))
    x = layers.Conv2D(8, 3, padding="same", name="first")(image)
    x = layers.ReLU(name="first_relu")(x)
    y = layers.Conv2D(8, 3, 2, padding="same", name="down")(x)
    y = layers.Conv2D(8, 3, padding="same", name="middle")(y)
    y = layers.UpSampling2D(name="up")(y)
    x = layers.Concatenate(name="skip")([x, y])
    x = layers.Conv2D(8, 3, padding="same", name="last")(x)
    x = layers.Conv2D(
        3,
        1,
        activation="sigmoid" if sigmoid else "softmax",
        name="classes",
    )(x)
    return keras.Model(image, x, name="segmenter")
