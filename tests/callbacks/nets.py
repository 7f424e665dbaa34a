"""A network for tests in which what is learned does not matter."""

import keras

import keras_anytime as ka


def dense_net(stages=2, classes=10):
    """A network of a dense layer per stage, which trains within a second.

    The same arguments always give the same weights.
    """
    keras.utils.set_random_seed(0)
    image = keras.Input((8, 8, 1), name="image")
    x = keras.layers.Flatten(name="flat")(image)
    outputs = []
    for k in range(1, stages + 1):
        x = keras.layers.Dense(6, activation="tanh", name=f"dense_{k}")(x)
        outputs.append(keras.layers.Dense(classes, name=f"stage_{k}")(x))
    return ka.AnytimeModel(image, outputs, name="dense")
