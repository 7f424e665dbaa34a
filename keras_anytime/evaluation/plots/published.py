"""Plots measured numbers beside published ones."""

from collections.abc import Collection
from collections.abc import Mapping
from typing import Any

from keras_anytime.evaluation.plots import style

# More lines than this cannot be told apart.
_MOST_LINES = 14
_HOLLOW = {"markerfacecolor": "none"}
_OTHER_SETTINGS = "other settings than the paper's"

_Point = tuple[float, float]


@style.styled
def draw_published(
    values: Mapping[str, Mapping[str, Any]],
    quantity: str,
    marked: Collection[str] = (),
) -> Any:
    """Draws the lines of a table, ours solid and the published ones dotted.

    Tables of many lines are drawn as points: ours against the published
    number. Points of marked lines are hollow.

    Args:
        values: Dict from names of lines to dicts from columns to cells, which
            have the attributes `mean`, `std` and `paper`. They may be `None`.
        quantity: String. What the numbers are, with their unit.
        marked: Names of the lines whose runs have other settings than the
            paper's.

    Returns:
        Matplotlib `Figure`.
    """
    known = {
        name: {column: c for column, c in cells.items() if _numbers(c)}
        for name, cells in values.items()
    }
    known = {name: cells for name, cells in known.items() if cells}
    if len(known) > _MOST_LINES:
        return _draw_points(known, quantity, marked)
    return _draw_lines(known, quantity, marked)


def _draw_lines(
    values: Mapping[str, Mapping[str, Any]],
    quantity: str,
    marked: Collection[str],
) -> Any:
    columns = list(
        dict.fromkeys(column for cells in values.values() for column in cells)
    )
    place = {column: index for index, column in enumerate(columns)}
    figure, axes = style.figure(max(6.4, 0.5 * len(columns)), 4)
    handles = []
    for index, (name, cells) in enumerate(values.items()):
        look = style.curve_look(index)
        ours = {c: v for c, v in cells.items() if v.mean is not None}
        papers = {c: v for c, v in cells.items() if v.paper is not None}
        handles += axes.plot(
            [place[column] for column in ours],
            [value.mean for value in ours.values()],
            label=name,
            **look,
        )
        spread = {c: v for c, v in ours.items() if v.std is not None}
        if spread:
            axes.errorbar(
                [place[column] for column in spread],
                [value.mean for value in spread.values()],
                [value.std for value in spread.values()],
                fmt="none",
                ecolor=look["color"],
                elinewidth=1,
            )
        axes.plot(
            [place[column] for column in papers],
            [value.paper for value in papers.values()],
            alpha=0.6,
            **{**look, "linestyle": ":", "markerfacecolor": "white"},
        )
    axes.set_xticks(range(len(columns)), columns)
    if len(columns) > 8:
        axes.tick_params(axis="x", labelrotation=90)
    axes.set_ylabel(quantity)
    published = any(
        value.paper is not None
        for cells in values.values()
        for value in cells.values()
    )
    style.title(
        axes,
        "solid: ours, mean over the seeds with standard deviation"
        + ("; dotted: the paper" if published else "")
        + (f"; *: {_OTHER_SETTINGS}" if set(marked) & set(values) else ""),
    )
    if handles:
        style.legend(figure, handles)
    return figure


def _draw_points(
    values: Mapping[str, Mapping[str, Any]],
    quantity: str,
    marked: Collection[str],
) -> Any:
    figure, axes = style.figure(5.2, 5)
    # Points of lines as in the paper, and of marked ones.
    columns: dict[str, tuple[list[_Point], list[_Point]]] = {}
    missing = 0
    for name, cells in values.items():
        for column, value in cells.items():
            points = columns.setdefault(column, ([], []))[name in marked]
            if value.paper is None or value.mean is None:
                missing += 1
            else:
                points.append((value.paper, value.mean))
    handles: list[Any] = []
    for index, (column, kinds) in enumerate(columns.items()):
        look = {**style.curve_look(index), "linestyle": "none", "alpha": 0.7}
        for points, fill in zip(kinds, ({}, _HOLLOW), strict=True):
            drawn = axes.plot(
                [paper for paper, _ in points],
                [ours for _, ours in points],
                label=column,
                **{**look, **fill},
            )
            handles += [] if fill else drawn
    axes.axline((0, 0), slope=1, color=style.GRAY, linewidth=1, zorder=1)
    axes.set_xlabel(f"{quantity}, the paper")
    axes.set_ylabel(f"{quantity}, ours")
    numbers, hollow = (
        sum(map(len, kind)) for kind in zip(*columns.values(), strict=True)
    )
    style.title(
        axes,
        f"{numbers + hollow} numbers; {missing} more are missing or not "
        "published" + (f"; hollow: {_OTHER_SETTINGS}" if hollow else ""),
    )
    style.legend(figure, handles)
    return figure


def _numbers(value: Any) -> bool:
    return value.mean is not None or value.paper is not None
