"""Whether numbers are finite: neither NaN nor infinite."""

import keras
import numpy as np
from keras import ops

# How many numbers are looked at in one go: few enough to stay in the cache.
_AT_ONCE = 2**20


def check_finite(variables, refused, remedy):
    """Raises an error if a variable is not finite.

    Args:
        variables: Sequence of `keras.Variable`s.
        refused: String, what is not done with such variables.
        remedy: String, what to do about it.

    Raises:
        FloatingPointError: If one is not. It names the first.
    """
    for variable in variables:
        # NumPy takes half the time of a backend, which compiles a program for
        # each shape or starts one operation after the other.
        found = first_failure(ops.convert_to_numpy(variable.value))
        if found is not None:
            raise FloatingPointError(
                f"{refused}: the variable {variable.path!r} is not finite. "
                f"{remedy} Received: {variable.path} of shape "
                f"{tuple(variable.shape)} with {found}"
            )


def first_failure(values):
    """Returns the first number that is not finite, and where it is.

    Args:
        values: NumPy array.

    Returns:
        String such as `"nan at [700, 3, 3, 0]"`; `None` where all are finite,
        or no floats.
    """
    if not keras.backend.is_float_dtype(values.dtype.name) or not values.size:
        return None
    values = np.atleast_1d(values)
    rows = max(1, _AT_ONCE * len(values) // values.size)
    for start in range(0, len(values), rows):
        finite = np.isfinite(values[start : start + rows])
        if not finite.all():
            index = np.argwhere(~finite)[0]
            index[0] += start
            return f"{values[tuple(index)]} at {index.tolist()}"
    return None


def state(model):
    """Returns the variables of a saved model.

    Args:
        model: A `keras.Model`.

    Returns:
        List of `keras.Variable`s: weights, moving statistics, the state of an
        anytime model's weighting and combiner, and the optimizer's. Metrics
        are left out: they start anew with each epoch.
    """
    optimizer = getattr(model, "optimizer", None)
    return [*model.variables, *(optimizer.variables if optimizer else ())]
