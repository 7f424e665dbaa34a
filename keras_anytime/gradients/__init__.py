"""Gradient combiners: they turn the gradients of all stages into one."""

import functools
from collections.abc import Callable
from typing import Any

from keras_anytime import naming
from keras_anytime.gradients.aligned_mtl import AlignedMTL
from keras_anytime.gradients.base import Combiner
from keras_anytime.gradients.cagrad import CAGrad
from keras_anytime.gradients.dual_proj import DualProj
from keras_anytime.gradients.fairgrad import FairGrad
from keras_anytime.gradients.function import Function
from keras_anytime.gradients.gradvac import GradVac
from keras_anytime.gradients.imtlg import IMTLG
from keras_anytime.gradients.mgda import MGDA
from keras_anytime.gradients.nash_mtl import NashMTL
from keras_anytime.gradients.normalized import Normalized
from keras_anytime.gradients.orthogonal import Orthogonal
from keras_anytime.gradients.pcgrad import PCGrad
from keras_anytime.gradients.sum import Sum
from keras_anytime.gradients.upgrad import UPGrad

_CLASSES: dict[str, type[Combiner]] = {
    "aligned_mtl": AlignedMTL,
    "cagrad": CAGrad,
    "dual_proj": DualProj,
    "fairgrad": FairGrad,
    "gradvac": GradVac,
    "imtlg": IMTLG,
    "mgda": MGDA,
    "nash_mtl": NashMTL,
    "normalized": Normalized,
    "orthogonal": Orthogonal,
    "pcgrad": PCGrad,
    "sum": Sum,
    "upgrad": UPGrad,
}
# The names in the text and the tables of Wan 2020.
_PAPER_NAMES: dict[str, Callable[..., Combiner]] = {
    "SGD": Sum,
    "OSGD": Orthogonal,
    "NormSGD": Normalized,
    "SGD_Norm": Normalized,
    "OSGD_Norm": functools.partial(Orthogonal, normalize=True),
}

__all__ = [
    "AlignedMTL",
    "CAGrad",
    "Combiner",
    "DualProj",
    "FairGrad",
    "Function",
    "GradVac",
    "IMTLG",
    "MGDA",
    "NashMTL",
    "Normalized",
    "Orthogonal",
    "PCGrad",
    "Sum",
    "UPGrad",
    "get",
    "names",
]


def names() -> list[str]:
    """Returns the names that `get` accepts, sorted."""
    return sorted(_CLASSES)


def get(
    identifier: Combiner | Callable | str | None, **arguments: Any
) -> Combiner:
    """Returns a combiner from a name, a combiner, a function, or `None`.

    Args:
        identifier: A `Combiner`, one of `names()`, a name of Wan 2020 (`"SGD"`,
            `"OSGD"`, `"NormSGD"`, `"OSGD_Norm"`), a function as `Function`
            accepts it, or `None` for `Sum()`. Case, dashes and underscores in
            names are ignored.
        **arguments: Arguments of the combiner, only with a name.

    Returns:
        A `Combiner`.

    Raises:
        ValueError: If the identifier is none of these, or an argument is
            wrong.
    """
    if callable(identifier) and not isinstance(identifier, (Combiner, type)):
        identifier = Function(identifier)
    if isinstance(identifier, str) and naming.match_name(
        identifier, ["greedy"]
    ):
        raise ValueError(
            "Greedy training trains one stage after the other and combines no "
            "gradients. Call `ka.training.fit_greedy(model, ...)`, or use "
            "`keras-anytime-train --greedy`. "
            f"Received: gradients={identifier!r}"
        )
    return naming.resolve(
        identifier,
        arguments,
        option="gradients",
        base=Combiner,
        default=Sum,
        classes=_CLASSES,
        paper_names=_PAPER_NAMES,
        papers="Wan 2020",
        others="a function of the Gram matrix and the sizes",
    )
