"""What figures draw: curves with labels, and the intervals of their errors."""

import math
from collections.abc import Mapping

from keras_anytime.evaluation.budget import BudgetCurve
from keras_anytime.evaluation.curve import AnytimeCurve
from keras_anytime.evaluation.seeds import CurveAggregate


def labelled(curves, argument="curves", kind=AnytimeCurve):
    """Returns curves by label, for a legend.

    Args:
        curves: Dict from labels to curves, or a sequence of curves, which are
            labelled by their names, or a curve. `CurveAggregate`s stand for
            their means.
        argument: String. What errors call it.
        kind: What the curves must be: `AnytimeCurve` or `BudgetCurve`.

    Returns:
        Dict from labels to curves.

    Raises:
        ValueError: If there is none, it is something else, or two have one
            name.
    """
    if isinstance(curves, (AnytimeCurve, BudgetCurve, CurveAggregate)):
        curves = [curves]
    if isinstance(curves, Mapping):
        pairs = [(name, as_curve(one)) for name, one in curves.items()]
    else:
        found = [as_curve(one) for one in curves]
        pairs = [(getattr(one, "name", None), one) for one in found]
    if not pairs:
        raise ValueError(
            f"There is no curve to draw. Received: `{argument}` is empty"
        )
    for name, one in pairs:
        if not isinstance(one, kind):
            raise ValueError(
                f"`{argument}` must be of `{kind.__name__}`s. "
                f"Received: {name!r} is {one!r}"
            )
    names = [str(name) for name, _ in pairs]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(
                "Each curve needs a label of its own: give a dict from labels "
                f"to curves. Received: {names.count(name)} curves in "
                f"`{argument}` are called {name!r}"
            )
    return {name: one for name, (_, one) in zip(names, pairs, strict=True)}


def as_curve(one):
    """Returns the mean of a `CurveAggregate`, and everything else as is."""
    return one.mean if isinstance(one, CurveAggregate) else one


def interval(point):
    """Returns the interval of a point's top-1 error.

    Args:
        point: `CurvePoint`; a `BudgetPoint` has none.

    Returns:
        Pair of floats in [0, 1], or `None` where there is none.
    """
    ends = getattr(point, "top1_low", None), getattr(point, "top1_high", None)
    if None in ends or not all(map(math.isfinite, ends)):
        return None
    # Student's intervals, of few seeds, go beyond.
    return tuple(min(max(end, 0.0), 1.0) for end in ends)


def values(curves):
    """Returns all errors of curves and all ends of their intervals, a list."""
    points = [point for curve in curves for point in curve.points]
    found = [point.top1_error for point in points]
    for point in points:
        found += interval(point) or ()
    return found


def note(curves):
    """Returns what is to be said about the curves' data.

    Args:
        curves: Sequence of `AnytimeCurve`s.

    Returns:
        String, such as `"10,000 examples, with 95% intervals"`.
    """
    examples = sorted({curve.examples for curve in curves})
    said = [" or ".join(f"{count:,}" for count in examples) + " examples"]
    levels = {
        curve.level
        for curve in curves
        if any(interval(point) for point in curve.points)
    }
    if levels:
        known = len(levels) == 1 and None not in levels
        said.append(
            f"with {levels.pop():.0%} intervals" if known else "with intervals"
        )
    return ", ".join(said)
