"""Networks of two stages for inputs of any rank, and for each task."""

import keras
import numpy as np
from keras import layers

import keras_anytime as ka

VOCABULARY = 7


def _answers(first, second, size):
    return [
        layers.Dense(size, name=f"stage_{k}")(x)
        for k, x in ((1, first), (2, second))
    ]


def table_net(task=3):
    """Dense layers on rows of a table."""
    table = keras.Input((5,), name="row")
    x = layers.Dense(8, "relu")(table)
    y = layers.Concatenate()([layers.Dense(8, "relu")(x), table])
    return ka.AnytimeModel(
        table, _answers(x, y, _size(task)), task=_given(task)
    )


def series_net(task=3):
    """1D convolutions on a series of two channels."""
    series = keras.Input((16, 2), name="series")
    x = layers.Conv1D(6, 3, activation="relu", padding="same")(series)
    y = layers.Conv1D(6, 3, strides=2, activation="relu", padding="same")(x)
    pooled = [layers.GlobalAveragePooling1D()(z) for z in (x, y)]
    return ka.AnytimeModel(
        series, _answers(*pooled, _size(task)), task=_given(task)
    )


def tokens_net(task=3):
    """An embedding of tokens."""
    tokens = keras.Input((6,), dtype="int32", name="tokens")
    x = layers.Embedding(VOCABULARY, 8)(tokens)
    y = layers.Conv1D(8, 3, activation="relu")(x)
    pooled = [layers.GlobalAveragePooling1D()(z) for z in (x, y)]
    return ka.AnytimeModel(
        tokens, _answers(*pooled, _size(task)), task=_given(task)
    )


def two_inputs_net(task=3):
    """An image, of which stage 1 sees nothing else, and metadata."""
    image = keras.Input((8, 8, 1), name="photo")
    table = keras.Input((3,), name="meta-data")
    x = layers.Conv2D(6, 3, strides=2, activation="relu")(image)
    pooled = layers.GlobalAveragePooling2D()(x)
    y = layers.GlobalAveragePooling2D()(layers.Conv2D(6, 3)(x))
    both = layers.Concatenate()([y, layers.Dense(4, "relu")(table)])
    return ka.AnytimeModel(
        [image, table], _answers(pooled, both, _size(task)), task=_given(task)
    )


def segmentation_net(classes=3):
    """A class at each pixel, from half of the resolution in stage 1."""
    image = keras.Input((8, 8, 1), name="picture")
    x = layers.Conv2D(8, 3, strides=2, activation="relu", padding="same")(image)
    low = layers.UpSampling2D()(x)
    first = layers.Conv2D(classes, 1, name="stage_1")(low)
    y = layers.Conv2D(8, 3, activation="relu", padding="same")(image)
    second = layers.Conv2D(classes, 3, padding="same", name="stage_2")(
        layers.Concatenate()([low, y])
    )
    return ka.AnytimeModel(
        image, [first, second], task=ka.tasks.Segmentation(classes)
    )


NETS = {
    "table": table_net,
    "series": series_net,
    "tokens": tokens_net,
    "two_inputs": two_inputs_net,
    "segmentation": segmentation_net,
}


def built(name, *args):
    """A network with the same weights each time."""
    keras.utils.set_random_seed(1)
    return NETS[name](*args)


def exported(made_once, name, quantization=None):
    """A network and the path of its `.tflite`, made once for all tests."""
    model = built(name)
    path = made_once(
        f"{name}_{quantization}.tflite",
        lambda path: ka.export.tflite(
            model, path, quantization, examples(model), verbose=False
        ),
    )
    return model, path


def examples(model, count=12, seed=0):
    """Random examples: an array, or a dict by the names of inputs."""
    rng = np.random.default_rng(seed)
    found = {}
    for name, tensor in model.feature_inputs.items():
        shape = (count, *tensor.shape[1:])
        if tensor.dtype == "int32":
            found[name] = rng.integers(0, VOCABULARY, shape, "int32")
        else:
            found[name] = rng.normal(size=shape).astype("float32")
    return found if len(found) > 1 else found["image"]


def _given(task):
    return None if isinstance(task, int) else task


def _size(task):
    return task if isinstance(task, int) else task.size
