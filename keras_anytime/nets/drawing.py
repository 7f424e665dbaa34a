"""Pictures of the units and stages of anytime networks."""

import math
import os
import re
import textwrap
from collections.abc import Sequence
from typing import Any

from keras_anytime.files import atomic_write
from keras_anytime.files import picture_path
from keras_anytime.model import AnytimeModel
from keras_anytime.nets.structure import UNIT
from keras_anytime.nets.structure import Cell
from keras_anytime.nets.structure import read_structure

# Okabe and Ito's colors, without black, and without yellow because thin yellow
# lines are hard to see.
_COLORS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#d55e00", "#56b4e9")

# Sizes in inches.
_COLUMN_WIDTH = 0.4
_MIN_WIDTH = 4
_MAX_WIDTH = 32
_ROW_HEIGHT = 1.1
_MAX_HEIGHT = 12
_TITLE_CHARACTER_WIDTH = 0.09  # Of all but the widest letters.


def plot_structure(model: AnytimeModel, path: str | os.PathLike) -> None:
    """Draws the units and stages of a network, like the figures of Wan 2020.

    Columns are units and rows are stages, the first stage at the top. A box is
    the part of a unit that a stage adds; it is taller for more channels. Lines
    run from a box to the boxes that read it, in the color of the reading
    stage.

    ```python
    ka.nets.plot_structure(model, "structure.png")
    ```

    Args:
        model: An `AnytimeModel`.
        path: String or path that ends in `.png` or `.svg`. An existing file is
            replaced atomically.

    Raises:
        ValueError: If the model is no `AnytimeModel`, or the path has another
            ending.
        ImportError: If Matplotlib is missing; the `plot` extra installs it.

    Reference:
        [Wan et al., 2020, Figures 3 to 7](https://arxiv.org/abs/2008.06635)
    """
    target = picture_path(path)
    figure = draw_structure(model)
    atomic_write(
        target,
        lambda temporary: figure.savefig(
            temporary, dpi=150, format=target.suffix[1:]
        ),
    )


def draw_structure(model: AnytimeModel) -> Any:
    """Returns the Matplotlib figure that `plot_structure` saves."""
    structure = read_structure(model)
    num_stages = model.num_stages
    try:
        from matplotlib import colormaps
        from matplotlib.collections import PathCollection
        from matplotlib.figure import Figure
        from matplotlib.patches import Patch
        from matplotlib.path import Path
    except ImportError as error:
        raise ImportError(
            "Plots need Matplotlib: pip install 'keras-anytime[plot]'"
        ) from error

    colors: Sequence[Any] = _COLORS
    if num_stages > len(colors):
        # Leave out the bright end of the color map, which is yellow.
        colors = [
            colormaps["cividis"](0.85 * k / num_stages)
            for k in range(num_stages)
        ]
    units = structure.units
    columns = {unit: column for column, unit in enumerate(units)}
    width = min(max(_COLUMN_WIDTH * len(units), _MIN_WIDTH), _MAX_WIDTH)
    height = min(_ROW_HEIGHT * num_stages, _MAX_HEIGHT)
    figure = Figure(figsize=(width + 1, height + 1.6), layout="constrained")
    axes = figure.subplots()

    heights = _heights(structure.cells)
    axes.bar(
        [columns[cell.unit] for cell in structure.cells],
        [heights[cell] for cell in structure.cells],
        width=0.6,
        bottom=[cell.stage - heights[cell] / 2 for cell in structure.cells],
        color=[colors[cell.stage - 1] for cell in structure.cells],
        zorder=2,
    )
    codes = (Path.MOVETO, Path.CURVE4, Path.CURVE4, Path.CURVE4)
    spans = [abs(columns[b.unit] - columns[a.unit]) for a, b in structure.edges]
    # Long lines are fainter, because many of them would hide the others.
    faintest = min(max(2 * len(units) / (len(spans) or 1), 0.1), 0.6)
    if structure.edges:
        axes.add_collection(
            PathCollection(
                [
                    Path(_line(a, b, columns, heights), codes)
                    for a, b in structure.edges
                ],
                facecolors="none",
                edgecolors=[colors[b.stage - 1] for _, b in structure.edges],
                linewidths=0.8,
                alpha=[max(0.7 / math.sqrt(span), faintest) for span in spans],
                zorder=1,
            )
        )
    for column in range(1, len(units)):
        if _group(units[column]) != _group(units[column - 1]):
            axes.axvline(column - 0.5, color="0.8", linewidth=0.8, zorder=0)

    axes.set_xlim(-0.7, len(units) - 0.3)
    axes.set_ylim(num_stages + 0.4, 0.25)
    every = math.ceil(_COLUMN_WIDTH * len(units) / _MAX_WIDTH)
    labels = [_label(unit) for unit in units[::every]]
    # A dollar sign in a layer's name must not start a formula.
    axes.set_xticks(
        range(0, len(units), every), labels, fontsize=8, parse_math=False
    )
    for text, label in zip(axes.get_xticklabels(), labels, strict=True):
        text.set_rotation(90 if len(label) > 5 else 0)
    axes.set_yticks(range(1, num_stages + 1))
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_xlabel("unit")
    axes.set_ylabel("stage")
    lines = textwrap.fill(model.name, int(width / _TITLE_CHARACTER_WIDTH))
    axes.set_title(lines, fontsize=10, parse_math=False)
    figure.legend(
        handles=[
            Patch(color=colors[k - 1], label=f"stage {k}")
            for k in range(1, num_stages + 1)
        ],
        title="box: what a stage adds, taller for more channels; "
        "line: what it reads",
        loc="outside lower center",
        ncols=min(num_stages, int(width)),
        fontsize=8,
        title_fontsize=8,
        frameon=False,
    )
    return figure


def _heights(cells: Sequence[Cell]) -> dict[Cell, float]:
    """Returns the height of each cell's box, as a share of the row's height.

    All heads have the same height, because their channels are classes.
    """
    channels = [cell.channels for cell in cells if cell.unit != "head"]
    max_channels = max(channels, default=1)
    return {
        cell: 0.2
        if cell.unit == "head"
        else 0.1 + 0.4 * math.sqrt(cell.channels / max_channels)
        for cell in cells
    }


def _line(
    a: Cell, b: Cell, columns: dict[str, int], heights: dict[Cell, float]
) -> list[tuple[float, float]]:
    """Returns four points of a Bezier curve that passes around other boxes."""
    start, stop = columns[a.unit], columns[b.unit]
    if a.stage == b.stage:
        # Above the row; the longer the line, the higher.
        top = a.stage - 0.45 - 0.4 * min(abs(stop - start) / 8, 1)
        return [
            (start, a.stage - heights[a] / 2),
            (start, top),
            (stop, top),
            (stop, b.stage - heights[b] / 2),
        ]
    down = 1 if b.stage > a.stage else -1
    return [
        (start, a.stage + down * heights[a] / 2),
        (start, a.stage + down * 0.6),
        (stop, b.stage - down * 0.6),
        (stop, b.stage - down * heights[b] / 2),
    ]


def _group(unit: str) -> str:
    """Returns the group of a unit: `block1` for `block1_unit3`."""
    return unit.split("_")[0]


def _label(unit: str) -> str:
    """Returns a short name: `1.3` for `block1_unit3`."""
    if not UNIT.match(unit):
        return unit
    return re.sub("net|block|unit|layer|scale", "", unit).replace("_", ".")
