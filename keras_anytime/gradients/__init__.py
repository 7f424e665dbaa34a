"""Combiners: from the stages' gradients to the one that is applied."""

import functools

from keras_anytime import naming
from keras_anytime.gradients.base import Combiner
from keras_anytime.gradients.function import Function
from keras_anytime.gradients.normalized import Normalized
from keras_anytime.gradients.orthogonal import Orthogonal
from keras_anytime.gradients.sum import Sum

_BY_NAME = {"normalized": Normalized, "orthogonal": Orthogonal, "sum": Sum}
# As Wan 2020 calls them, in the text and in the tables.
_OF_PAPERS = {
    "SGD": Sum,
    "OSGD": Orthogonal,
    "NormSGD": Normalized,
    "SGD_Norm": Normalized,
    "OSGD_Norm": functools.partial(Orthogonal, normalize=True),
}

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


def get(identifier, **arguments):
    """Returns a combiner from a name, a combiner, a function, or `None`.

    Args:
        identifier: A `Combiner`, one of `names()`, a name of Wan 2020 (`"SGD"`,
            `"OSGD"`, `"NormSGD"`, `"OSGD_Norm"`), a function as `Function`
            takes it, or `None` for `Sum()`. Case, dashes and underscores of
            names do not count.
        **arguments: With a name, arguments of the combiner; the others have
            their defaults.

    Returns:
        A `Combiner`.

    Raises:
        ValueError: If the identifier is none of these, or an argument is
            wrong.
    """
    known = {**_BY_NAME, **_OF_PAPERS}
    if isinstance(identifier, str) and (
        name := naming.match_name(identifier, known)
    ):
        return naming.instantiate(known[name], "gradients", arguments)
    if arguments:
        raise ValueError(
            "Only a combiner that is given by its name takes arguments. "
            f"Received: gradients={identifier!r} with {arguments}"
        )
    if identifier is None:
        return Sum()
    if isinstance(identifier, Combiner):
        return identifier
    if callable(identifier) and not isinstance(identifier, type):
        return Function(identifier)
    if naming.match_name(identifier, ["greedy"]):
        raise ValueError(
            "Greedy training combines no gradients: "
            "`ka.training.fit_greedy(model, ...)` trains stage after stage, "
            "and `recipes/train.py --greedy`. "
            f"Received: gradients={identifier!r}"
        )
    raise ValueError(
        "`gradients` must be a `Combiner`, one of "
        f"{naming.quote_names(_BY_NAME)}, a name of Wan 2020 "
        f"({naming.quote_names(_OF_PAPERS)}), a function of the Gram matrix "
        "and the sizes, or None."
        f"{naming.did_you_mean(identifier, known)} "
        f"Received: gradients={identifier!r}"
    )
