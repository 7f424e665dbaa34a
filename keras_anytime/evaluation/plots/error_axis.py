"""The axis of errors, in percent or in the units of the labels."""

from collections.abc import Sequence
from typing import Any

from keras_anytime.evaluation.plots import style


def error_axis(
    axes: Any,
    curves: Sequence[Any],
    values: Sequence[float],
    from_zero: bool = False,
) -> None:
    """Formats the y axis as an axis of the error of all curves.

    Args:
        axes: Matplotlib `Axes`.
        curves: Measurements with the attributes `error_name` and
            `error_is_share`, one or more.
        values: All errors that are drawn.
        from_zero: As for `style.percent_axis`.

    Raises:
        ValueError: If the errors of two curves are not of one kind.
    """
    names = list(dict.fromkeys(curve.error_name for curve in curves))
    if len(names) > 1:
        raise ValueError(
            "Only curves of the same task can be drawn on one axis. Received: "
            f"curves of {' and '.join(names)}"
        )
    if curves[0].error_is_share:
        style.percent_axis(axes, values, from_zero)
    else:
        style.number_axis(axes, values, from_zero)
    axes.set_ylabel(names[0])


def example_word(curves: Sequence[Any]) -> str:
    """Returns what costs are counted for, in words.

    Args:
        curves: Measurements with the attribute `task`.
    """
    of_classes = all(curve.task is None for curve in curves)
    return "image" if of_classes else "example"
