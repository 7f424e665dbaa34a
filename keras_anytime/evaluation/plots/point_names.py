"""Writes the names of points into a plot, where they cover nothing."""

import itertools
import math
from collections.abc import Iterable
from collections.abc import Iterator
from typing import Any
from typing import TypeAlias

from keras_anytime.evaluation.plots import style
from keras_anytime.evaluation.plots.intervals import interval
from keras_anytime.evaluation.plots.intervals import single_runs

# All of so few points are named; of more points, those that have room.
MOST_NAMED = 6

# Distances in points of 1/72 inch: from a point to its name, between candidate
# places that are further away, and half the sizes of markers and dashes.
_BESIDE, _ABOVE = 9, 5
_STEP = 16
_MARKER = 4
_DASH = 7

# Left, bottom, right and top, in pixels.
_Box: TypeAlias = tuple[float, float, float, float]


def name_points(axes: Any, curve: Any) -> None:
    """Writes stage and error beside the points of a curve.

    Names do not cover points, lines or other names; the names of few points do
    not cover intervals either. If there is no room beside one of few points,
    its name is further away, with a line to the point. Everything else must be
    drawn before.

    Args:
        axes: Matplotlib `Axes`.
        curve: `AnytimeCurve`, drawn in steps.
    """
    figure = axes.figure
    # The positions are known only after drawing.
    figure.draw_without_rendering()
    unit = figure.dpi / 72
    few = len(curve.points) <= MOST_NAMED
    taken = _covered(axes, curve, unit, few)
    # The last and the first stage matter most.
    for point in dict.fromkeys(
        [curve.points[-1], curve.points[0], *curve.points]
    ):
        text = axes.annotate(
            f"stage {point.stage}: {curve.error_text(point.error, 1)}",
            (point.macs, point.error),
            xytext=(0, 0),
            textcoords="offset points",
            ha="left",
            va="bottom",
            # The intervals of other points may run through the name.
            bbox={"facecolor": "white", "alpha": 0.6, "lw": 0, "pad": 1},
        )
        box = text.get_window_extent()
        width, height = box.width, box.height
        x, y = axes.transData.transform((point.macs, point.error))
        window = axes.get_window_extent()
        place = _first_free(
            _beside(x, y, width, height, unit, few), window, taken
        )
        if place is None and few:
            place = _first_free(
                _further(x, y, width, height, unit, window), window, taken
            )
            if place is not None:
                # The line ends at the nearest point of the name's box.
                end_x = min(max(x, place[0]), place[2])
                end_y = min(max(y, place[1]), place[3])
                _line(axes, point, (end_x - x) / unit, (end_y - y) / unit)
        if place is None:
            text.remove()
            continue
        taken.append(place)
        text.xyann = ((place[0] - x) / unit, (place[1] - y) / unit)


def _beside(
    x: float, y: float, width: float, height: float, unit: float, few: bool
) -> Iterator[_Box]:
    """Yields the places beside a point."""
    # Many names read best if all are on one side of the line.
    lefts = (x + _BESIDE * unit, x - _BESIDE * unit - width)
    for bottom in (y + _ABOVE * unit, y - _ABOVE * unit - height):
        for left in lefts if few else lefts[:1]:
            yield left, bottom, left + width, bottom + height


def _further(
    x: float, y: float, width: float, height: float, unit: float, window: Any
) -> Iterator[_Box]:
    """Yields places anywhere in the window, the nearest first."""
    step = _STEP * unit
    columns, rows = int(window.width / step), int(window.height / step)
    moves = itertools.product(
        range(-columns, columns + 1), range(-rows, rows + 1)
    )
    for right, up in sorted(moves, key=lambda move: math.hypot(*move)):
        left = x + right * step - width / 2
        bottom = y + up * step - height / 2
        yield left, bottom, left + width, bottom + height


def _first_free(
    places: Iterable[_Box], window: Any, taken: list[_Box]
) -> _Box | None:
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


def _line(axes: Any, point: Any, right: float, up: float) -> None:
    """Draws a line from a point to its name, at a distance in points."""
    axes.annotate(
        "",
        (point.macs, point.error),
        xytext=(right, up),
        textcoords="offset points",
        arrowprops={
            "arrowstyle": "-",
            "color": style.GRAY,
            "linewidth": 0.6,
            "shrinkA": 0,
            "shrinkB": _MARKER,
        },
        zorder=1,
    )


def _covered(axes: Any, curve: Any, unit: float, intervals: bool) -> list[_Box]:
    """Returns the places that the curve covers."""

    def pixels(macs: float, error: float) -> tuple[float, float]:
        return axes.transData.transform((macs, error))

    boxes = []
    for point in curve.points:
        runs = single_runs(point)
        ends = (interval(curve, point) if intervals else ()) or runs
        wide = (_DASH if runs else _MARKER) * unit
        errors = [point.error, *ends]
        x, low = pixels(point.macs, min(errors))
        _, high = pixels(point.macs, max(errors))
        boxes.append((x - wide, low - wide, x + wide, high + wide))
    for point, after in itertools.pairwise(curve.points):
        left, y = pixels(point.macs, point.error)
        right, end = pixels(after.macs, after.error)
        boxes.append((left, y, right, y))
        boxes.append((right, min(y, end), right, max(y, end)))
    x, y = pixels(curve.points[-1].macs, curve.points[-1].error)
    return [*boxes, (x, y, axes.get_window_extent().x1, y)]


def _overlap(box: _Box, other: _Box) -> bool:
    return (
        box[0] < other[2]
        and other[0] < box[2]
        and box[1] < other[3]
        and other[1] < box[3]
    )
