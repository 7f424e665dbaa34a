"""The inputs of a network, by the names under which its programs take them."""

from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from keras_anytime.manifest.values import short_repr


def named_inputs(
    x: Any, names: Sequence[str], argument: str = "x"
) -> dict[str, Any]:
    """Returns the values of a network's inputs by name.

    Args:
        x: The value of a single input; of several a dict from their names, or
            a tuple or list in their order. A single input may be in a dict
            too.
        names: Sequence of strings, the names of the inputs in order.
        argument: String, the name of `x` in errors.

    Returns:
        Dict from the names to values, in order.

    Raises:
        ValueError: If inputs are missing or unknown.
    """
    names = list(names)
    if isinstance(x, Mapping):
        if set(x) == set(names):
            return {name: x[name] for name in names}
    elif len(names) == 1:
        return {names[0]: x}
    elif isinstance(x, (tuple, list)) and len(x) == len(names):
        return dict(zip(names, x, strict=True))
    raise ValueError(
        f"The network takes the inputs {names}: give a dict from these names, "
        f"or a tuple in this order. Received: {argument} as {described(x)}"
    )


def described(x: Any) -> str:
    """Returns what was given in the place of a network's inputs, in words."""
    if isinstance(x, Mapping):
        return f"a dict with {short_repr(sorted(map(str, x)))}"
    if isinstance(x, (list, tuple)):
        return f"a {type(x).__name__} of {len(x)}"
    if hasattr(x, "shape"):
        return f"one array of shape {tuple(x.shape)}"
    return f"a {type(x).__name__}"
