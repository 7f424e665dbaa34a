"""Types and checks of the arguments that the builders share."""

import numbers
from collections.abc import Iterable
from collections.abc import Sequence
from typing import Any
from typing import TypeAlias

from keras_anytime.nesting import Nesting
from keras_anytime.nets import blocks
from keras_anytime.nets.blocks import Classes
from keras_anytime.tasks import Segmentation
from keras_anytime.tasks import Task

# (height, width, channels); height and width may be None.
ImageShape: TypeAlias = Sequence[int | None]


def check_common(input_shape: ImageShape, classes: Classes, stem: str) -> None:
    """Raises a `ValueError` if an argument that all builders take is invalid.

    Args:
        input_shape: Tuple `(height, width, channels)`.
        classes: Integer, or dict from label sets to integers.
        stem: String, one of `blocks.STEMS`.
    """
    check_image(input_shape)
    check_classes(classes)
    check_choice("stem", stem, blocks.STEMS)


def check_image(input_shape: ImageShape) -> None:
    """Raises a `ValueError` if it is not `(height, width, channels)`."""
    sizes = _as_tuple(input_shape)
    known = [size for size in sizes[:2] if size is not None]
    if len(sizes) != 3 or not all(map(_is_count, (*known, sizes[2]))):
        raise ValueError(
            "`input_shape` must be (height, width, channels), of which height "
            f"and width may be None. Received: input_shape={input_shape}"
        )


def check_classes(classes: Classes) -> None:
    """Raises a `ValueError` if pooled heads cannot answer such classes.

    Args:
        classes: As for `check_tasks`.
    """
    check_tasks(classes)
    entries = classes if isinstance(classes, dict) else {"": classes}
    if any(isinstance(entry, Segmentation) for entry in entries.values()):
        raise ValueError(
            "The heads of this network pool all positions, so that it cannot "
            "answer at each of them. Make an `AnytimeModel` of your own graph, "
            "or add heads to a network with `keras_anytime.convert.add_heads`. "
            f"Received: classes={classes}"
        )


def check_tasks(classes: Classes) -> None:
    """Raises a `ValueError` if it holds no number of classes and no task.

    Args:
        classes: Integer of 2 or more, or a task, or a dict from names of label
            sets to these.
    """
    entries = classes if isinstance(classes, dict) else {"": classes}
    if not entries or not all(
        isinstance(entry, Task) or (_is_count(entry) and entry >= 2)
        for entry in entries.values()
    ):
        raise ValueError(
            "`classes` must be a whole number of at least 2 or a task of "
            "keras_anytime.tasks, or a dict with one for each label set, such "
            "as {'fine': 100, 'coarse': 20}. "
            f"Received: classes={classes!r}"
        )
    if isinstance(classes, dict) and not all(
        isinstance(name, str) and name.isidentifier() and name.isascii()
        for name in classes
    ):
        raise ValueError(
            "The name of a label set must consist of ASCII letters, digits "
            "and underscores, and must not begin with a digit. "
            f"Received: classes={classes}"
        )


def check_choice(argument: str, value: Any, choices: Iterable[str]) -> None:
    """Raises a `ValueError` if the value is not one of the choices."""
    if value not in list(choices):
        raise ValueError(
            f"`{argument}` must be one of {sorted(choices)}. "
            f"Received: {argument}={value!r}"
        )


def check_counts(**counts: Any) -> None:
    """Raises a `ValueError` if a value is not a whole number of 1 or more."""
    for argument, value in counts.items():
        if not _is_count(value):
            raise ValueError(
                f"`{argument}` must be a whole number of 1 or more. "
                f"Received: {argument}={value!r}"
            )


def check_sequence(argument: str, values: Any, item: str = "block") -> None:
    """Raises a `ValueError` if a sequence holds anything but counts.

    Args:
        argument: String. The argument's name.
        values: The argument's value.
        item: String. The part of the network that each count is for.
    """
    counts = _as_tuple(values)
    if not counts or not all(map(_is_count, counts)):
        raise ValueError(
            f"`{argument}` must hold one whole number of 1 or more for each "
            f"{item}. Received: {argument}={values}"
        )


def check_blocks(
    units: Sequence[int],
    filters: Sequence[int],
    unit: str = "basic",
    kinds: Iterable[str] = tuple(blocks.EXPANSION),
) -> None:
    """Raises a `ValueError` if units and filters do not describe blocks.

    Args:
        units: Sequence of integers, the units in each block.
        filters: Sequence of integers, the output channels of each block.
        unit: String, a key of `blocks.EXPANSION`.
        kinds: Iterable of the units that the network can have.
    """
    check_choice("unit", unit, kinds)
    check_sequence("units", units)
    check_sequence("filters", filters)
    if len(units) != len(filters):
        raise ValueError(
            "`units` and `filters` must hold one number for each block. "
            f"Received: units={units}, filters={filters}"
        )
    if any(channels % blocks.EXPANSION[unit] for channels in filters):
        raise ValueError(
            "The filters of bottleneck units must be multiples of 4. "
            f"Received: filters={filters}"
        )


def as_nesting(nesting: str | Nesting) -> Nesting:
    """Returns a `Nesting`, parsed if given as a string."""
    return nesting if isinstance(nesting, Nesting) else Nesting(nesting)


def check_widths(nesting: Nesting, filters: Sequence[int], unit: str) -> None:
    """Raises a `ValueError` if a stage would get a fraction of a channel.

    Args:
        nesting: A `Nesting`.
        filters: Sequence of integers, the output channels of each block.
        unit: String, a key of `blocks.EXPANSION`.
    """
    for channels in filters:
        try:
            nesting.slices(channels // blocks.EXPANSION[unit])
        except ValueError as error:
            multiple = nesting.widths[-1] * blocks.EXPANSION[unit]
            raise ValueError(
                f"`filters` must give every stage of '{nesting}' a whole "
                f"number of channels inside {unit} units; any multiple of "
                f"{multiple} does. Received: filters={filters}"
            ) from error


def check_divisible(
    divisor_name: str, divisor: int, **values: int | Sequence[int]
) -> None:
    """Raises a `ValueError` if a value is no multiple of the divisor.

    Args:
        divisor_name: String. The name of the argument that divides.
        divisor: Integer.
        **values: Arguments: integers, or sequences of integers.
    """
    for argument, value in values.items():
        numerators = value if isinstance(value, Sequence) else [value]
        if any(numerator % divisor for numerator in numerators):
            raise ValueError(
                f"`{argument}` is split evenly over `{divisor_name}`, so it "
                f"must be a multiple of {divisor}. "
                f"Received: {argument}={value}, {divisor_name}={divisor}"
            )


def _is_count(value: Any) -> bool:
    return (
        isinstance(value, numbers.Integral)
        and not isinstance(value, bool)
        and int(value) >= 1
    )


def _as_tuple(values: Any) -> tuple:
    """Returns the values of a sequence; an empty tuple for anything else."""
    if isinstance(values, (str, dict)) or not hasattr(values, "__len__"):
        return ()
    return tuple(values)
