"""Names of points in a picture, where they cover nothing."""

import itertools
import math

from keras_anytime.evaluation.plots import style
from keras_anytime.evaluation.plots.by_label import interval
from keras_anytime.evaluation.plots.by_label import runs

# So few points are all named; of more, as many as there is room for.
MOST_NAMED = 6

# In points of 1/72 inch: from a point to its name, between the places of names
# that are further away, and half the width of what is drawn.
_BESIDE, _ABOVE = 9, 5
_STEP = 16
_MARKER = 4
_DASH = 7


def name_points(axes, curve):
    """Writes stage and error beside the points of a curve.

    Names cover neither points and lines nor one another, and those of few
    points no intervals either. Where there is no room beside one of a few, its
    name is further away, with a line to it. All else must be drawn before.

    Args:
        axes: Matplotlib `Axes`.
        curve: `AnytimeCurve`, drawn in steps.
    """
    figure = axes.figure
    # Only then is known what is where.
    figure.draw_without_rendering()
    unit = figure.dpi / 72
    few = len(curve.points) <= MOST_NAMED
    taken = _drawn(axes, curve, unit, few)
    # The last and the first matter most.
    for point in dict.fromkeys(
        [curve.points[-1], curve.points[0], *curve.points]
    ):
        text = axes.annotate(
            f"stage {point.stage}: {point.top1_error:.1%}",
            (point.macs, point.top1_error),
            xytext=(0, 0),
            textcoords="offset points",
            ha="left",
            va="bottom",
            # The intervals of other points may run through it.
            bbox={"facecolor": "white", "alpha": 0.6, "lw": 0, "pad": 1},
        )
        box = text.get_window_extent()
        size = box.width, box.height
        x, y = axes.transData.transform((point.macs, point.top1_error))
        window = axes.get_window_extent()
        place = _free(_beside(x, y, *size, unit, few), window, taken)
        if place is None and few:
            place = _free(_further(x, y, *size, unit, window), window, taken)
            if place is not None:
                # To the nearest point of the name.
                end_x = min(max(x, place[0]), place[2])
                end_y = min(max(y, place[1]), place[3])
                _line(axes, point, (end_x - x) / unit, (end_y - y) / unit)
        if place is None:
            text.remove()
            continue
        taken.append(place)
        text.xyann = ((place[0] - x) / unit, (place[1] - y) / unit)


def _beside(x, y, width, height, unit, few):
    """Yields the left and bottom, right and top of places at a point."""
    # Of many, all on one side of the line read best.
    lefts = (x + _BESIDE * unit, x - _BESIDE * unit - width)
    for bottom in (y + _ABOVE * unit, y - _ABOVE * unit - height):
        for left in lefts if few else lefts[:1]:
            yield left, bottom, left + width, bottom + height


def _further(x, y, width, height, unit, window):
    """Yields places anywhere in the window, the nearest first."""
    step = _STEP * unit
    columns, rows = int(window.width / step), int(window.height / step)
    moves = itertools.product(
        range(-columns, columns + 1), range(-rows, rows + 1)
    )
    for right, up in sorted(moves, key=lambda one: math.hypot(*one)):
        left = x + right * step - width / 2
        bottom = y + up * step - height / 2
        yield left, bottom, left + width, bottom + height


def _free(places, window, taken):
    """Returns the first place that is in the window and free, or `None`."""
    for place in places:
        inside = (
            window.x0 <= place[0]
            and window.y0 <= place[1]
            and place[2] <= window.x1
            and place[3] <= window.y1
        )
        if inside and not any(_overlap(place, other) for other in taken):
            return place
    return None


def _line(axes, point, right, up):
    """Draws a line from a point to its name, so far away."""
    axes.annotate(
        "",
        (point.macs, point.top1_error),
        xytext=(right, up),
        textcoords="offset points",
        arrowprops={
            "arrowstyle": "-",
            "color": style.GREY,
            "linewidth": 0.6,
            "shrinkA": 0,
            "shrinkB": _MARKER,
        },
        zorder=1,
    )


def _drawn(axes, curve, unit, intervals):
    """Returns what is covered already: lefts, bottoms, rights and tops."""

    def pixels(macs, error):
        return axes.transData.transform((macs, error))

    found = []
    for point in curve.points:
        ends = (interval(point) if intervals else None) or runs(point)
        wide = (_DASH if runs(point) else _MARKER) * unit
        errors = [point.top1_error, *ends]
        x, low = pixels(point.macs, min(errors))
        _, high = pixels(point.macs, max(errors))
        found.append((x - wide, low - wide, x + wide, high + wide))
    for point, after in itertools.pairwise(curve.points):
        left, y = pixels(point.macs, point.top1_error)
        right, end = pixels(after.macs, after.top1_error)
        found.append((left, y, right, y))
        found.append((right, min(y, end), right, max(y, end)))
    x, y = pixels(curve.points[-1].macs, curve.points[-1].top1_error)
    return [*found, (x, y, axes.get_window_extent().x1, y)]


def _overlap(one, other):
    return (
        one[0] < other[2]
        and other[0] < one[2]
        and one[1] < other[3]
        and other[1] < one[3]
    )
