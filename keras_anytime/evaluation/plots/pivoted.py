"""Plots errors and costs relative to the last answer of another network."""

from collections.abc import Mapping
from typing import Any

from keras_anytime.evaluation.plots import style


@style.styled
def draw_pivoted(panels: Mapping[str, Mapping[str, Any]]) -> Any:
    """Draws relative errors against relative costs, in steps.

    Args:
        panels: Dict from titles of axes, such as data sets, to dicts from
            labels to pairs: the costs as multiples of the pivot's, and the
            increases of the errors over the pivot's, in %.

    Returns:
        Matplotlib `Figure`.

    Reference:
        [Hu et al., 2019, Figure 5](https://arxiv.org/abs/1708.06832)
    """
    figure, grid = style.figure(6.4, 1 + 2.4 * len(panels), rows=len(panels))
    all_axes = [grid] if len(panels) == 1 else list(grid)
    names = list(dict.fromkeys(name for of in panels.values() for name in of))
    handles: dict[str, Any] = {}
    for axes, (heading, curves) in zip(all_axes, panels.items(), strict=True):
        axes.axhline(0, color=style.GRAY, linewidth=1)
        axes.axvline(1, color=style.GRAY, linewidth=1)
        for name, (costs, increases) in curves.items():
            look = style.curve_look(names.index(name))
            (handles[name],) = axes.step(
                costs, increases, where="post", label=name, **look
            )
        axes.set_xlim(left=0)
        axes.set_ylabel("increase of the error (%)")
        style.title(axes, heading)
    all_axes[-1].set_xlabel("cost (multiples of the pivot's whole cost)")
    if handles:
        style.legend(figure, list(handles.values()))
    return figure
