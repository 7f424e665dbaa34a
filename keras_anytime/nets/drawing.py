"""Pictures of anytime networks, like the figures of Wan 2020."""

import math
import re
import textwrap

from keras_anytime.files import atomic_write
from keras_anytime.files import picture_path
from keras_anytime.nets.structure import UNIT
from keras_anytime.nets.structure import structure

# Okabe and Ito's colors, without black and the yellow that thin lines lose.
_COLORS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#d55e00", "#56b4e9")

# Sizes in inches.
_COLUMN = 0.4
_NARROWEST = 4
_WIDEST = 32
_ROW = 1.1
_HIGHEST = 12
_CHARACTER = 0.09  # Of the title, the widest letters apart.


def plot_structure(model, path):
    """Draws what each stage adds to each unit, and what it reads.

    Units are columns, stages are rows, the first at the top. A box is what a
    stage adds to a unit, taller for more channels. Lines run from a box to
    those that read it, in the color of the stage that reads; see `structure`.

    Args:
        model: An `AnytimeModel`.
        path: String or path that ends in `.png` or `.svg`. A file there is
            replaced at once.

    Raises:
        ValueError: If the path ends in anything else.
        ImportError: If Matplotlib is missing; the `plot` extra brings it.

    Reference:
        [Wan et al., 2020, Figures 3 to 7](https://arxiv.org/abs/2008.06635)
    """
    path = picture_path(path)
    figure = draw_structure(model)
    atomic_write(
        path,
        lambda beside: figure.savefig(beside, dpi=150, format=path.suffix[1:]),
    )


def draw_structure(model):
    """Returns the figure of `plot_structure`."""
    drawn, num_stages = structure(model), model.num_stages
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

    colors = _COLORS
    if num_stages > len(colors):
        # Without its bright end, which is yellow.
        colors = [
            colormaps["cividis"](0.85 * k / num_stages)
            for k in range(num_stages)
        ]
    units = drawn.units
    columns = {unit: column for column, unit in enumerate(units)}
    width = min(max(_COLUMN * len(units), _NARROWEST), _WIDEST)
    height = min(_ROW * num_stages, _HIGHEST)
    figure = Figure(figsize=(width + 1, height + 1.6), layout="constrained")
    axes = figure.subplots()

    heights = _heights(drawn.cells)
    axes.bar(
        [columns[cell.unit] for cell in drawn.cells],
        [heights[cell] for cell in drawn.cells],
        width=0.6,
        bottom=[cell.stage - heights[cell] / 2 for cell in drawn.cells],
        color=[colors[cell.stage - 1] for cell in drawn.cells],
        zorder=2,
    )
    codes = (Path.MOVETO, Path.CURVE4, Path.CURVE4, Path.CURVE4)
    spans = [abs(columns[b.unit] - columns[a.unit]) for a, b in drawn.edges]
    # Where there are many lines, the long ones would hide the others.
    faintest = min(max(2 * len(units) / (len(spans) or 1), 0.1), 0.6)
    if drawn.edges:
        axes.add_collection(
            PathCollection(
                [
                    Path(_line(a, b, columns, heights), codes)
                    for a, b in drawn.edges
                ],
                facecolors="none",
                edgecolors=[colors[b.stage - 1] for _, b in drawn.edges],
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
    every = math.ceil(_COLUMN * len(units) / _WIDEST)
    labels = [_label(unit) for unit in units[::every]]
    # A dollar in the name of a layer starts no formula.
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
    lines = textwrap.fill(model.name, int(width / _CHARACTER))
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


def _heights(cells):
    """Returns the height of each cell's box, as a share of a row's.

    Heads have classes in place of channels: theirs is always the same.
    """
    channels = [cell.channels for cell in cells if cell.unit != "head"]
    most = max(channels, default=1)
    return {
        cell: 0.2
        if cell.unit == "head"
        else 0.1 + 0.4 * math.sqrt(cell.channels / most)
        for cell in cells
    }


def _line(a, b, columns, heights):
    """Returns the four points of a curve between two boxes, around others."""
    start, stop = columns[a.unit], columns[b.unit]
    if a.stage == b.stage:
        # Over the row, the higher the further.
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


def _group(unit):
    """Returns what a unit is part of: `block1` of `block1_unit3`."""
    return unit.split("_")[0]


def _label(unit):
    """Returns a short name: `1.3` for `block1_unit3`."""
    if not UNIT.match(unit):
        return unit
    return re.sub("net|block|unit|layer|scale", "", unit).replace("_", ".")
