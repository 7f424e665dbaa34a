"""Small anytime networks for each kind of task and input, on real data.

The data ships inside scikit-learn, except for the series, which are a data set
of the UCR archive in a folder of the user. Labels of the digits' canvases and
of the comparisons are derived from real digits; the docstrings say how.
"""

import dataclasses
import pathlib
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import layers

from keras_anytime import tasks
from keras_anytime.data.digits import read_digits
from keras_anytime.files import user_path
from keras_anytime.model import AnytimeModel


@dataclasses.dataclass(frozen=True, eq=False)
class Example:
    """A network and its data.

    Args:
        model: `AnytimeModel`, not compiled.
        loss: A Keras loss that fits its task.
        train: Pair of inputs and labels.
        val: Pair of inputs and labels that are not in `train`.
        epochs: Integer, the epochs that it needs.
        unit: String, the unit of the error, or `""` for a share.
    """

    model: AnytimeModel
    loss: keras.losses.Loss
    train: tuple[Any, np.ndarray]
    val: tuple[Any, np.ndarray]
    epochs: int
    unit: str = ""


def diabetes() -> Example:
    """A regression on a table: disease progression after one year.

    442 patients with ten measurements each (Efron et al., 2004), of which the
    last 90 are held out. The label is divided by 100 for training, so errors
    are in hundreds of points of the progression.
    """
    from sklearn.datasets import load_diabetes

    data = load_diabetes()
    # Columns of scikit-learn have a squared norm of 1.
    table = (data.data * np.sqrt(len(data.data))).astype("float32")
    progression = (data.target / 100).astype("float32")
    inputs = keras.Input((table.shape[1],), name="measurements")
    outputs, x = [], inputs
    for k, units in enumerate((8, 16, 32), start=1):
        x = layers.Dense(units, "relu", kernel_regularizer="l2")(x)
        outputs.append(layers.Dense(1, name=f"stage_{k}")(x))
    return Example(
        AnytimeModel(inputs, outputs, name="diabetes", task=tasks.Regression()),
        keras.losses.Huber(),
        (table[:-90], progression[:-90]),
        (table[-90:], progression[-90:]),
        epochs=60,
        unit="100 points",
    )


def series(folder: str | pathlib.Path) -> Example:
    """A classification of series by 1D convolutions.

    Args:
        folder: Folder of a data set of the UCR archive, with
            `<name>_TRAIN.txt` and `<name>_TEST.txt`: a series per line, its
            label first.
    """
    splits = {}
    for split in ("TRAIN", "TEST"):
        (path,) = sorted(user_path(folder).glob(f"*_{split}.txt"))
        splits[split] = np.loadtxt(path, dtype="float32")
    names = np.unique(splits["TRAIN"][:, 0])
    pairs = [
        (rows[:, 1:, None], np.searchsorted(names, rows[:, 0]))
        for rows in splits.values()
    ]
    inputs = keras.Input(pairs[0][0].shape[1:], name="series")
    outputs, x = [], inputs
    for k, filters in enumerate((8, 16, 32), start=1):
        x = layers.Conv1D(filters, 9, 2, padding="same", use_bias=False)(x)
        # Two batches an epoch: slow averages would lag behind.
        x = layers.ReLU()(layers.BatchNormalization(momentum=0.9)(x))
        pooled = layers.GlobalAveragePooling1D()(x)
        outputs.append(layers.Dense(len(names), name=f"stage_{k}")(pooled))
    return Example(
        AnytimeModel(
            inputs,
            outputs,
            name="series",
            task=tasks.Classification(len(names)),
        ),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        train=pairs[0],
        val=pairs[1],
        epochs=150,
    )


def segmentation(count: int = 2000) -> Example:
    """A segmentation: which digit does each pixel of a canvas belong to?

    A canvas is four digits of scikit-learn beside each other, 16x16 pixels. A
    pixel of a digit's foreground, brighter than half of the range, has the
    digit's label plus 1, and all others have 0. So strokes come from real
    images, and labels from their real classes. Canvases for validation are
    made of other digits.

    Args:
        count: Integer, the canvases for training. A quarter as many are for
            validation.
    """
    pairs: list[tuple[Any, np.ndarray]] = []
    for seed, split in enumerate(("train[:80%]", "train[80%:]")):
        images, labels = _digits(split)
        number = count if seed == 0 else count // 4
        chosen = np.random.default_rng(seed).integers(
            0, len(labels), (number, 2, 2)
        )
        # (canvas, row, column, height, width) to (canvas, height, width).
        canvases = images[chosen, :, :, 0].transpose(0, 1, 3, 2, 4)
        canvases = canvases.reshape(number, 16, 16, 1)
        classes = np.repeat(np.repeat(labels[chosen] + 1, 8, 1), 8, 2)
        masks = np.where(canvases[..., 0] > 127, classes, 0)
        pairs.append(((canvases / 255).astype("float32"), masks))
    inputs = keras.Input((16, 16, 1), name="canvas")
    x = layers.Conv2D(16, 3, padding="same", activation="relu")(inputs)
    fine = x
    outputs = []
    for k, filters in enumerate((24, 32, 48), start=1):
        x = layers.Conv2D(
            filters, 3, strides=2 if k < 3 else 1, padding="same"
        )(x)
        x = layers.ReLU()(layers.BatchNormalization()(x))
        coarse = layers.UpSampling2D(2 ** min(k, 2))(x)
        both = layers.Concatenate()([fine, coarse])
        outputs.append(layers.Conv2D(11, 1, name=f"stage_{k}")(both))
    return Example(
        AnytimeModel(
            inputs, outputs, name="canvases", task=tasks.Segmentation(11)
        ),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        train=pairs[0],
        val=pairs[1],
        epochs=15,
    )


def comparison(count: int = 6000) -> Example:
    """A binary answer from an image and a number: is the digit larger?

    The inputs are a digit of scikit-learn and a number from 0 to 9, as a
    one-hot vector. The first stage reads the image and the number, and so do
    the others.

    Args:
        count: Integer, the pairs for training. A quarter as many are for
            validation, of other digits.
    """
    pairs: list[tuple[Any, np.ndarray]] = []
    for seed, split in enumerate(("train[:80%]", "train[80%:]")):
        images, labels = _digits(split)
        rng = np.random.default_rng(seed)
        number = count if seed == 0 else count // 4
        chosen = rng.integers(0, len(labels), number)
        limits = rng.integers(0, 10, number)
        x = {
            "digit": (images[chosen] / 255).astype("float32"),
            "limit": np.eye(10, dtype="float32")[limits],
        }
        pairs.append((x, (labels[chosen] > limits).astype("int64")))
    digit = keras.Input((8, 8, 1), name="digit")
    limit = keras.Input((10,), name="limit")
    outputs, x = [], digit
    for k, filters in enumerate((8, 16, 32), start=1):
        x = layers.Conv2D(filters, 3, 2 if k > 1 else 1, padding="same")(x)
        x = layers.ReLU()(layers.BatchNormalization()(x))
        joined = layers.Concatenate()([layers.Flatten()(x), limit])
        hidden = layers.Dense(16, "relu")(joined)
        outputs.append(layers.Dense(1, name=f"stage_{k}")(hidden))
    return Example(
        AnytimeModel(
            {"digit": digit, "limit": limit},
            outputs,
            name="comparison",
            task=tasks.Binary(),
        ),
        keras.losses.BinaryCrossentropy(from_logits=True),
        train=pairs[0],
        val=pairs[1],
        epochs=15,
    )


def _digits(split: str) -> tuple[np.ndarray, np.ndarray]:
    """Returns pixels `(count, 8, 8, 1)` and labels of a part of the digits."""
    ((images, labels),) = read_digits([split])
    return images, np.asarray(labels)


EXAMPLES: dict[str, Callable[..., Example]] = {
    "diabetes": diabetes,
    "series": series,
    "segmentation": segmentation,
    "comparison": comparison,
}
