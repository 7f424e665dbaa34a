"""Helpers of the checks of inputs, labels and sample weights."""

from typing import Any

import keras
import numpy as np

from keras_anytime.saving.finite import first_nonfinite
from keras_anytime.stages.image_input import image_input

# Kinds of NumPy types: bytes, complex, dates, durations, objects and text.
# Types of other libraries, such as bfloat16, have the kind of raw data.
_NO_NUMBERS = "ScMmOU"
# Number of values whose types are named one by one.
_MOST_TYPES = 12


def noun(model: keras.Model) -> str:
    """Returns what errors call an example: `"image"` or `"example"`.

    Args:
        model: An `AnytimeModel`.
    """
    takes_images = len(model.inputs) == 1 and image_input(model) is not None
    return "image" if takes_images else "example"


def check_finite_array(array: Any, description: str, argument: str) -> None:
    """Raises an error if an array contains NaN or infinity.

    Args:
        array: NumPy array, or tensor of the Keras backend. Anything else, such
            as an object that reads a file in parts, is not checked.
        description: String. The content of the array in error messages.
        argument: String. Name of the array in error messages.

    Raises:
        ValueError: If a number is not finite.
    """
    if keras.ops.is_tensor(array):
        array = keras.ops.convert_to_numpy(array)
    if not isinstance(array, np.ndarray):
        return
    failure = first_nonfinite(array)
    if failure is not None:
        raise ValueError(
            f"{description} must be finite: NaN and infinity would ruin the "
            "weights and moving statistics of the network. Received: "
            f"{argument} of shape {array.shape} with {failure}"
        )


def check_numbers(array: np.ndarray, description: str, argument: str) -> None:
    """Raises an error if an array holds anything but real numbers.

    Args:
        array: NumPy array.
        description: String. The content of the array in error messages.
        argument: String. Name of the array in error messages.

    Raises:
        ValueError: If the array holds objects, text, dates or complex numbers.
    """
    if array.dtype.kind in _NO_NUMBERS:
        raise ValueError(
            f"{description} must be numbers: encode text, dates and objects, "
            "or convert them with `astype`. "
            f"Received: {argument} of type {array.dtype}"
        )


def types_in(structure: Any) -> Any:
    """Returns a structure with the names of types in place of its values.

    Args:
        structure: Nested structure of any values.

    Returns:
        The structure of names; for a large one a string of how many values of
        which types it holds.
    """
    types = keras.tree.map_structure(
        lambda value: type(value).__name__, structure
    )
    names = keras.tree.flatten(types)
    if len(names) <= _MOST_TYPES:
        return types
    kinds = ", ".join(sorted(set(names)))
    return f"a {type(structure).__name__} of {len(names)} values ({kinds})"
