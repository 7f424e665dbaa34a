"""Axes of epochs, and the names of stages beside them."""

import itertools
import re
from collections.abc import Sequence
from typing import Any

from keras_anytime.evaluation.plots import style


def cell_edges(epochs: Sequence[float]) -> list[float]:
    """Returns the edges of the epochs' cells, one more than epochs."""
    middles = [(a + b) / 2 for a, b in itertools.pairwise(epochs)]
    half = min((b - a for a, b in itertools.pairwise(epochs)), default=1) / 2
    return [epochs[0] - half, *middles, epochs[-1] + half]


def is_stage_number(key: str) -> bool:
    """Tells whether the key of a column is a stage's; a task has a name."""
    return re.fullmatch(r"[1-9]\d*", key) is not None


def epoch_axis(axes: Any, epochs: Sequence[float]) -> None:
    """Formats the x axis as an axis of epochs."""
    edges = cell_edges(epochs)
    axes.set_xlim(edges[0], edges[-1])
    style.integer_ticks(axes.xaxis)
    axes.set_xlabel("epoch")


def name_stages(
    figure: Any, axes: Any, handles: Sequence[Any], num_stages: int
) -> None:
    """Draws a legend of the stages, or a color bar if there are many.

    Args:
        figure: Matplotlib `Figure`.
        axes: Matplotlib `Axes`, or a list of them.
        handles: One labeled artist for each stage that is drawn.
        num_stages: Number of the last stage.
    """
    if len(handles) <= style.MOST_IN_LEGEND:
        style.legend(figure, handles)
    else:
        style.stage_bar(figure, axes, num_stages)
