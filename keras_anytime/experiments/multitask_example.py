"""A network of several tasks and its data: two digits in one image."""

from collections.abc import Iterable

import keras
import numpy as np
from keras import layers

from keras_anytime.data.digits import read_digits
from keras_anytime.training.multitask_model import MultitaskModel

#: Images and their labels by task.
LabeledPairs = tuple[np.ndarray, dict[str, np.ndarray]]

#: The tasks, and the sizes of their outputs.
TASKS = {"left": 10, "right": 10, "ink": 1}
# Two digits of 8 x 8 pixels share six of the ten columns.
_SHAPE = (8, 10, 1)


def pairs_of_digits(count: int, split: str, seed: int) -> LabeledPairs:
    """Returns images of two overlapping digits, with labels of three tasks.

    The digits are those of scikit-learn. `left` and `right` are their classes,
    and `ink` the mean of the image's pixels, in standard deviations of usual
    images. Two digits in one image are the usual first test of multi-task
    training (Sabour et al., 2017; Sener and Koltun, 2018), and hard enough to
    tell methods apart; class, parity and ink of a single digit are not.

    Args:
        count: Integer, the number of images.
        split: The digits that images are made of, such as `"train[:60%]"`.
        seed: Integer, chooses the digits of each image.

    Returns:
        Tuple of float32 images `(count, 8, 10, 1)`, and a dict from `left` and
        `right` to int64 labels, and from `ink` to float32 labels `(count, 1)`.
    """
    ((digits, classes),) = read_digits([split])
    classes = np.asarray(classes)
    left, right = np.random.default_rng(seed).integers(
        0, len(digits), (2, count)
    )
    images = np.zeros((count, *_SHAPE), "float32")
    images[:, :, :8] = digits[left]
    images[:, :, -8:] = np.maximum(images[:, :, -8:], digits[right])
    images /= 255
    ink = (images.mean((1, 2, 3)) - 0.404) / 0.035
    return images, {
        "left": classes[left],
        "right": classes[right],
        "ink": ink[:, None],
    }


def network(tasks: Iterable[str]) -> MultitaskModel:
    """Returns a small network with shared convolutions and a head per task.

    Args:
        tasks: Some of `TASKS`. Heads of digits end in logits.
    """
    image = keras.Input(_SHAPE, name="image")
    x = layers.Conv2D(12, 3, padding="same", use_bias=False)(image)
    x = layers.ReLU()(layers.BatchNormalization()(x))
    x = layers.Conv2D(24, 3, strides=2, padding="same", use_bias=False)(x)
    x = layers.ReLU()(layers.BatchNormalization()(x))
    x = layers.Dense(24, activation="relu")(layers.Flatten()(x))
    return MultitaskModel(
        image,
        {
            task: layers.Dense(TASKS[task], name=f"{task}_head")(x)
            for task in tasks
        },
        name="pairs_of_digits",
    )
