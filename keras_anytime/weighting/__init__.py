"""Weightings: from the stages' losses to the weights of these losses."""

import functools

from keras_anytime import naming
from keras_anytime.weighting.adaloss import AdaLoss
from keras_anytime.weighting.average_loss import AverageLoss
from keras_anytime.weighting.exp3 import Exp3
from keras_anytime.weighting.exp3 import RandomWeightedMajority
from keras_anytime.weighting.base import Weighting
from keras_anytime.weighting.alternating import Alternating
from keras_anytime.weighting.alternating import Milestone
from keras_anytime.weighting.sampler import Sampler
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
# As Hu 2017 and 2019 call them, where that differs in more than the spelling.
_OF_PAPERS = {
    "CONST": Constant,
    "expb0.5": functools.partial(Exponential, base=0.5),
    "expb2": functools.partial(Exponential, base=2.0),
    "AANN": Alternating,
    "RWM": RandomWeightedMajority,
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


def get(identifier, **arguments):
    """Returns a weighting from a name, a weighting, or `None`.

    Args:
        identifier: A `Weighting`, one of `names()`, a name of Hu 2017 or 2019
            (`"CONST"`, `"half-end"`, `"expb2"`, `"AANN"`, `"RWM"`, ...), or
            `None` for `Constant()`. Case, dashes and underscores of names do
            not count.
        **arguments: With a name, arguments of the weighting; the others have
            their defaults.

    Returns:
        A `Weighting`.

    Raises:
        ValueError: If the identifier is none of these, or an argument is
            wrong.
    """
    known = {**_BY_NAME, **_OF_PAPERS}
    if isinstance(identifier, str) and (name := naming.find(identifier, known)):
        return naming.made(known[name], "weighting", arguments)
    if arguments:
        raise ValueError(
            "Only a weighting that is given by its name takes arguments. "
            f"Received: weighting={identifier!r} with {arguments}"
        )
    if identifier is None:
        return Constant()
    if isinstance(identifier, Weighting):
        return identifier
    raise ValueError(
        f"`weighting` must be a `Weighting`, one of {naming.listed(_BY_NAME)}, "
        f"a name of Hu 2017 or 2019 ({naming.listed(_OF_PAPERS)}), or None."
        f"{naming.did_you_mean(identifier, known)} "
        f"Received: weighting={identifier!r}"
    )
