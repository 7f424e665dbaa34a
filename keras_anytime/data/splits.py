"""Parts of a data set, written as TensorFlow Datasets writes them."""

import re

import numpy as np

from keras_anytime import naming

_LIMIT = r"(-?\d[\d_]*%?)?"
_PART = re.compile(rf"([\w-]+)(?:\[\s*{_LIMIT}\s*:\s*{_LIMIT}\s*\])?")


def examples_of(split, sizes, name):
    """Returns which examples a split has.

    Args:
        split: String such as `"train[:45000]"`, `"train[80%:]"`,
            `"train[-100:]"`, or several joined by `+`. Shares are rounded to
            the nearest example.
        sizes: Dict from the names of whole splits to their numbers of examples.
        name: String, the data set's name, for errors.

    Returns:
        List of pairs of the name of a whole split and a `range` of positions
        in it.

    Raises:
        ValueError: If there is no such split, or it asks for more examples
            than there are.
    """
    received = f"Received: split={split!r} of {name!r}"
    found = []
    for part in str(split).split("+"):
        match = _PART.fullmatch(part.strip())
        if not match:
            raise unreadable(split, sizes, name)
        whole, *limits = match.groups()
        if whole not in sizes:
            raise ValueError(
                f"There is no split {whole!r}; the data set has "
                f"{_wholes(sizes)}.{naming.did_you_mean(whole, sizes)} "
                f"{received}"
            )
        count = sizes[whole]
        first, last = (
            default if limit is None else _position(limit, count)
            for limit, default in zip(limits, (0, count), strict=True)
        )
        for position, limit in zip((first, last), limits, strict=True):
            if not 0 <= position <= count:
                raise ValueError(
                    f"The split asks for {limit.lstrip('-')} of the {count} "
                    f"images in {whole!r}. {received}"
                )
        found.append((whole, range(first, max(first, last))))
    return found


def unreadable(split, sizes, name):
    """Returns a `ValueError` that says how a split is written.

    Args:
        split: What was given.
        sizes: As in `examples_of`.
        name: As in `examples_of`.
    """
    return ValueError(
        "A split is written like 'train[:45000]' or 'train[80%:]', within "
        f"what the data set has: {_wholes(sizes)}. "
        f"Received: split={split!r} of {name!r}"
    )


def check_count(count, split, name):
    """Raises a `ValueError` if a split holds no image."""
    if not count:
        raise ValueError(
            f"The split holds no image. Received: split={split!r} of {name!r}"
        )


def room_for(count, shape, name):
    """Returns memory for images, before any is read.

    Args:
        count: Integer.
        shape: Tuple `(height, width, channels)`.
        name: String, the data set's name, for errors.

    Returns:
        Uint8 array `(count, height, width, channels)` of whatever is there.

    Raises:
        ValueError: If there is not so much memory.
    """
    try:
        return np.empty((count, *shape), "uint8")
    except (MemoryError, ValueError) as error:
        raise ValueError(
            "The images are more than memory holds: read a part of them, such "
            f"as 'train[:10%]'. Received: {name!r} with {count} images of "
            f"shape {shape}"
        ) from error


def _position(limit, count):
    """Returns the position that a limit means, out of bounds if it is so."""
    number = int(limit.rstrip("%").replace("_", ""))
    if limit.endswith("%"):
        if abs(number) > 100:
            return -1
        number = round(number * count / 100)
    return count + number if number < 0 else number


def _wholes(sizes):
    return ", ".join(
        f"{whole} ({count} images)" for whole, count in sorted(sizes.items())
    )
