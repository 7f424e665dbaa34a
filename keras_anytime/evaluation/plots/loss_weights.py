"""Plots the loss weights of a training over the epochs."""

import math
import os
import re
from typing import Any

from keras_anytime.evaluation.epoch_files import read_columns
from keras_anytime.evaluation.epoch_files import wrong_columns
from keras_anytime.evaluation.plots import style
from keras_anytime.evaluation.plots.epoch_axis import cell_edges
from keras_anytime.evaluation.plots.epoch_axis import epoch_axis
from keras_anytime.evaluation.plots.epoch_axis import name_stages

_EXPECTED = "`epoch`, `weight_1`, ..., `weight_K`"


def plot_loss_weights(
    source: str | os.PathLike, path: str | os.PathLike
) -> None:
    """Draws the stages' shares of the loss weights over the epochs.

    ```python
    log = ka.callbacks.LossWeights("run/weights.csv")
    model.fit(train, callbacks=[log], verbose=0)
    ka.evaluation.plots.plot_loss_weights("run/weights.csv", "run/weights.png")
    ```

    Args:
        source: Path of the CSV file of `ka.callbacks.LossWeights`.
        path: Path that ends in `.png` or `.svg`. An existing file is replaced
            atomically.

    Raises:
        ValueError: If the source file is missing, empty or of other columns, a
            weight is negative or not finite, or the path has another suffix.
        ImportError: If Matplotlib is missing; the `plot` extra installs it.
    """
    style.save(draw_loss_weights(source), path)


@style.styled
def draw_loss_weights(source: str | os.PathLike) -> Any:
    """Returns the figure of `plot_loss_weights`."""
    epochs, columns = read_columns(source, _EXPECTED)
    # The first stages are missing if the network is a part of another one.
    stages = sorted(
        int(name.removeprefix("weight_"))
        for name in columns
        if re.fullmatch(r"weight_[1-9]\d*", name)
    )
    if not stages:
        raise wrong_columns(source, _EXPECTED, ["epoch", *columns])
    sums = [0.0] * len(epochs)
    for name in map("weight_{}".format, stages):
        for row, weight in enumerate(columns[name]):
            if not 0 <= weight < math.inf:
                raise ValueError(
                    "Loss weights must be finite and 0 or more. Received: "
                    f"{name}={weight} in epoch {epochs[row]:g} of "
                    f"{str(source)!r}"
                )
            sums[row] += weight
    if 0 in sums:
        raise ValueError(
            "In each epoch, some loss weight must be above 0. Received: "
            f"weights that are all 0 in epoch {epochs[sums.index(0)]:g} of "
            f"{str(source)!r}"
        )
    figure, axes = style.figure(6.4, 4)
    edges, below, handles = cell_edges(epochs), [0.0] * len(epochs), []
    colors = style.stage_colors(stages[-1])
    for k in stages:
        above = [
            low + weight / total
            for low, weight, total in zip(
                below, columns[f"weight_{k}"], sums, strict=True
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
    axes.set_ylabel("share of the loss weights")
    name_stages(figure, axes, handles, stages[-1])
    return figure
