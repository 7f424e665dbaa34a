"""A small network of two stages as a user would write it."""

import keras
from keras import layers

import keras_anytime as ka


def two_stage_net(
    classes=10, mid=lambda a: a, names=(None, None), image=None, name=None
):
    """Two convolutions, a head after each, the second one flattening.

    Args:
        classes: Integer.
        mid: Function from the second convolution's output to what its head
            reads.
        names: Pair of names of the convolutions.
        image: Name of the input.
        name: Name of the model.
    """
    image = keras.Input((8, 8, 1), name=image)
    a = layers.Conv2D(8, 3, padding="same", activation="relu", name=names[0])(
        image
    )
    b = mid(layers.Conv2D(16, 3, activation="relu", name=names[1])(a))
    return ka.AnytimeModel(
        image,
        [
            layers.Dense(classes, name="stage_1")(
                layers.GlobalAveragePooling2D()(a)
            ),
            layers.Dense(classes, name="stage_2")(layers.Flatten()(b)),
        ],
        name=name,
    )
