"""Stacked shares of the stages over the epochs, read from a CSV file."""

import math
import os
import re
from typing import Any

from keras_anytime.evaluation.epoch_files import read_columns
from keras_anytime.evaluation.epoch_files import wrong_columns
from keras_anytime.evaluation.plots import style
from keras_anytime.evaluation.plots.epoch_axis import cell_edges
from keras_anytime.evaluation.plots.epoch_axis import epoch_axis


def stack_shares(
    axes: Any, source: str | os.PathLike, prefix: str, quantity: str
) -> list[Any]:
    """Draws the stages' shares of a quantity, one above the other.

    Args:
        axes: Matplotlib `Axes`.
        source: Path of a CSV file with the columns `epoch`, `<prefix>_1`, ...,
            `<prefix>_K`.
        prefix: String.
        quantity: String. What the columns hold, in the plural.

    Returns:
        List of labeled artists, one for each stage.

    Raises:
        ValueError: If the file is missing, empty or of other columns, a number
            is negative or not finite, or all of an epoch are 0.
    """
    expected = f"`epoch`, `{prefix}_1`, ..., `{prefix}_K`"
    epochs, columns = read_columns(source, expected)
    # The first stages are missing if the network is a part of another one.
    stages = sorted(
        int(name.removeprefix(f"{prefix}_"))
        for name in columns
        if re.fullmatch(rf"{prefix}_[1-9]\d*", name)
    )
    if not stages:
        raise wrong_columns(source, expected, ["epoch", *columns])
    sums = [0.0] * len(epochs)
    for name in map(f"{prefix}_{{}}".format, stages):
        for row, value in enumerate(columns[name]):
            if not 0 <= value < math.inf:
                raise ValueError(
                    f"{quantity.capitalize()} must be finite and 0 or more. "
                    f"Received: {name}={value} in epoch {epochs[row]:g} of "
                    f"{str(source)!r}"
                )
            sums[row] += value
    if 0 in sums:
        raise ValueError(
            f"In each epoch, some of the {quantity} must be above 0. Received: "
            f"{quantity} that are all 0 in epoch {epochs[sums.index(0)]:g} of "
            f"{str(source)!r}"
        )
    edges, below, handles = cell_edges(epochs), [0.0] * len(epochs), []
    colors = style.stage_colors(stages[-1])
    for k in stages:
        above = [
            low + value / total
            for low, value, total in zip(
                below, columns[f"{prefix}_{k}"], sums, strict=True
            )
        ]
        handles.append(
            axes.stairs(
                above,
                edges,
                baseline=below,
                fill=True,
                facecolor=colors[k - 1],
                # Lines between neighbors help readers who see no colors.
                edgecolor="white",
                linewidth=0.6 if len(stages) <= style.MOST_IN_LEGEND else 0,
                label=f"stage {k}",
            )
        )
        below = above
    epoch_axis(axes, epochs)
    style.percent_axis(axes, [0, 1])
    axes.set_ylim(0, 1)
    return handles
