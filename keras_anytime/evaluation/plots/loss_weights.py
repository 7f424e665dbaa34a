"""Plots the loss weights of a training over the epochs."""

import os
from typing import Any

from keras_anytime.evaluation.plots import style
from keras_anytime.evaluation.plots.epoch_axis import name_stages
from keras_anytime.evaluation.plots.stage_shares import stack_shares


def plot_loss_weights(
    source: str | os.PathLike, path: str | os.PathLike
) -> None:
    """Draws the shares of stages or tasks of the loss weights over the epochs.

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
    figure, axes = style.figure(6.4, 4)
    handles, last = stack_shares(axes, source, "weight", "loss weights")
    axes.set_ylabel("share of the loss weights")
    name_stages(figure, axes, handles, last)
    return figure
