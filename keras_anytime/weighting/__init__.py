"""Weightings: from the stages' losses to the weights of these losses."""

from keras_anytime.weighting.adaloss import AdaLoss
from keras_anytime.weighting.base import Weighting
from keras_anytime.weighting.constant import Constant

_BY_NAME = {"adaloss": AdaLoss, "constant": Constant}

__all__ = ["AdaLoss", "Constant", "Weighting", "get", "names"]


def names():
    """Returns the names that `get` knows, sorted."""
    return sorted(_BY_NAME)


def get(identifier):
    """Returns a weighting from a name, a weighting, or `None`.

    Args:
        identifier: A `Weighting`, one of `names()` in any case for a weighting
            with default arguments, or `None` for `Constant()`.

    Returns:
        A `Weighting`.

    Raises:
        ValueError: If the identifier is none of these.
    """
    if identifier is None:
        return Constant()
    if isinstance(identifier, Weighting):
        return identifier
    if isinstance(identifier, str) and identifier.lower() in _BY_NAME:
        return _BY_NAME[identifier.lower()]()
    raise ValueError(
        f"`weighting` must be a `Weighting`, one of {names()}, or None. "
        f"Received: weighting={identifier!r}"
    )
