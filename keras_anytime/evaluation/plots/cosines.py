"""Plots the cosines between stage gradients over the epochs."""

import math
import os
import re
from collections.abc import Sequence
from typing import Any

from keras_anytime.evaluation.epoch_files import read_columns
from keras_anytime.evaluation.epoch_files import wrong_columns
from keras_anytime.evaluation.plots import style
from keras_anytime.evaluation.plots.epoch_axis import cell_edges
from keras_anytime.evaluation.plots.epoch_axis import epoch_axis

_EXPECTED = "`epoch`, `cosine_1_2`, `cosine_1_3`, ..."
# For more pairs of stages, only some have their names written.
_MOST_NAMES = 28


def plot_cosines(source: str | os.PathLike, path: str | os.PathLike) -> None:
    """Draws the cosines between stage gradients over the epochs.

    ```python
    model.compile(
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        gradients=ka.gradients.Orthogonal(),
    )
    log = ka.callbacks.GradientCosines("run/cosines.csv")
    model.fit(train, callbacks=[log], verbose=0)
    ka.evaluation.plots.plot_cosines("run/cosines.csv", "run/cosines.png")
    ```

    Args:
        source: Path of the CSV file of `ka.callbacks.GradientCosines`. NaN is
            drawn gray.
        path: Path that ends in `.png` or `.svg`. An existing file is replaced
            atomically.

    Raises:
        ValueError: If the source file is missing, empty or of other columns,
            or the path has another suffix.
        ImportError: If Matplotlib is missing; the `plot` extra installs it.
    """
    style.save(draw_cosines(source), path)


@style.styled
def draw_cosines(source: str | os.PathLike) -> Any:
    """Returns the figure of `plot_cosines`."""
    from matplotlib import colormaps
    from matplotlib.patches import Patch

    epochs, columns = read_columns(source, _EXPECTED)
    cosines = {
        (int(match[1]), int(match[2])): values
        for name, values in columns.items()
        if (match := re.fullmatch(r"cosine_(\d+)_(\d+)", name))
    }
    if not cosines:
        raise wrong_columns(source, _EXPECTED, ["epoch", *columns])
    height = min(max(1.2 + 0.24 * len(cosines), 2.4), 8)
    figure, axes = style.figure(6.8, height)
    pairs = sorted(cosines)
    image = axes.pcolormesh(
        cell_edges(epochs),
        [row - 0.5 for row in range(len(pairs) + 1)],
        [cosines[pair] for pair in pairs],
        cmap=colormaps["RdBu"].with_extremes(bad="0.75"),
        vmin=-1,
        vmax=1,
        # As vector graphics, many cells would make a huge file.
        rasterized=True,
    )
    axes.set_facecolor("0.75")
    axes.grid(False)
    axes.invert_yaxis()
    named = _named_rows(pairs)
    axes.set_yticks(named, ["{}, {}".format(*pairs[row]) for row in named])
    axes.set_ylabel("pair of stages")
    epoch_axis(axes, epochs)
    figure.colorbar(
        image,
        ax=axes,
        label="cosine",
        ticks=[-1, -0.5, 0, 0.5, 1],
    )
    style.title(axes, "stage gradients: below 0, two stages conflict")
    if any(map(math.isnan, (c for row in cosines.values() for c in row))):
        style.legend(figure, [Patch(color="0.75", label="not compared")])
    return figure


def _named_rows(pairs: Sequence[tuple[int, int]]) -> list[int]:
    """Returns the rows whose pair is written; of many, some neighbors' rows."""
    named: list[int] = []
    for row, (first, second) in enumerate(pairs):
        wanted = len(pairs) <= _MOST_NAMES or second == first + 1
        room = not named or row - named[-1] >= len(pairs) / _MOST_NAMES
        if wanted and room:
            named.append(row)
    return named
