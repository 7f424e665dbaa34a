"""Checks of single values in a manifest.

A manifest may be damaged or written to do harm. Values that pass these
functions are safe to use. Each function returns the value that it checked and
raises a `ValueError` otherwise.
"""

import reprlib
import sys
from collections.abc import Callable
from collections.abc import Collection
from typing import Any
from typing import NoReturn

# LiteRT counts sizes in 32 bits.
MAX_SIZE = 2**31 - 1
_MAX_AXES = 8
# Limits of numbers that a device divides by in float32.
_SMALLEST, _LARGEST = 1e-30, 1e30
_INTEGERS = tuple(
    f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)
)
_DTYPES = (*_INTEGERS, "bool", "bfloat16", "float16", "float32", "float64")
_repr = reprlib.Repr()
_repr.maxlevel = 2


def short_repr(value: object) -> str:
    """Returns at most 100 characters of a value's `repr`, however large."""
    text = _repr.repr(value)
    return text if len(text) <= 100 else f"{text[:100]}..."


def refuse(value: object, wanted: str) -> NoReturn:
    """Raises the `ValueError` for a value that is not `wanted`."""
    raise ValueError(f"{short_repr(value)} is not {wanted}")


def optional(check: Callable[..., Any], value: Any, *args: Any) -> Any:
    """Checks a value that may be `None`."""
    return None if value is None else check(value, *args)


def text(value: Any) -> str:
    """Checks for a string."""
    return value if isinstance(value, str) else refuse(value, "a string")


def texts(value: Any) -> list[str]:
    """Checks for a list of strings."""
    return [text(entry) for entry in items(value)]


def flag(value: Any) -> bool:
    """Checks for a boolean."""
    return value if isinstance(value, bool) else refuse(value, "a boolean")


def integer(value: Any, minimum: int = 0, maximum: int = 2**63 - 1) -> int:
    """Checks for an integer from `minimum` to `maximum`."""
    if (
        isinstance(value, bool)
        or not isinstance(value, int)
        or not minimum <= value <= maximum
    ):
        refuse(value, f"an integer from {minimum} to {maximum}")
    return value


def number(
    value: Any,
    minimum: float = -sys.float_info.max,
    maximum: float = sys.float_info.max,
) -> float:
    """Checks for a finite number from `minimum` to `maximum`."""
    if (
        isinstance(value, bool)
        or not isinstance(value, (int, float))
        or not minimum <= value <= maximum
    ):
        refuse(value, f"a number from {minimum:g} to {maximum:g}")
    return value


def share(value: Any) -> float:
    """Checks for a number from 0 to 1."""
    return number(value, 0, 1)


def items(value: Any, lengths: Collection[int] | None = None) -> list[Any]:
    """Checks for a list, with one of `lengths` if they are given."""
    if not isinstance(value, list):
        refuse(value, "a list")
    if lengths is not None and len(value) not in lengths:
        refuse(value, f"a list of {' or '.join(map(str, sorted(lengths)))}")
    return value


def record(value: Any, names: Collection[Any] | None = None) -> dict[str, Any]:
    """Checks for a dict, with exactly the keys `names` if they are given."""
    if not isinstance(value, dict):
        refuse(value, "a dict")
    if names is not None and set(value) != set(names):
        refuse(value, f"a dict of {', '.join(map(str, names))}")
    return value


def distinct(names: list[str]) -> list[str]:
    """Checks that names are not empty and that none occurs twice."""
    if len(set(names)) != (len(names) or 1):
        refuse(names, "a list of different names")
    return names


def shape(value: Any) -> list[int | None]:
    """Checks for the shape of a tensor; sizes may be `None`."""
    elements = 1
    for size in items(value, range(1, _MAX_AXES + 1)):
        elements *= 1 if size is None else integer(size, 1, MAX_SIZE)
    if elements > MAX_SIZE:
        refuse(value, f"the shape of at most {MAX_SIZE} elements")
    return value


def dtype(value: Any) -> str:
    """Checks for the name of a numeric type."""
    if text(value) not in _DTYPES:
        refuse(value, f"one of {', '.join(_DTYPES)}")
    return value


def quantization(value: Any, of_dtype: str) -> dict[str, Any]:
    """Checks for the scale and the zero point of a tensor of integers.

    Args:
        value: Dict with `scale` and `zero_point`.
        of_dtype: String, the type of the tensor.
    """
    record(value, ("scale", "zero_point"))
    if of_dtype not in _INTEGERS:
        refuse(of_dtype, "a type of integers, which alone are quantized")
    number(value["scale"], _SMALLEST, _LARGEST)
    integer(value["zero_point"], -MAX_SIZE - 1, MAX_SIZE)
    return value


def normalization(
    value: Any, other_names: Collection[str] = ()
) -> dict[str, Any]:
    """Checks for the numbers of `(pixel / scale - mean) / std`.

    Args:
        value: Dict with `scale`, a number, and lists `mean` and `std`.
        other_names: Collection of strings, further keys of the dict.
    """
    record(value, ("scale", "mean", "std", *other_names))
    for mean in items(value["mean"]):
        number(mean, -_LARGEST, _LARGEST)
    for entry in (value["scale"], *items(value["std"])):
        divisor(abs(number(entry)))
    return value


def divisor(value: Any) -> float:
    """Checks for a positive number that a device can divide by."""
    if not _SMALLEST <= number(value) <= _LARGEST:
        refuse(value, f"a number from {_SMALLEST:g} to {_LARGEST:g}")
    return value


def pixels(value: Any) -> dict[str, Any]:
    """Checks for the pixels' size and normalization."""
    for size in items(normalization(value, ("size",))["size"], {2}):
        integer(size, 1, MAX_SIZE)
    return value


def measurements(value: Any) -> dict[str, Any]:
    """Checks for a dict of numbers and lists of numbers."""
    for entry in record(value).values():
        for measured in entry if isinstance(entry, list) else [entry]:
            number(measured)
    return value
