"""Values of a manifest, each held against what it must be.

A manifest may have been damaged, or written to do harm: whatever a value is
used for later is safe with all that these functions let pass.
"""

import reprlib
import sys
from collections.abc import Collection
from typing import NoReturn

# LiteRT counts sizes in 32 bits.
LARGEST_SIZE = 2**31 - 1
_MOST_AXES = 8
# Of numbers that are divided by, in float32.
_SMALLEST, _LARGEST = 1e-30, 1e30
_INTEGERS = tuple(
    f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)
)
_DTYPES = (*_INTEGERS, "bool", "bfloat16", "float16", "float32", "float64")
_repr = reprlib.Repr()
_repr.maxlevel = 2


def shown(value) -> str:
    """Returns the start of what a value looks like, however large it is."""
    found = _repr.repr(value)
    return found if len(found) <= 100 else f"{found[:100]}..."


def refuse(value, wanted: str) -> NoReturn:
    """Raises the `ValueError` of a value that is not what it must be."""
    raise ValueError(f"{shown(value)} is not {wanted}")


def optional(check, value, *args):
    """Returns a checked value, or `None`."""
    return None if value is None else check(value, *args)


def text(value) -> str:
    """Returns a string."""
    return value if isinstance(value, str) else refuse(value, "a string")


def texts(value) -> list[str]:
    """Returns a list of strings."""
    return [text(one) for one in items(value)]


def flag(value) -> bool:
    """Returns a boolean."""
    return value if isinstance(value, bool) else refuse(value, "a boolean")


def integer(value, least: int = 0, most: int = 2**63 - 1) -> int:
    """Returns an integer of a range."""
    if (
        isinstance(value, bool)
        or not isinstance(value, int)
        or not least <= value <= most
    ):
        refuse(value, f"an integer from {least} to {most}")
    return value


def number(value, least=-sys.float_info.max, most=sys.float_info.max):
    """Returns a finite number of a range."""
    if (
        isinstance(value, bool)
        or not isinstance(value, (int, float))
        or not least <= value <= most
    ):
        refuse(value, f"a number from {least:g} to {most:g}")
    return value


def share(value):
    """Returns a number from 0 to 1."""
    return number(value, 0, 1)


def items(value, counts: Collection[int] | None = None) -> list:
    """Returns a list, of one of some lengths."""
    if not isinstance(value, list):
        refuse(value, "a list")
    if counts is not None and len(value) not in counts:
        refuse(value, f"a list of {' or '.join(map(str, sorted(counts)))}")
    return value


def record(value, names: Collection | None = None) -> dict:
    """Returns a dict, of just these names."""
    if not isinstance(value, dict):
        refuse(value, "a dict")
    if names is not None and set(value) != set(names):
        refuse(value, f"a dict of {', '.join(map(str, names))}")
    return value


def different(names: list[str]) -> list[str]:
    """Returns names of which there is at least one, and none comes twice."""
    if len(set(names)) != (len(names) or 1):
        refuse(names, "a list of different names")
    return names


def shape(value) -> list[int | None]:
    """Returns the shape of a tensor, with a batch axis."""
    elements = 1
    for size in items(value, range(1, _MOST_AXES + 1)):
        elements *= 1 if size is None else integer(size, 1, LARGEST_SIZE)
    if elements > LARGEST_SIZE:
        refuse(value, f"the shape of at most {LARGEST_SIZE} elements")
    return value


def dtype(value) -> str:
    """Returns the name of a type of numbers."""
    if text(value) not in _DTYPES:
        refuse(value, f"one of {', '.join(_DTYPES)}")
    return value


def quantization(value, of_dtype: str) -> dict:
    """Returns the scale and the zero point of a tensor of integers."""
    record(value, ("scale", "zero_point"))
    if of_dtype not in _INTEGERS:
        refuse(of_dtype, "a type of integers, which alone are quantized")
    number(value["scale"], _SMALLEST, _LARGEST)
    integer(value["zero_point"], -LARGEST_SIZE - 1, LARGEST_SIZE)
    return value


def normalization(value, others=()) -> dict:
    """Returns how pixels become numbers, `(pixel / scale - mean) / std`.

    Args:
        value: Dict with `scale`, a number, and lists `mean` and `std`.
        others: Collection of strings, what else it has.
    """
    record(value, ("scale", "mean", "std", *others))
    for one in items(value["mean"]):
        number(one, -_LARGEST, _LARGEST)
    for one in (value["scale"], *items(value["std"])):
        if not _SMALLEST <= abs(number(one)) <= _LARGEST:
            refuse(one, f"a number from {_SMALLEST:g} to {_LARGEST:g}")
    return value


def pixels(value) -> dict:
    """Returns what a file that takes pixels makes of them."""
    for one in items(normalization(value, ("size",))["size"], {2}):
        integer(one, 1, LARGEST_SIZE)
    return value


def measurements(value) -> dict:
    """Returns a dict of numbers and lists of numbers."""
    for one in record(value).values():
        for entry in one if isinstance(one, list) else [one]:
            number(entry)
    return value
