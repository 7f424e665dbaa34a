"""Axes of cost, and functions that draw curves on them."""

from collections.abc import Iterable
from collections.abc import Sequence
from typing import Any

from keras_anytime.evaluation.plots import style
from keras_anytime.evaluation.plots.intervals import interval
from keras_anytime.evaluation.plots.intervals import single_runs

# Costs that span more than this factor are drawn on a logarithmic axis.
WIDEST_LINEAR = 20
# For more stages, intervals are drawn as a band instead of bars.
MOST_BARS = 12

_UNITS = (
    (1e10, 1e9, "billion "),
    (1e5, 1e6, "million "),
    (1e3, 1e3, "thousand "),
)

OPTIMUM = {"color": style.OPTIMUM, "linestyle": "--", "marker": "*"}
OPTIMUM_LOOKS = (OPTIMUM, {**OPTIMUM, "linestyle": ":", "marker": "x"})


def draw_line(axes: Any, curve: Any, label: str, **look: Any) -> Any:
    """Draws a curve with its intervals.

    Args:
        axes: Matplotlib `Axes`.
        curve: `AnytimeCurve`.
        label: Label in the legend.
        **look: Arguments for `axes.plot`, with a `color`.

    Returns:
        The curve's Matplotlib line.
    """
    (line,) = axes.plot(
        [point.macs for point in curve.points],
        [point.error for point in curve.points],
        label=label,
        # Points on an axis are not cut.
        clip_on=False,
        **look,
    )
    draw_intervals(axes, curve, look["color"])
    return line


def draw_budget_line(
    axes: Any, budget: Any, label: str, look: dict[str, Any]
) -> Any:
    """Draws a dotted line of errors against mean costs.

    Args:
        axes: Matplotlib `Axes`.
        budget: `BudgetCurve`.
        label: Label of the network in the legend.
        look: Arguments for `axes.plot`.

    Returns:
        The Matplotlib line.
    """
    (line,) = axes.plot(
        [point.mean_macs for point in budget.points],
        [point.error for point in budget.points],
        label=f"{label}, stopping early",
        clip_on=False,
        **{**look, "linestyle": ":", "markerfacecolor": "white"},
    )
    return line


def draw_intervals(axes: Any, curve: Any, color: Any) -> None:
    """Draws the known intervals of a curve: as bars, or as a band if many.

    If there are too few runs for intervals, each run is a dash.

    Args:
        axes: Matplotlib `Axes`.
        curve: `AnytimeCurve`.
        color: Matplotlib color.
    """
    draw_runs(
        axes,
        [(point.macs, single_runs(point)) for point in curve.points],
        color,
    )
    known = [point for point in curve.points if interval(curve, point)]
    if not known:
        return
    macs = [point.macs for point in known]
    ends = [interval(curve, point) for point in known]
    lows, highs = zip(*ends, strict=True)
    if len(known) > MOST_BARS:
        axes.fill_between(macs, lows, highs, color=color, alpha=0.2, lw=0)
        return
    # The bootstrap's intervals need not be centered on the error.
    errors = [point.error for point in known]
    below = [max(e - low, 0) for e, low in zip(errors, lows, strict=True)]
    above = [max(high - e, 0) for e, high in zip(errors, highs, strict=True)]
    axes.errorbar(
        macs, errors, (below, above), fmt="none", ecolor=color, elinewidth=1
    )


def draw_runs(
    axes: Any, runs_at: Iterable[tuple[float, Sequence[float]]], color: Any
) -> None:
    """Draws a dash for each run.

    Args:
        axes: Matplotlib `Axes`.
        runs_at: Pairs of a position on the x axis and the runs' numbers there.
        color: Matplotlib color.
    """
    dashes = [(x, y) for x, runs in runs_at for y in runs]
    if dashes:
        axes.plot(
            *zip(*dashes, strict=True),
            "_",
            color=color,
            # Wider than the marker of the mean, which may cover a dash.
            markersize=12,
            clip_on=False,
        )


def cost_axis(
    axes: Any,
    macs: Sequence[float],
    mean: bool = False,
    room: float = 1.05,
    example: str = "image",
) -> float:
    """Formats the x axis as an axis of cost.

    Args:
        axes: Matplotlib `Axes`.
        macs: All costs that are drawn, in multiply-adds.
        mean: If True, some of the costs are means over images.
        room: Float above 1. The axis ends at `room` times the largest cost.
        example: What has the costs, in words.

    Returns:
        The upper end of the axis, in multiply-adds.
    """
    from matplotlib.ticker import FuncFormatter
    from matplotlib.ticker import LogLocator
    from matplotlib.ticker import NullLocator

    # A network may have no layer with a known cost.
    low, high = min(macs), max(macs) or 1
    size, unit = next(
        ((size, unit) for least, size, unit in _UNITS if high >= least),
        (1, ""),
    )
    if 0 < WIDEST_LINEAR * low < high:
        # Few powers of ten need more ticks in between.
        subs = (1,) if high > 1e4 * low else (1, 2, 5)
        room **= 2.5
        axes.set_xscale("log")
        axes.set_xlim(low / 1.25, high * room)
        axes.xaxis.set_major_locator(LogLocator(subs=subs, numticks=20))
        axes.xaxis.set_minor_locator(NullLocator())
    else:
        axes.set_xlim(0, high * room)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x / size:g}"))
    axes.set_xlabel(
        f"{'mean ' if mean else ''}cost ({unit}multiply-adds per {example})"
    )
    return high * room
