"""Checks that the configuration of a Keras object keeps its arguments."""

import inspect
import warnings
from typing import Any

import keras
import numpy as np


def lost_arguments(original: Any) -> list[str]:
    """Returns the arguments that an object's configuration loses.

    The configurations of some Keras objects are incomplete, and so may be
    those of custom objects: `from_config(get_config())` then makes an object
    with other arguments.

    Args:
        original: A Keras object with `get_config`, such as a metric or an
            optimizer.

    Returns:
        List of strings: the names of the attributes that would get other
        values, or the message of the error that prevents making the object
        again. It is empty if nothing is lost.
    """
    try:
        copy = type(original).from_config(original.get_config())
    except Exception as error:
        # Custom code may raise anything here, and would when a file is loaded.
        return [f"{type(error).__name__}: {error}"]
    return _differences(original, copy)


def warn_of_lost_arguments(*objects: Any) -> None:
    """Warns of arguments of `compile` that a saved model would lose.

    Args:
        *objects: Keras objects, names, and lists of them.
    """
    for part in keras.tree.flatten(objects):
        lost = lost_arguments(part) if hasattr(part, "get_config") else []
        if lost:
            warnings.warn(
                "A saved model would be compiled differently after loading: "
                f"the configuration of {part} loses {lost}. Write its "
                "`get_config`, or compile the loaded model again.",
                stacklevel=3,
            )


def _differences(original: Any, copy: Any) -> list[str]:
    """Compares the attributes that are named after arguments of `__init__`.

    The dtype is not compared, because it comes from Keras' configuration.
    """
    arguments = dict(inspect.signature(type(original)).parameters)
    arguments.pop("dtype", None)
    different = []
    copied = vars(copy)
    for name, value in vars(original).items():
        other = copied.get(name)
        if isinstance(value, dict) and isinstance(other, dict):
            # Keras keeps the arguments of wrapped functions in a dict.
            different += [
                key
                for key in value.keys() & other.keys() & arguments.keys()
                if _is_plain(value[key]) and not _equal(value[key], other[key])
            ]
        elif name.lstrip("_") not in arguments or name not in copied:
            continue
        elif hasattr(value, "get_config") and type(value) is type(other):
            inner = _differences(value, other)
            different += [f"{name.lstrip('_')}.{part}" for part in inner]
        elif _is_plain(value) and not _equal(value, other):
            different.append(name.lstrip("_"))
    return different


def _is_plain(value: Any) -> bool:
    """Tells if a value is a number, a string, an array, or made of these."""
    plain = (bool, int, float, complex, str, bytes, type(None), np.ndarray)
    return all(
        isinstance(part, (*plain, np.generic))
        for part in keras.tree.flatten(value)
    )


def _equal(value: Any, other: Any) -> bool:
    try:
        keras.tree.assert_same_structure(value, other)
    except (TypeError, ValueError):
        return False
    return all(
        np.array_equal(part, other_part)
        for part, other_part in zip(
            keras.tree.flatten(value), keras.tree.flatten(other), strict=True
        )
    )
