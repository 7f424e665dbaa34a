"""Checks that numbers are finite: neither NaN nor infinite."""

from collections.abc import Iterable

import keras
import numpy as np
from keras import ops

# Numbers that are checked at a time. They fit in the processor's cache.
_CHUNK_SIZE = 2**20


def check_finite(
    variables: Iterable[keras.Variable], refusal: str, remedy: str
) -> None:
    """Raises an error if a variable is not finite.

    Args:
        variables: The `keras.Variable`s to check.
        refusal: String. The beginning of the error message, such as
            `"The model is not saved"`.
        remedy: String. A sentence that says what to do.

    Raises:
        FloatingPointError: If a variable is not finite. The message names the
            first such variable.
    """
    for variable in variables:
        # NumPy takes half the time of a backend, which compiles a program for
        # each shape or starts one operation after the other.
        failure = first_nonfinite(ops.convert_to_numpy(variable.value))
        if failure is not None:
            raise FloatingPointError(
                f"{refusal}: the variable {variable.path!r} is not finite. "
                f"{remedy} Received: {variable.path} of shape "
                f"{tuple(variable.shape)} with {failure}"
            )


def first_nonfinite(values: np.ndarray) -> str | None:
    """Returns the first number that is not finite, and its position.

    Args:
        values: NumPy array.

    Returns:
        String such as `"nan at [700, 3, 3, 0]"`, or `None` if all numbers are
        finite or the array does not hold floats.
    """
    if not keras.backend.is_float_dtype(values.dtype.name) or not values.size:
        return None
    values = np.atleast_1d(values)
    rows = max(1, _CHUNK_SIZE * len(values) // values.size)
    for start in range(0, len(values), rows):
        finite = np.isfinite(values[start : start + rows])
        if not finite.all():
            index = np.argwhere(~finite)[0]
            index[0] += start
            return f"{values[tuple(index)]} at {index.tolist()}"
    return None


def saved_variables(model: keras.Model) -> list[keras.Variable]:
    """Returns the variables that are saved with a model.

    Args:
        model: A `keras.Model`.

    Returns:
        List of `keras.Variable`s: weights, moving statistics, the state of an
        anytime model's weighting and combiner, and the optimizer's variables.
        Metrics are excluded because they restart with each epoch.
    """
    optimizer = getattr(model, "optimizer", None)
    return [*model.variables, *(optimizer.variables if optimizer else ())]
