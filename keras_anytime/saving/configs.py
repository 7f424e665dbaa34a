"""Whether the configuration of a Keras object gives all of it back."""

import inspect
import warnings

import keras
import numpy as np


def lost_by_config(one):
    """Returns what of an object its configuration does not give back.

    Some of Keras' objects, and own ones whose `get_config` is missing or not
    kept up, are made anew with other arguments than they had.

    Args:
        one: A Keras object with `get_config`, such as a metric or an optimizer.

    Returns:
        List of strings: the names of attributes that would have other values,
        or the error with which it cannot be made anew; empty if nothing is
        lost.
    """
    try:
        again = type(one).from_config(one.get_config())
    except Exception as error:
        # Whatever own code raises here, it would raise when a file is loaded.
        return [f"{type(error).__name__}: {error}"]
    return _differences(one, again)


def warn_of_lost(*objects):
    """Warns of what a saved model would not know of what it is compiled with.

    Args:
        *objects: Keras objects, names, and lists of such.
    """
    for one in keras.tree.flatten(objects):
        lost = lost_by_config(one) if hasattr(one, "get_config") else []
        if lost:
            warnings.warn(
                "A loaded model would not be compiled as this one is: the "
                f"configuration of {one} does not give all of it back: {lost}. "
                "Write its `get_config`, or compile the loaded model again.",
                stacklevel=3,
            )


def _differences(one, again):
    """Compares what is named after arguments of `__init__`.

    But for the dtype, which is that of the configuration of Keras.
    """
    arguments = dict(inspect.signature(type(one)).parameters)
    arguments.pop("dtype", None)
    found = []
    values = vars(again)
    for name, value in vars(one).items():
        other = values.get(name)
        if isinstance(value, dict) and isinstance(other, dict):
            # Keras keeps arguments for functions so.
            found += [
                key
                for key in value.keys() & other.keys() & arguments.keys()
                if _is_plain(value[key]) and not _equal(value[key], other[key])
            ]
        elif name.lstrip("_") not in arguments or name not in values:
            continue
        elif hasattr(value, "get_config") and type(value) is type(other):
            inner = _differences(value, other)
            found += [f"{name.lstrip('_')}.{part}" for part in inner]
        elif _is_plain(value) and not _equal(value, other):
            found.append(name.lstrip("_"))
    return found


def _is_plain(value):
    """Whether it is a number, a string, an array, or made of such."""
    plain = (bool, int, float, complex, str, bytes, type(None), np.ndarray)
    return all(
        isinstance(part, (*plain, np.generic))
        for part in keras.tree.flatten(value)
    )


def _equal(value, other):
    try:
        keras.tree.assert_same_structure(value, other)
    except (TypeError, ValueError):
        return False
    return all(
        np.array_equal(mine, theirs)
        for mine, theirs in zip(
            keras.tree.flatten(value), keras.tree.flatten(other), strict=True
        )
    )
