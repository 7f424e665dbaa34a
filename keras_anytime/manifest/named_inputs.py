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
        if set(x) != set(names):
            raise ValueError(
                f"The network takes the inputs {names}. Received: {argument} "
                f"with {short_repr(sorted(map(str, x)))}"
            )
        return {name: x[name] for name in names}
    if len(names) == 1:
        return {names[0]: x}
    if not isinstance(x, (tuple, list)) or len(x) != len(names):
        count = f" of {len(x)}" if isinstance(x, (tuple, list)) else ""
        raise ValueError(
            f"The network takes the inputs {names}: give a dict from these "
            "names, or a tuple in this order. "
            f"Received: {argument} of type {type(x).__name__}{count}"
        )
    return dict(zip(names, x, strict=True))
