"""Distillations: stages learn from the answers of other stages, too."""

from typing import Any

from keras_anytime import naming
from keras_anytime.distillation.base import Distillation
from keras_anytime.distillation.divergence import soft_divergence
from keras_anytime.distillation.from_last_stage import FromLastStage

_CLASSES: dict[str, type[Distillation]] = {"from_last_stage": FromLastStage}

__all__ = [
    "Distillation",
    "FromLastStage",
    "get",
    "names",
    "soft_divergence",
]


def names() -> list[str]:
    """Returns the names that `get` accepts, sorted."""
    return sorted(_CLASSES)


def get(
    identifier: Distillation | str | None, **arguments: Any
) -> Distillation | None:
    """Returns the distillation that a name stands for.

    ```python
    distillation = ka.distillation.get("from_last_stage", temperature=4.0)
    ```

    Args:
        identifier: One of `names()`, a `Distillation`, which is returned, or
            `None` for no distillation. Case, dashes and underscores of names
            are ignored.
        **arguments: Arguments of the distillation, if the identifier is a
            name.

    Returns:
        A `Distillation`, or `None`.

    Raises:
        ValueError: If the identifier is none of these, or an argument is
            wrong.
    """
    if isinstance(identifier, str):
        name = naming.match_name(identifier, _CLASSES)
        if name:
            return naming.instantiate(_CLASSES[name], "distillation", arguments)
    elif arguments:
        raise ValueError(
            "`distillation` takes arguments only if it is given by its name. "
            f"Received: distillation={identifier!r} with {arguments}"
        )
    elif identifier is None or isinstance(identifier, Distillation):
        return identifier
    raise ValueError(
        "`distillation` must be a `Distillation`, one of "
        f"{naming.quote_names(_CLASSES)}, or None."
        f"{naming.did_you_mean(identifier, _CLASSES)} "
        f"Received: distillation={identifier!r}"
    )
