"""Combiners: from the stages' gradients to the one that is applied."""

from keras_anytime.gradients.base import Combiner
from keras_anytime.gradients.function import Function
from keras_anytime.gradients.normalized import Normalized
from keras_anytime.gradients.orthogonal import Orthogonal
from keras_anytime.gradients.sum import Sum

_BY_NAME = {"normalized": Normalized, "orthogonal": Orthogonal, "sum": Sum}

__all__ = [
    "Combiner",
    "Function",
    "Normalized",
    "Orthogonal",
    "Sum",
    "get",
    "names",
]


def names():
    """Returns the names that `get` knows, sorted."""
    return sorted(_BY_NAME)


def get(identifier):
    """Returns a combiner from a name, a combiner, a function, or `None`.

    Args:
        identifier: A `Combiner`, one of `names()` in any case for a combiner
            with default arguments, a function as `Function` takes it, or
            `None` for `Sum()`.

    Returns:
        A `Combiner`.

    Raises:
        ValueError: If the identifier is none of these.
    """
    if identifier is None:
        return Sum()
    if isinstance(identifier, Combiner):
        return identifier
    if isinstance(identifier, str) and identifier.lower() in _BY_NAME:
        return _BY_NAME[identifier.lower()]()
    if callable(identifier) and not isinstance(identifier, type):
        return Function(identifier)
    raise ValueError(
        f"`gradients` must be a `Combiner`, one of {names()}, a function of "
        "the Gram matrix and the sizes, or None. "
        f"Received: gradients={identifier!r}"
    )
