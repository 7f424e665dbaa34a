"""Plots the cosines between the gradients of stages or tasks."""

import math
import operator
import os
from collections.abc import Iterable
from collections.abc import Sequence
from typing import Any

from keras_anytime.evaluation.epoch_files import read_columns
from keras_anytime.evaluation.epoch_files import wrong_columns
from keras_anytime.evaluation.plots import style
from keras_anytime.evaluation.plots.epoch_axis import cell_edges
from keras_anytime.evaluation.plots.epoch_axis import epoch_axis
from keras_anytime.evaluation.plots.epoch_axis import is_stage_number

_EXPECTED = "`epoch`, `cosine_1_2`, `cosine_1_3`, ..."
# The numbers of two stages, or the names of two tasks.
_Pair = tuple[int, ...] | str
# For more pairs, only some have their names written.
_MOST_NAMES = 28


def plot_cosines(source: str | os.PathLike, path: str | os.PathLike) -> None:
    """Draws the cosines between gradients of stages or tasks over the epochs.

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
    pairs = _pairs(columns)
    if not pairs:
        raise wrong_columns(source, _EXPECTED, ["epoch", *columns])
    of_stages = all(isinstance(pair, tuple) for pair in pairs.values())
    kind = "stage" if of_stages else "task"
    cosines = [columns[name] for name in pairs]
    height = min(max(1.2 + 0.24 * len(cosines), 2.4), 8)
    figure, axes = style.figure(6.8, height)
    image = axes.pcolormesh(
        cell_edges(epochs),
        [row - 0.5 for row in range(len(pairs) + 1)],
        cosines,
        cmap=colormaps["RdBu"].with_extremes(bad="0.75"),
        vmin=-1,
        vmax=1,
        # As vector graphics, many cells would make a huge file.
        rasterized=True,
    )
    axes.set_facecolor("0.75")
    axes.grid(False)
    axes.invert_yaxis()
    labels = list(pairs.values())
    named = _named_rows(labels)
    axes.set_yticks(named, [_label(labels[row]) for row in named])
    axes.set_ylabel(f"pair of {kind}s")
    epoch_axis(axes, epochs)
    figure.colorbar(
        image,
        ax=axes,
        label="cosine",
        ticks=[-1, -0.5, 0, 0.5, 1],
    )
    style.title(axes, f"{kind} gradients: below 0, two {kind}s conflict")
    if any(math.isnan(cosine) for row in cosines for cosine in row):
        style.legend(figure, [Patch(color="0.75", label="not compared")])
    return figure


def _pairs(columns: Iterable[str]) -> dict[str, _Pair]:
    """Returns a dict from the columns of cosines to their pairs.

    A pair of stages is a pair of numbers, and is sorted. Names of tasks may
    have underscores, so that a pair of them stays one text.
    """
    texts = {
        name: name.removeprefix("cosine_")
        for name in columns
        if name.startswith("cosine_")
    }
    stages = {
        name: tuple(map(int, keys))
        for name, text in texts.items()
        if len(keys := text.split("_")) == 2 and all(map(is_stage_number, keys))
    }
    if stages:
        return dict(sorted(stages.items(), key=operator.itemgetter(1)))
    return dict(texts)


def _label(pair: _Pair) -> str:
    return pair if isinstance(pair, str) else ", ".join(map(str, pair))


def _named_rows(pairs: Sequence[_Pair]) -> list[int]:
    """Returns the rows whose pair is written; of many, some neighbors' rows."""
    named: list[int] = []
    for row, pair in enumerate(pairs):
        neighbors = isinstance(pair, str) or pair[1] == pair[0] + 1
        wanted = len(pairs) <= _MOST_NAMES or neighbors
        room = not named or row - named[-1] >= len(pairs) / _MOST_NAMES
        if wanted and room:
            named.append(row)
    return named
