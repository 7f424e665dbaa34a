"""The image among a network's inputs, and whether it is raw pixels."""

import keras
import numpy as np

from keras_anytime.manifest.manifest import IMAGE_RANK
from keras_anytime.stages import graph

#: The preprocessing of pixels that go in as they are.
RAW_PIXELS = {"scale": 1.0, "mean": [0.0], "std": [1.0]}
_LARGEST_PIXEL = 255.0
# What may come before a network's first layer: classes of layers and of
# operations of `keras.ops`, such as those of `keras.applications`' functions
# `preprocess_input`. They treat each pixel alike, or change the image's size.
_PREPARING = frozenset(
    {
        *("Normalization", "Rescaling", "Resizing", "CenterCrop"),
        *("Add", "Subtract", "Multiply", "Divide", "TrueDivide"),
        *("Cast", "GetItem"),
        # Augmentation, which does nothing in inference.
        *("RandomFlip", "RandomRotation", "RandomTranslation", "RandomZoom"),
    }
)
# Prepared images have values of a few units.
_WIDEST_RANGE = 20.0
# A mean that is subtracted from pixels lies in this part of their range.
_MEANS = (0.25, 0.75)


def image_input(model: keras.Model) -> keras.KerasTensor | None:
    """Returns the input that takes images.

    Args:
        model: A functional model.

    Returns:
        The only symbolic input `(batch, height, width, channels)`; `None` if
        there is none, or more than one.
    """
    images = [
        tensor for tensor in model.inputs if len(tensor.shape) == IMAGE_RANK
    ]
    return images[0] if len(images) == 1 else None


def takes_pixels(model: keras.Model) -> bool:
    """Returns whether a network normalizes pixels from 0 to 255 itself.

    Some networks of `keras.applications` begin with layers that do. The graph
    tells it: wherever the image goes, such layers come first, and they map 0
    to 255 to a range of a few units, or to one around zero. Layers that
    normalize other images, such as floats from 0 to 1, map 255 far away.

    ```python
    network = keras.applications.MobileNetV3Small((32, 32, 3), weights=None)
    print(ka.convert.takes_pixels(network))  # True
    ```

    Args:
        model: A functional model.
    """
    image = image_input(model)
    if image is None or None in image.shape[1:]:
        return False
    operations, ends = _preparation(model, image)
    if not ends or any(tensor is image for tensor in ends):
        return False
    shape = (1, *image.shape[1:])
    dtype = keras.backend.standardize_dtype(image.dtype)
    ranges = []
    for pixel in (0, _LARGEST_PIXEL):
        values = {id(image): keras.ops.full(shape, pixel, dtype)}
        graph.call_again(model, operations, values)
        ranges.append(
            [
                keras.ops.convert_to_numpy(values[id(end)]).astype("float64")
                for end in ends
            ]
        )
    low, high = ranges
    return all(map(_is_normalized, low, high))


def _preparation(
    model: keras.Model, image: keras.KerasTensor
) -> tuple[list[keras.Operation], list[keras.KerasTensor]]:
    """Returns what prepares the image, in order, and the tensors at its end."""
    operations: list[keras.Operation] = []
    ends = []
    waiting = [image]
    while waiting:
        tensor = waiting.pop()
        readers = [
            operation
            for operation in model.operations
            if any(
                read is tensor for read in graph.tensors_read(model, operation)
            )
        ]
        prepared = [
            operation
            for operation in readers
            if type(operation).__name__ in _PREPARING
            and len(graph.tensors_read(model, operation)) == 1
        ]
        operations += prepared
        waiting += [
            graph.tensors_made(model, operation)[0] for operation in prepared
        ]
        if len(prepared) < len(readers) or not readers:
            ends.append(tensor)
    return operations, ends


def _is_normalized(low: np.ndarray, high: np.ndarray) -> bool:
    """Returns whether it is the range of prepared pixels, in each channel."""
    width = np.abs(high - low)
    largest = np.maximum(np.abs(low), np.abs(high))
    if not width.size or not np.all(width > 0):
        return False
    # Where zero lies in the range.
    mean = -np.minimum(low, high) / width
    centered = (mean >= _MEANS[0]) & (mean <= _MEANS[1])
    return bool(np.all((largest <= _WIDEST_RANGE) | centered))
