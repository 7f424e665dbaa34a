"""Stacked shares of stages or tasks over the epochs, from a CSV file."""

import math
import os
from typing import Any

from keras_anytime.evaluation.epoch_files import read_columns
from keras_anytime.evaluation.epoch_files import wrong_columns
from keras_anytime.evaluation.plots import style
from keras_anytime.evaluation.plots.epoch_axis import cell_edges
from keras_anytime.evaluation.plots.epoch_axis import epoch_axis
from keras_anytime.evaluation.plots.epoch_axis import is_stage_number


def stack_shares(
    axes: Any, source: str | os.PathLike, prefix: str, quantity: str
) -> tuple[list[Any], int]:
    """Draws the shares of stages or tasks of a quantity, one above the other.

    Args:
        axes: Matplotlib `Axes`.
        source: Path of a CSV file with the columns `epoch`, `<prefix>_1`, ...,
            `<prefix>_K`, or `<prefix>_<task>` for each task.
        prefix: String.
        quantity: String. What the columns hold, in the plural.

    Returns:
        Pair of a list of labeled artists, one for each stage or task, and the
        number of the last one.

    Raises:
        ValueError: If the file is missing, empty or of other columns, a number
            is negative or not finite, or all of an epoch are 0.
    """
    expected = f"`epoch`, `{prefix}_1`, ..., `{prefix}_K`"
    epochs, columns = read_columns(source, expected)
    keys = [
        name.removeprefix(f"{prefix}_")
        for name in columns
        if name.startswith(f"{prefix}_")
    ]
    # The first stages are missing if the network is a part of another one.
    if stages := sorted(int(key) for key in keys if is_stage_number(key)):
        labels = {f"{prefix}_{k}": (k, f"stage {k}") for k in stages}
    else:
        labels = {
            f"{prefix}_{key}": (k, key) for k, key in enumerate(keys, start=1)
        }
    if not labels:
        raise wrong_columns(source, expected, ["epoch", *columns])
    sums = [0.0] * len(epochs)
    for name in labels:
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
    last = max(k for k, _ in labels.values())
    colors = style.stage_colors(last)
    for name, (k, label) in labels.items():
        above = [
            low + value / total
            for low, value, total in zip(
                below, columns[name], sums, strict=True
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
                linewidth=0.6 if len(labels) <= style.MOST_IN_LEGEND else 0,
                label=label,
            )
        )
        below = above
    epoch_axis(axes, epochs)
    style.percent_axis(axes, [0, 1])
    axes.set_ylim(0, 1)
    return handles, last
