"""Axes of cost, and how curves are drawn on them."""

from keras_anytime.evaluation.plots import style
from keras_anytime.evaluation.plots.by_label import interval
from keras_anytime.evaluation.plots.by_label import runs

# Costs that span more than this factor are drawn on a logarithmic axis.
WIDEST_LINEAR = 20
# Of more stages, intervals are drawn as a band instead of bars.
MOST_BARS = 12

_UNITS = (
    (1e10, 1e9, "billion "),
    (1e5, 1e6, "million "),
    (1e3, 1e3, "thousand "),
)

OPTIMUM = {"color": style.OPTIMUM, "linestyle": "--", "marker": "*"}


def draw_line(axes, curve, label, **look):
    """Draws a curve and how it spreads, and returns its line."""
    (line,) = axes.plot(
        [point.macs for point in curve.points],
        [point.top1_error for point in curve.points],
        label=label,
        # Points on an axis are drawn whole.
        clip_on=False,
        **look,
    )
    draw_spread(axes, curve, look["color"])
    return line


def budget_line(axes, budget, label, look):
    """Draws a `BudgetCurve` with dots, and returns its line."""
    (line,) = axes.plot(
        [point.mean_macs for point in budget.points],
        [point.top1_error for point in budget.points],
        label=f"{label}, stopping early",
        clip_on=False,
        **{**look, "linestyle": ":", "markerfacecolor": "white"},
    )
    return line


def draw_spread(axes, curve, color):
    """Draws the intervals that there are: as bars, or of many as a band.

    Of too few runs for intervals, each run is a dash.
    """
    draw_runs(
        axes, [(point.macs, runs(point)) for point in curve.points], color
    )
    found = [(point, interval(point)) for point in curve.points]
    found = [(point, ends) for point, ends in found if ends]
    if not found:
        return
    macs = [point.macs for point, _ in found]
    lows, highs = zip(*(ends for _, ends in found), strict=True)
    if len(found) > MOST_BARS:
        axes.fill_between(macs, lows, highs, color=color, alpha=0.2, lw=0)
        return
    # A mean over runs need not be in the middle of anything, but it is inside.
    errors = [point.top1_error for point, _ in found]
    below = [max(e - low, 0) for e, low in zip(errors, lows, strict=True)]
    above = [max(high - e, 0) for e, high in zip(errors, highs, strict=True)]
    axes.errorbar(
        macs, errors, (below, above), fmt="none", ecolor=color, elinewidth=1
    )


def draw_runs(axes, runs_at, color):
    """Draws a dash for each run: pairs of a place on the x axis and runs."""
    drawn = [(x, y) for x, several in runs_at for y in several]
    if drawn:
        axes.plot(
            *zip(*drawn, strict=True),
            "_",
            color=color,
            # Wider than the marker of the mean, which may be at one of them.
            markersize=12,
            clip_on=False,
        )


def cost_axis(axes, macs, mean=False, room=1.05):
    """Makes the x axis one of cost, and returns its upper end.

    Args:
        axes: Matplotlib `Axes`.
        macs: Sequence of floats, all costs that are drawn.
        mean: Boolean. Whether some of them are means over images.
        room: Float above 1, how far the axis goes on.

    Returns:
        Float, in multiply-adds.
    """
    from matplotlib.ticker import FuncFormatter
    from matplotlib.ticker import LogLocator
    from matplotlib.ticker import NullLocator

    # A network may have no layer that costs anything.
    low, high = min(macs), max(macs) or 1
    size, unit = next(
        ((size, unit) for least, size, unit in _UNITS if high >= least),
        (1, ""),
    )
    if 0 < WIDEST_LINEAR * low < high:
        # Powers of ten alone if they are many, else halves of them too.
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
        f"{'mean ' if mean else ''}cost ({unit}multiply-adds per image)"
    )
    return high * room
