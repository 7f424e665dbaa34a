"""Checks of what is selected of predictions: examples, and stages."""

import operator
from collections.abc import Collection
from collections.abc import Sequence
from typing import Any

import numpy as np


def check_examples(index: Any, count: int) -> slice | np.ndarray:
    """Returns an index over examples.

    Args:
        index: Slice, or array of integers or booleans.
        count: Integer. The number of examples.

    Raises:
        ValueError: If it is another one, or has an example that is not there.
    """
    if isinstance(index, slice):
        try:
            index.indices(count)
        except (TypeError, ValueError) as error:
            raise ValueError(
                "A slice of examples has whole numbers. "
                f"Received: index={index!r}"
            ) from error
        return index
    array = np.asarray(index)
    if array.shape == (0,):
        return array.astype(int)
    if array.ndim != 1 or array.dtype.kind not in "biu":
        raise ValueError(
            "A part of the examples is a slice, such as `slice(100)`, or an "
            "array of their indices or of booleans, with one axis. Received: "
            + (
                f"index of shape {array.shape} and type {array.dtype}"
                if array.ndim
                else f"index={index!r}"
            )
        )
    if array.dtype.kind == "b":
        fits = len(array) == count
    else:
        fits = -count <= int(array.min()) and int(array.max()) < count
    if not fits:
        raise ValueError(
            f"There are {count} examples, with the indices 0 to {count - 1}, "
            "and as many booleans. Received: "
            + (
                f"{len(array)} booleans"
                if array.dtype.kind == "b"
                else f"indices from {array.min()} to {array.max()}"
            )
        )
    return array


def check_stages(
    stages: Sequence[int],
    count: int | None,
    known: Collection[int] | None = None,
) -> tuple[int, ...]:
    """Returns the numbers of stages.

    Args:
        stages: Sequence of integers from 1 in rising order; empty for 1 to
            `count`.
        count: Integer, how many there must be; `None` for any number of 1 or
            more.
        known: The numbers that there are; `None` for any.

    Raises:
        ValueError: If they are not such.
    """
    try:
        numbers = tuple(map(operator.index, stages))
    except TypeError:
        numbers = (0,)
    if not numbers and count is not None:
        return tuple(range(1, count + 1))
    if (
        not numbers
        or count not in (None, len(numbers))
        or numbers[0] < 1
        or list(numbers) != sorted(set(numbers))
        or any(isinstance(number, bool) for number in stages)
        or (known is not None and set(numbers) - set(known))
    ):
        wanted = "numbers" if count is None else f"{count} numbers"
        where = "" if known is None else f", some of {tuple(known)}"
        raise ValueError(
            f"`stages` must be {wanted} of stages in rising order{where}. "
            f"Received: stages={stages!r}"
        )
    return numbers
