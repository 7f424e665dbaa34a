"""Weightings: from the stages' losses to the weights of these losses."""

from keras_anytime.weighting.adaloss import AdaLoss
from keras_anytime.weighting.average_loss import AverageLoss
from keras_anytime.weighting.bandits import Exp3
from keras_anytime.weighting.bandits import RandomWeightedMajority
from keras_anytime.weighting.base import Weighting
from keras_anytime.weighting.samplers import Alternating
from keras_anytime.weighting.samplers import Milestone
from keras_anytime.weighting.sampling import Sampler
from keras_anytime.weighting.sieve import HalfEnd
from keras_anytime.weighting.sieve import Sieve
from keras_anytime.weighting.static import Constant
from keras_anytime.weighting.static import Exponential
from keras_anytime.weighting.static import Linear

_BY_NAME = {
    "adaloss": AdaLoss,
    "alternating": Alternating,
    "average_loss": AverageLoss,
    "constant": Constant,
    "exp3": Exp3,
    "exponential": Exponential,
    "half_end": HalfEnd,
    "linear": Linear,
    "milestone": Milestone,
    "random_weighted_majority": RandomWeightedMajority,
    "sieve": Sieve,
}

__all__ = [
    "AdaLoss",
    "Alternating",
    "AverageLoss",
    "Constant",
    "Exp3",
    "Exponential",
    "HalfEnd",
    "Linear",
    "Milestone",
    "RandomWeightedMajority",
    "Sampler",
    "Sieve",
    "Weighting",
    "get",
    "names",
]


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
