"""The predictions of a network with several label sets."""

from collections.abc import Iterable
from collections.abc import Mapping
from typing import Any


class LabelSetPredictions(dict):
    """A dict from label sets to `Predictions`, the finest first.

    What `Predictions` can do is asked of those of one set.
    """

    def __getattr__(self, name: str) -> Any:
        message = f"{type(self).__name__!r} has no attribute {name!r}"
        if name.startswith("_") or not self:
            raise AttributeError(message)
        raise AttributeError(f"{message}. {_advice(self)}")


def refuse_label_sets(value: Any) -> None:
    """Raises an error if something is the answers to several label sets.

    Args:
        value: Anything.

    Raises:
        ValueError: If it is a dict.
    """
    if isinstance(value, Mapping):
        raise ValueError(_advice(value))


def _advice(sets: Iterable[Any]) -> str:
    names = list(sets)
    first = names[0] if names else "fine"
    return (
        "These are the predictions of several label sets: take those of one "
        f"label set, such as `predictions[{first!r}]`. Temperatures and "
        "thresholds of an export are those of the first set. "
        f"Received: a dict of {names}"
    )
