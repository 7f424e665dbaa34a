"""Helpers of the checks of inputs, labels and sample weights."""

from typing import Any

import keras
import numpy as np

from keras_anytime.saving.finite import first_nonfinite


def noun(model: keras.Model) -> str:
    """Returns what errors call an example: `"image"` or `"example"`.

    Args:
        model: An `AnytimeModel`.
    """
    takes_images = len(model.inputs) == 1 and len(model.inputs[0].shape) == 4
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


def types_in(structure: Any) -> Any:
    """Returns a structure with the names of types in place of its values.

    Args:
        structure: Nested structure of any values.
    """
    return keras.tree.map_structure(
        lambda value: type(value).__name__, structure
    )
