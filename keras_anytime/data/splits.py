"""Parts of a data set, written as TensorFlow Datasets writes them."""

import re

import numpy as np

_NUMBER = r"(-?\d[\d_]*)?(%)?"
_PART = re.compile(rf"([\w-]+)(?:\[\s*{_NUMBER}\s*:\s*{_NUMBER}\s*\])?")


def examples_of(split, sizes, name):
    """Returns which examples a split has.

    Args:
        split: String such as `"train[:45000]"`, `"train[80%:]"`,
            `"train[-100:]"`, or several joined by `+`. Shares are rounded to
            the nearest example.
        sizes: Dict from the names of whole splits to their numbers of examples.
        name: String, the data set's name, for errors.

    Returns:
        List of pairs of the name of a whole split and an integer array of
        positions in it, in order.

    Raises:
        ValueError: If there is no such split.
    """
    found = []
    for part in str(split).split("+"):
        match = _PART.fullmatch(part.strip())
        if not match or match[1] not in sizes:
            raise _unreadable(split, sizes, name)
        whole, *limits = match.groups()
        count = sizes[whole]
        first, last = (
            _position(number, percent, count, default)
            for number, percent, default in (
                (*limits[:2], 0),
                (*limits[2:], count),
            )
        )
        if not (0 <= first <= count and 0 <= last <= count):
            raise _unreadable(split, sizes, name)
        found.append((whole, np.arange(first, max(first, last))))
    return found


def _position(number, percent, count, default):
    if number is None:
        return -1 if percent else default
    number = int(number.replace("_", ""))
    if percent:
        if abs(number) > 100:
            return -1
        number = round(number * count / 100)
    return count + number if number < 0 else number


def _unreadable(split, sizes, name):
    return ValueError(
        "A split is written like 'train[:45000]' or 'train[80%:]', within "
        f"what the data set has: {', '.join(sorted(sizes))}. "
        f"Received: split={split!r} of {name!r}"
    )
