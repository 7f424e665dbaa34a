"""Checks of the arguments that the builders have in common."""

import numbers

from keras_anytime.nesting import Nesting
from keras_anytime.nets import blocks


def check_common(input_shape, classes, stem):
    """Raises a `ValueError` unless what all builders take is right.

    Args:
        input_shape: Tuple `(height, width, channels)`.
        classes: Integer, or a dict from names of label sets to integers.
        stem: String, one of `blocks.STEMS`.
    """
    check_image(input_shape)
    check_classes(classes)
    check_choice("stem", stem, blocks.STEMS)


def check_image(input_shape):
    """Raises a `ValueError` unless it is (height, width, channels)."""
    sizes = _as_tuple(input_shape)
    fixed = [size for size in sizes[:2] if size is not None]
    if len(sizes) != 3 or not all(map(_is_count, (*fixed, sizes[2]))):
        raise ValueError(
            "`input_shape` must be (height, width, channels), of which height "
            f"and width may be None. Received: input_shape={input_shape}"
        )


def check_classes(classes):
    """Raises a `ValueError` unless it is a class count, or one per label set.

    Args:
        classes: Integer of 2 or more, or a dict from names of label sets to
            such integers.
    """
    counts = classes if isinstance(classes, dict) else {"": classes}
    if not counts or not all(
        _is_count(count) and count >= 2 for count in counts.values()
    ):
        raise ValueError(
            "`classes` must be a whole number of at least 2, or one for each "
            "label set, such as {'fine': 100, 'coarse': 20}. "
            f"Received: classes={classes}"
        )
    if isinstance(classes, dict) and not all(
        isinstance(name, str) and name.isidentifier() and name.isascii()
        for name in classes
    ):
        raise ValueError(
            "The names of label sets must be made of letters, digits and "
            "underscores, of ASCII, and begin with no digit. "
            f"Received: classes={classes}"
        )


def check_choice(argument, value, choices):
    """Raises a `ValueError` unless the value is one of the choices."""
    if value not in list(choices):
        raise ValueError(
            f"`{argument}` must be one of {sorted(choices)}. "
            f"Received: {argument}={value!r}"
        )


def check_counts(**counts):
    """Raises a `ValueError` unless each is a whole number of 1 or more."""
    for argument, value in counts.items():
        if not _is_count(value):
            raise ValueError(
                f"`{argument}` must be a whole number of 1 or more. "
                f"Received: {argument}={value!r}"
            )


def check_sequence(argument, values, of="block"):
    """Raises a `ValueError` unless it holds a count for each block.

    Args:
        argument: String. The argument's name.
        values: What was given.
        of: String. What there is one count for.
    """
    counts = _as_tuple(values)
    if not counts or not all(map(_is_count, counts)):
        raise ValueError(
            f"`{argument}` must hold one whole number of 1 or more for each "
            f"{of}. Received: {argument}={values}"
        )


def check_blocks(units, filters, unit):
    """Raises a `ValueError` unless both hold one count for each block.

    Args:
        units: Sequence of integers, the units in each block.
        filters: Sequence of integers, the output channels of each block.
        unit: `"basic"` or `"bottleneck"`.
    """
    check_sequence("units", units)
    check_sequence("filters", filters)
    if len(units) != len(filters):
        raise ValueError(
            "`units` and `filters` must hold one number for each block. "
            f"Received: units={units}, filters={filters}"
        )
    if any(width % blocks.EXPANSION[unit] for width in filters):
        raise ValueError(
            "The filters of bottleneck units must be multiples of 4. "
            f"Received: filters={filters}"
        )


def as_nesting(nesting):
    """Returns a `Nesting`, from itself or its label."""
    return nesting if isinstance(nesting, Nesting) else Nesting(nesting)


def check_widths(nesting, filters, unit):
    """Raises a `ValueError` unless the nesting splits each width.

    Args:
        nesting: A `Nesting`.
        filters: Sequence of integers, the output channels of each block.
        unit: `"basic"` or `"bottleneck"`.
    """
    for width in filters:
        try:
            nesting.slices(width // blocks.EXPANSION[unit])
        except ValueError as error:
            multiple = nesting.widths[-1] * blocks.EXPANSION[unit]
            raise ValueError(
                f"Stages of '{nesting}' with {unit} units need filters that "
                "give each of them whole channels (a multiple of "
                f"{multiple} always does). Received: filters={filters}"
            ) from error


def check_divides(argument, divisor, **counts):
    """Raises a `ValueError` unless each count is a multiple of the divisor."""
    for name, count in counts.items():
        if count % divisor:
            raise ValueError(
                f"`{name}` is split evenly over the {argument}, so it must be "
                f"a multiple of {divisor}. Received: {name}={count}, "
                f"{argument}={divisor}"
            )


def _is_count(value):
    return (
        isinstance(value, numbers.Integral)
        and not isinstance(value, bool)
        and value >= 1
    )


def _as_tuple(values):
    """The values of a sequence; none of what is no sequence."""
    if isinstance(values, (str, dict)) or not hasattr(values, "__len__"):
        return ()
    return tuple(values)
