"""What figures draw: curves with labels, and the intervals of their errors."""

import math
from collections.abc import Mapping

from keras_anytime.evaluation.budget import BudgetCurve
from keras_anytime.evaluation.curve import AnytimeCurve
from keras_anytime.evaluation.seeds import CurveAggregate

# Of fewer runs, each is drawn instead.
FEWEST_FOR_INTERVALS = 3


def by_label(curves, argument="curves", kind=AnytimeCurve):
    """Returns curves by label, for a legend.

    Args:
        curves: Dict from labels to curves, or a sequence of curves, which are
            labeled by their names, or a curve. `CurveAggregate`s stand for
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
        found = [as_curve(curve) for curve in curves]
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
        Pair of floats in [0, 1], or `None` where there is none, or only that of
        the few `runs` that are drawn themselves.
    """
    if runs(point):
        return None
    ends = getattr(point, "top1_low", None), getattr(point, "top1_high", None)
    if None in ends or not all(map(math.isfinite, ends)):
        return None
    # Student's intervals, of few seeds, go beyond.
    return tuple(min(max(end, 0.0), 1.0) for end in ends)


def runs(point):
    """Returns the errors of a point's runs, if they are too few for intervals.

    Student's interval of two runs is 13 times as wide as they are apart: it
    tells less than the two do.
    """
    found = getattr(point, "top1_runs", None) or ()
    return found if len(found) < FEWEST_FOR_INTERVALS else ()


def values(curves):
    """Returns all errors that are drawn of curves, in a list.

    Ends of intervals and errors of single runs are among them.
    """
    points = [point for curve in curves for point in curve.points]
    found = [point.top1_error for point in points]
    for point in points:
        found += interval(point) or runs(point)
    return found


def note(curves):
    """Returns what is to be said about the curves' data.

    Args:
        curves: Sequence of `AnytimeCurve`s and `BudgetCurve`s.

    Returns:
        String, such as `"10,000 examples, with 95% intervals over examples"`.
    """
    counts = sorted({getattr(curve, "runs", 1) for curve in curves})
    said = _one_of(curve.examples for curve in curves) + " examples"
    if counts != [1]:
        of = _one_of(counts)
        said = f"mean of {of} runs, on {said}"
    levels, over = set(), set()
    for curve in curves:
        if any(interval(point) for point in curve.points):
            levels.add(curve.level)
            over.add("runs" if curve.runs > 1 else "examples")
    if levels:
        known = len(levels) == 1 and None not in levels
        said += f", with {levels.pop():.0%} " if known else ", with "
        said += "intervals over " + " or ".join(sorted(over))
    if any(runs(point) for curve in curves for point in curve.points):
        said += "; dashes: single runs"
    return said


def _one_of(counts):
    return " or ".join(f"{count:,}" for count in sorted(set(counts)))
