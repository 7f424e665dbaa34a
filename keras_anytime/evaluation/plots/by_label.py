"""Curves by their labels in a legend, checked by their attributes."""

from collections.abc import Iterable
from collections.abc import Mapping
from typing import Any

# The attribute of a point that holds its cost, and the results that have it.
CURVE_COST = "macs"
BUDGET_COST = "mean_macs"
_RESULTS = {CURVE_COST: "`AnytimeCurve`s", BUDGET_COST: "`BudgetCurve`s"}


def by_label(
    curves: Any, argument: str = "curves", cost: str = CURVE_COST
) -> dict[str, Any]:
    """Returns curves by their labels.

    Args:
        curves: Dict from labels to curves, a sequence of curves, whose names
            become the labels, or a single curve. A `CurveAggregate` stands for
            its mean.
        argument: Name of the argument, for error messages.
        cost: Attribute of the points with their cost: `"macs"` of anytime
            curves, or `"mean_macs"` of budget curves.

    Returns:
        Dict from labels to curves.

    Raises:
        ValueError: If there is no curve, one lacks the attributes of a curve,
            or two have the same label.
    """
    curves = mean_curve(curves)
    if _is_curve(curves, CURVE_COST) or _is_curve(curves, BUDGET_COST):
        curves = [curves]
    if not isinstance(curves, Iterable):
        raise ValueError(
            f"`{argument}` must be of {_RESULTS[cost]}. "
            f"Received: {argument}={curves!r}"
        )
    if isinstance(curves, Mapping):
        pairs = [(label, mean_curve(c)) for label, c in curves.items()]
    else:
        means = map(mean_curve, curves)
        pairs = [(getattr(curve, "name", None), curve) for curve in means]
    if not pairs:
        raise ValueError(
            f"There is no curve to draw. Received: `{argument}` is empty"
        )
    for label, curve in pairs:
        if not _is_curve(curve, cost):
            raise ValueError(
                f"`{argument}` must be of {_RESULTS[cost]}. "
                f"Received: {label!r} is {curve!r}"
            )
    labels = [str(label) for label, _ in pairs]
    for label in labels:
        if labels.count(label) > 1:
            raise ValueError(
                "Each curve needs a label of its own: pass a dict from labels "
                f"to curves. Received: {labels.count(label)} curves in "
                f"`{argument}` are called {label!r}"
            )
    return dict(zip(labels, (curve for _, curve in pairs), strict=True))


def mean_curve(curve: Any) -> Any:
    """Returns the mean of an aggregate of curves, and all else unchanged."""
    mean = getattr(curve, "mean", None)
    return mean if hasattr(mean, "points") else curve


def _is_curve(curve: Any, cost: str) -> bool:
    points = getattr(curve, "points", ())
    return bool(points) and all(
        hasattr(point, cost) and hasattr(point, "error") for point in points
    )
