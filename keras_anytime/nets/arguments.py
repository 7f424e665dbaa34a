"""Checks of the arguments that the builders have in common."""

from keras_anytime.nesting import Nesting
from keras_anytime.nets import blocks


def check_image(input_shape):
    """Raises a `ValueError` unless it is (height, width, channels)."""
    if len(input_shape) != 3 or not input_shape[-1]:
        raise ValueError(
            "`input_shape` must be (height, width, channels). "
            f"Received: input_shape={input_shape}"
        )


def check_classes(classes):
    """Raises a `ValueError` unless it is a class count, or one per label set.

    Args:
        classes: Integer of 2 or more, or a dict from names of label sets to
            such integers.
    """
    counts = classes if isinstance(classes, dict) else {"": classes}
    if not counts or any(
        isinstance(count, str) or count != int(count) or count < 2
        for count in counts.values()
    ):
        raise ValueError(
            "`classes` must be a whole number of at least 2, or one for each "
            "label set, such as {'fine': 100, 'coarse': 20}. "
            f"Received: classes={classes}"
        )
    if isinstance(classes, dict) and not all(
        isinstance(name, str) and name.isidentifier() for name in classes
    ):
        raise ValueError(
            "The names of label sets must be made of letters, digits and "
            f"underscores. Received: classes={classes}"
        )


def check_choice(argument, value, choices):
    """Raises a `ValueError` unless the value is one of the choices."""
    if value not in choices:
        raise ValueError(
            f"`{argument}` must be one of {sorted(choices)}. "
            f"Received: {argument}={value!r}"
        )


def check_counts(**counts):
    """Raises a `ValueError` unless each is a whole number of 1 or more."""
    for argument, value in counts.items():
        if isinstance(value, bool) or not (
            isinstance(value, int) and value >= 1
        ):
            raise ValueError(
                f"`{argument}` must be a whole number of 1 or more. "
                f"Received: {argument}={value!r}"
            )


def check_blocks(units, filters):
    """Raises a `ValueError` unless both hold one count for each block."""
    if (
        not units
        or len(units) != len(filters)
        or min(units) < 1
        or min(filters) < 1
    ):
        raise ValueError(
            "`units` and `filters` must hold one number of 1 or more for each "
            f"block. Received: units={units}, filters={filters}"
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
        if width % blocks.EXPANSION[unit]:
            raise ValueError(
                "The filters of bottleneck units must be multiples of 4. "
                f"Received: filters={filters}"
            )
        nesting.slices(width // blocks.EXPANSION[unit])


def check_divides(argument, divisor, **counts):
    """Raises a `ValueError` unless each count is a multiple of the divisor."""
    for name, count in counts.items():
        if count % divisor:
            raise ValueError(
                f"`{name}` is split evenly over the {argument}, so it must be "
                f"a multiple of {divisor}. Received: {name}={count}, "
                f"{argument}={divisor}"
            )
