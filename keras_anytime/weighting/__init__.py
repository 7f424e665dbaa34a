"""Weightings: functions from the stages' losses to the weights of these."""

import functools
from collections.abc import Callable
from collections.abc import Mapping
from typing import Any

from keras_anytime import naming
from keras_anytime.weighting.adaloss import AdaLoss
from keras_anytime.weighting.alternating import Alternating
from keras_anytime.weighting.average_loss import AverageLoss
from keras_anytime.weighting.base import Weighting
from keras_anytime.weighting.constant import Constant
from keras_anytime.weighting.dynamic_weight_average import DynamicWeightAverage
from keras_anytime.weighting.exp3 import Exp3
from keras_anytime.weighting.exponential import Exponential
from keras_anytime.weighting.famo import FAMO
from keras_anytime.weighting.half_end import HalfEnd
from keras_anytime.weighting.imtll import IMTLL
from keras_anytime.weighting.linear import Linear
from keras_anytime.weighting.milestone import Milestone
from keras_anytime.weighting.random_loss_weighting import RandomLossWeighting
from keras_anytime.weighting.random_weighted_majority import (
    RandomWeightedMajority,
)
from keras_anytime.weighting.sampler import Sampler
from keras_anytime.weighting.sieve import Sieve
from keras_anytime.weighting.uncertainty import Uncertainty

_CLASSES: dict[str, type[Weighting]] = {
    "adaloss": AdaLoss,
    "alternating": Alternating,
    "average_loss": AverageLoss,
    "constant": Constant,
    "dynamic_weight_average": DynamicWeightAverage,
    "exp3": Exp3,
    "exponential": Exponential,
    "famo": FAMO,
    "half_end": HalfEnd,
    "imtll": IMTLL,
    "linear": Linear,
    "milestone": Milestone,
    "random_loss_weighting": RandomLossWeighting,
    "random_weighted_majority": RandomWeightedMajority,
    "sieve": Sieve,
    "uncertainty": Uncertainty,
}
# The names in Hu 2017 and 2019, and of balancers, that differ in more than the
# spelling.
_PAPER_NAMES: dict[str, Callable[..., Weighting]] = {
    "CONST": Constant,
    "expb0.5": functools.partial(Exponential, base=0.5),
    "expb2": functools.partial(Exponential, base=2.0),
    "AANN": Alternating,
    "RWM": RandomWeightedMajority,
    "DWA": DynamicWeightAverage,
    "RLW": RandomLossWeighting,
}

__all__ = [
    "AdaLoss",
    "Alternating",
    "AverageLoss",
    "Constant",
    "DynamicWeightAverage",
    "Exp3",
    "Exponential",
    "FAMO",
    "HalfEnd",
    "IMTLL",
    "Linear",
    "Milestone",
    "RandomLossWeighting",
    "RandomWeightedMajority",
    "Sampler",
    "Sieve",
    "Uncertainty",
    "Weighting",
    "get",
    "names",
]


def names() -> list[str]:
    """Returns the names that `get` accepts, sorted."""
    return sorted(_CLASSES)


def get(identifier: Weighting | str | None, **arguments: Any) -> Weighting:
    """Returns the weighting that a name stands for.

    ```python
    weighting = ka.weighting.get("adaloss", gamma=0.1)
    weighting = ka.weighting.get("expb2")
    weighting = ka.weighting.get("AANN", base={"name": "sieve", "total": 2})
    ```

    Args:
        identifier: One of `names()`, a name of a paper (`"CONST"`,
            `"half-end"`, `"expb2"`, `"AANN"`, `"RWM"`, `"DWA"`, `"RLW"`), a
            `Weighting`, which is returned, or `None` for `Constant()`. Case,
            dashes and underscores of names are ignored.
        **arguments: Arguments of the weighting, if the identifier is a name.
            `base`, the weighting that a sampler amplifies, may be a name, too,
            or a dict with its `name` and its arguments.

    Returns:
        A `Weighting`.

    Raises:
        ValueError: If the identifier is none of these, or an argument is
            wrong.
    """
    base = arguments.get("base")
    if isinstance(base, str):
        arguments["base"] = get(base)
    elif isinstance(base, Mapping):
        base_arguments = dict(base)
        name = base_arguments.pop("name", None)
        if not isinstance(name, str):
            raise ValueError(
                "`base` must have the name of a weighting, and may have "
                'arguments of it, such as {"name": "sieve", "total": 2}. '
                f"Received: base={base}"
            )
        arguments["base"] = get(name, **base_arguments)
    return naming.resolve(
        identifier,
        arguments,
        option="weighting",
        base=Weighting,
        default=Constant,
        classes=_CLASSES,
        paper_names=_PAPER_NAMES,
        papers="a paper",
    )
