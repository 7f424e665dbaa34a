"""Tells by the first layers of a graph whether pixels go in."""

from typing import Any

import keras
import numpy as np
from keras import layers

from keras_anytime.stages import graph

# Layers that change where pixels are, not how large.
_GEOMETRY = (
    layers.CenterCrop,
    layers.RandomCrop,
    layers.RandomFlip,
    layers.RandomRotation,
    layers.RandomTranslation,
    layers.RandomZoom,
    layers.Resizing,
)
_SCALES = (layers.Normalization, layers.Rescaling)
# Class names of `keras.ops`, which have no public classes.
_ARITHMETIC = frozenset(
    ("Add", "Cast", "Divide", "Multiply", "Subtract", "TrueDivide")
)
# Prepared values rarely differ from 0 by more.
_LARGE = 25.5


def takes_pixels(model: keras.Model) -> bool:
    """Returns whether a network scales the pixels of its images itself.

    Then images of 0 to 255 go in. The first operations of the graph tell: if
    they bring white and black close to each other or move black far from 0, as
    `Rescaling(1 / 255)`, `Normalization` with the means of pixels, or
    `x / 127.5 - 1` do, then pixels are meant. Layers such as
    `Rescaling(2, offset=-1)`, which take values from 0 to 1, do not.

    ```python
    network = keras.applications.MobileNetV3Small((32, 32, 3), weights=None)
    print(ka.convert.takes_pixels(network))  # True
    ```

    Args:
        model: A functional `keras.Model` without nested models, such as an
            `AnytimeModel`.

    Returns:
        Boolean; `False` also if no input is an image.
    """
    return any(
        _scales(model, tensor)
        for tensor in model.inputs
        if len(tensor.shape) == 4
    )


def _scales(model: keras.Model, image: keras.KerasTensor) -> bool:
    """Returns whether what follows an input scales pixels."""
    ends = []
    for pixel in (0.0, 255.0):
        shape = [1, *(size or 32 for size in image.shape[1:])]
        ends.append(_prepared(model, image, np.full(shape, pixel, "float32")))
    black, white = (np.asarray(values, "float64") for values in ends)
    spread = np.abs(white - black).max()
    return bool(spread <= _LARGE or np.abs(black).max() > _LARGE)


def _prepared(
    model: keras.Model, image: keras.KerasTensor, values: Any
) -> np.ndarray:
    """Returns values after the operations that prepare an input."""
    prepared = {id(image): keras.ops.cast(values, image.dtype)}
    last = prepared[id(image)]
    for operation in model.operations:
        reads = graph.tensors_read(model, operation)
        if (
            len(reads) != 1
            or id(reads[0]) not in prepared
            or not _prepares(operation)
        ):
            continue
        graph.call_again(model, [operation], prepared)
        (made,) = graph.tensors_made(model, operation)
        last = prepared[id(made)]
    return keras.ops.convert_to_numpy(last)


def _prepares(operation: keras.Operation) -> bool:
    """Returns whether an operation prepares values or moves them."""
    if isinstance(operation, (*_GEOMETRY, *_SCALES)):
        return True
    kind = type(operation)
    return (
        not isinstance(operation, keras.Layer)
        and kind.__module__.partition(".")[0] == "keras"
        and kind.__name__ in _ARITHMETIC
    )
