"""The intervals and the single runs of a curve's errors, and their caption."""

import math
from collections.abc import Iterable
from collections.abc import Sequence
from typing import Any

# For fewer runs, the error of each run is drawn in place of an interval.
FEWEST_FOR_INTERVALS = 3


def interval(curve: Any, point: Any) -> tuple[float, ...]:
    """Returns the ends of the interval of a point's error.

    Args:
        curve: `AnytimeCurve` or `BudgetCurve` of the point.
        point: Point of the curve; that of a `BudgetCurve` has no interval.

    Returns:
        Lower and upper end; of shares in [0, 1]. Empty if the interval is not
        known, or if the single runs are drawn in its place.
    """
    if single_runs(point):
        return ()
    ends = [getattr(point, f"error_{end}", None) for end in ("low", "high")]
    known = [end for end in ends if end is not None and math.isfinite(end)]
    if len(known) < 2:
        return ()
    # Student's intervals of few seeds can leave the errors that are possible.
    highest = 1.0 if curve.error_is_share else math.inf
    return tuple(min(max(end, 0.0), highest) for end in known)


def single_runs(point: Any) -> tuple[float, ...]:
    """Returns the errors of a point's runs if they are too few for intervals.

    Student's interval of two runs is 13 times as wide as their distance: it
    shows less than the two runs do.

    Args:
        point: Point of an `AnytimeCurve` or `BudgetCurve`.

    Returns:
        Tuple of errors; empty for a single run or for enough runs.
    """
    errors = getattr(point, "error_runs", None) or ()
    return errors if len(errors) < FEWEST_FOR_INTERVALS else ()


def plotted_values(curves: Iterable[Any]) -> list[float]:
    """Returns all errors that are drawn for curves.

    The ends of intervals and the errors of single runs are among them.

    Args:
        curves: `AnytimeCurve`s and `BudgetCurve`s.
    """
    pairs = [(curve, point) for curve in curves for point in curve.points]
    errors = [point.error for _, point in pairs]
    for curve, point in pairs:
        errors += interval(curve, point) or single_runs(point)
    return errors


def caption(curves: Sequence[Any]) -> str:
    """Returns a caption: the examples, the runs, and what intervals are over.

    Args:
        curves: `AnytimeCurve`s and `BudgetCurve`s.

    Returns:
        String, such as `"10,000 examples, with 95% intervals over examples"`.
    """
    counts = {getattr(curve, "num_runs", 1) for curve in curves}
    text = _counts_text({curve.examples for curve in curves}) + " examples"
    if counts != {1}:
        text = f"mean of {_counts_text(counts)} runs, on {text}"
    levels, over = set(), set()
    for curve in curves:
        if any(interval(curve, point) for point in curve.points):
            levels.add(curve.confidence_level)
            over.add("runs" if curve.num_runs > 1 else "examples")
    if levels:
        known = len(levels) == 1 and None not in levels
        text += f", with {levels.pop():.0%} " if known else ", with "
        text += "intervals over " + " or ".join(sorted(over))
    if any(single_runs(point) for curve in curves for point in curve.points):
        text += "; dashes: single runs"
    return text


def _counts_text(counts: Iterable[int]) -> str:
    return " or ".join(f"{count:,}" for count in sorted(counts))
