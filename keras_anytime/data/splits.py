"""Splits: parts of a data set, in the notation of TensorFlow Datasets."""

import re
from collections.abc import Mapping

import numpy as np

from keras_anytime import naming

_LIMIT = r"(-?\d[\d_]*%?)?"
_PART = re.compile(rf"([\w-]+)(?:\[\s*{_LIMIT}\s*:\s*{_LIMIT}\s*\])?")


def parse_split(
    split: str, sizes: Mapping[str, int], name: str
) -> list[tuple[str, range]]:
    """Returns the examples of a split, as ranges of the whole splits.

    Args:
        split: String such as `"train[:45000]"`, `"train[80%:]"`,
            `"train[-100:]"`, or several joined by `+`. Percentages are rounded
            to the nearest example.
        sizes: Dict from the names of the whole splits to their numbers of
            examples.
        name: String. The data set's name, for errors.

    Returns:
        List of pairs of the name of a whole split and a `range` of positions
        in it.

    Raises:
        ValueError: If the split is not written so, names an unknown split, or
            asks for more examples than there are.
    """
    received = f"Received: split={split!r} of {name!r}"
    parts = []
    for part in str(split).split("+"):
        match = _PART.fullmatch(part.strip())
        if not match:
            raise split_error(split, sizes, name)
        whole, *limits = match.groups()
        if whole not in sizes:
            raise ValueError(
                f"There is no split {whole!r}; the data set has "
                f"{_list_sizes(sizes)}.{naming.did_you_mean(whole, sizes)} "
                f"{received}"
            )
        count = sizes[whole]
        start, stop = (
            default if limit is None else _position(limit, count)
            for limit, default in zip(limits, (0, count), strict=True)
        )
        for position, limit in zip((start, stop), limits, strict=True):
            if not 0 <= position <= count:
                raise ValueError(
                    f"The split asks for {limit.lstrip('-')} of the {count} "
                    f"images in {whole!r}. {received}"
                )
        parts.append((whole, range(start, max(start, stop))))
    return parts


def split_error(
    split: object, sizes: Mapping[str, int], name: str
) -> ValueError:
    """Returns an error that says how a split is written.

    Args:
        split: The split that a user gave.
        sizes: As in `parse_split`.
        name: As in `parse_split`.
    """
    return ValueError(
        "A split is written like 'train[:45000]' or 'train[80%:]', within the "
        f"splits of the data set: {_list_sizes(sizes)}. "
        f"Received: split={split!r} of {name!r}"
    )


def check_not_empty(count: int, split: str, name: str) -> None:
    """Raises an error if a split contains no images.

    Args:
        count: Integer. The number of images.
        split: String. The split, for errors.
        name: String. The data set's name, for errors.

    Raises:
        ValueError: If `count` is 0.
    """
    if not count:
        raise ValueError(
            "The split contains no images. "
            f"Received: split={split!r} of {name!r}"
        )


def allocate_images(
    count: int, shape: tuple[int, int, int], name: str
) -> np.ndarray:
    """Allocates memory for images before any of them is read.

    Args:
        count: Integer. The number of images.
        shape: Tuple `(height, width, channels)`.
        name: String. The data set's name, for errors.

    Returns:
        Uninitialized uint8 array `(count, height, width, channels)`.

    Raises:
        ValueError: If there is not enough memory.
    """
    try:
        return np.empty((count, *shape), "uint8")
    except (MemoryError, ValueError) as error:
        raise ValueError(
            "The images need more than memory holds: read a part of them, such "
            f"as 'train[:10%]'. Received: {name!r} with {count} images of "
            f"shape {shape}"
        ) from error


def _position(limit: str, count: int) -> int:
    """Returns the position of a limit, which may be out of range."""
    number = int(limit.rstrip("%").replace("_", ""))
    if limit.endswith("%"):
        if abs(number) > 100:
            return -1
        number = round(number * count / 100)
    return count + number if number < 0 else number


def _list_sizes(sizes: Mapping[str, int]) -> str:
    return ", ".join(
        f"{whole} ({count} images)" for whole, count in sorted(sizes.items())
    )
