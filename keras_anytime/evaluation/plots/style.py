"""The common style of all figures: colors, legends, axes, and saving."""

import functools
import math
import os
import textwrap
from collections.abc import Callable
from collections.abc import Sequence
from typing import Any

from keras_anytime.files import atomic_write
from keras_anytime.files import picture_path

# Okabe and Ito's colors, which color-blind people can tell apart, without
# yellow, in which thin lines are hard to see. Black is for the optimum.
COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
OPTIMUM = "black"
GRAY = "0.45"

# Together with the line styles, 21 curves differ without color.
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
# Dashes are for the optimum, and dots for early stopping.
LINES = ("-", "-.", (0, (8, 1)))
HATCHES = ("", "///", "...", "xxx")

# For more stages, a color bar replaces the legend, which would be unreadable.
MOST_IN_LEGEND = 8

# Sizes in inches, measured at the font size of the legend.
_CHARACTER = 0.08
_HANDLE = 0.65
_LINE = 0.19

_LOOK = {
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": 10,
    "errorbar.capsize": 2.5,
    "font.size": 10,
    "grid.alpha": 0.3,
    "legend.fontsize": 9,
    "legend.title_fontsize": 9,
    "lines.linewidth": 1.4,
    "lines.markersize": 5.5,
    # A fixed salt makes files reproducible, byte by byte.
    "svg.hashsalt": "keras_anytime",
    # A dollar sign in the name of a network does not start a formula.
    "text.parse_math": False,
}


def styled(draw: Callable[..., Any]) -> Callable[..., Any]:
    """Decorates a function that draws a figure, to draw in the common style.

    The user's own Matplotlib settings are neither used nor changed.

    Args:
        draw: Function that returns a Matplotlib `Figure`.

    Returns:
        Function with the same arguments. It raises an `ImportError` if
        Matplotlib is missing.
    """

    @functools.wraps(draw)
    def draw_in_style(*args: Any, **kwargs: Any) -> Any:
        with _style_context():
            return draw(*args, **kwargs)

    return draw_in_style


def figure(
    width: float = 6.4, height: float = 4.0, rows: int = 1
) -> tuple[Any, Any]:
    """Returns an empty figure without a window and without global state.

    Args:
        width: Width in inches.
        height: Height in inches, without a legend below.
        rows: Number of axes, one below the other.

    Returns:
        A Matplotlib `Figure` and its `Axes`; for several rows, an array of
        `Axes`.
    """
    from matplotlib.figure import Figure

    empty = Figure(figsize=(width, height), layout="constrained")
    return empty, empty.subplots(rows, sharex=True)


def save(drawn: Any, path: str | os.PathLike) -> None:
    """Writes a figure to a file, atomically.

    The same figure gives the same bytes.

    Args:
        drawn: Matplotlib `Figure`.
        path: Path that ends in `.png` or `.svg`. An existing file is replaced.

    Raises:
        ValueError: If the path has another suffix.
    """
    path = picture_path(path)
    form = path.suffix[1:]
    # By default, an SVG holds the time of writing.
    metadata = {"Date": None} if form == "svg" else None
    with _style_context():
        atomic_write(
            path,
            lambda beside: drawn.savefig(
                beside, dpi=150, format=form, metadata=metadata
            ),
        )


def curve_look(index: int) -> dict[str, Any]:
    """Returns the color, marker and line style of one curve of several.

    Args:
        index: Index of the curve, from 0.

    Returns:
        Dict of arguments for `axes.plot`.
    """
    return {
        "color": COLORS[index % len(COLORS)],
        "marker": MARKERS[index % len(MARKERS)],
        "linestyle": LINES[index // len(MARKERS) % len(LINES)],
    }


def stage_colors(num_stages: int) -> list[Any]:
    """Returns one color per stage; many stages run from dark to bright."""
    if num_stages <= MOST_IN_LEGEND:
        return [*COLORS, GRAY, "black"][:num_stages]
    from matplotlib import colormaps

    # The bright end is left out, because it is yellow.
    return [
        colormaps["cividis"](0.9 * k / (num_stages - 1))
        for k in range(num_stages)
    ]


def stage_ticks(num_stages: int) -> list[int]:
    """Returns evenly spaced stages for the ticks of an axis."""
    return list(range(1, num_stages + 1, math.ceil(num_stages / 13)))


def stage_axis(axes: Any, num_stages: int) -> None:
    """Formats the x axis as an axis of stages."""
    axes.set_xlim(0.5, num_stages + 0.5)
    axes.set_xticks(stage_ticks(num_stages))
    axes.set_xlabel("stage")


def stage_bar(drawn: Any, axes: Any, num_stages: int) -> None:
    """Draws a color bar of the stages beside axes, in place of a legend."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import BoundaryNorm
    from matplotlib.colors import ListedColormap

    colors = stage_colors(num_stages)
    edges = [k + 0.5 for k in range(num_stages + 1)]
    bar = drawn.colorbar(
        ScalarMappable(BoundaryNorm(edges, num_stages), ListedColormap(colors)),
        ax=axes,
        label="stage",
    )
    bar.set_ticks(stage_ticks(num_stages))
    bar.ax.tick_params(which="minor", length=0)


def title(axes: Any, text: str) -> None:
    """Writes a title above axes, in lines that fit the figure's width."""
    fit = int((axes.figure.get_size_inches()[0] - 1) / _CHARACTER)
    axes.set_title("\n".join(_wrapped(line, fit) for line in text.split("\n")))


def legend(
    drawn: Any, handles: Sequence[Any], heading: str | None = None
) -> None:
    """Draws a legend below the axes, and makes the figure higher for it.

    Args:
        drawn: Matplotlib `Figure` from `figure`.
        handles: Sequence of labeled artists.
        heading: Heading of the legend, or `None`.
    """
    width, height = drawn.get_size_inches()
    fit = int((width - 0.2 - _HANDLE) / _CHARACTER)
    labels = [_wrapped(handle.get_label(), fit) for handle in handles]
    lines = [label.splitlines() or [""] for label in labels]
    longest = max(len(line) for label_lines in lines for line in label_lines)
    columns = int((width - 0.2) / (longest * _CHARACTER + _HANDLE))
    rows = math.ceil(len(labels) / min(max(columns, 1), len(labels)))
    needed = rows * max(map(len, lines)) + (heading is not None) + 0.5
    drawn.set_size_inches(width, height + needed * _LINE)
    drawn.legend(
        handles=handles,
        labels=labels,
        loc="outside lower center",
        ncols=math.ceil(len(labels) / rows),
        title=heading,
        frameon=False,
    )


def percent_axis(
    axes: Any, values: Sequence[float], from_zero: bool = False
) -> None:
    """Formats the y axis as an axis of shares in percent.

    Args:
        axes: Matplotlib `Axes`.
        values: All values that are drawn, in [0, 1].
        from_zero: If True, the axis starts at 0. If False, it does so only if
            that leaves less than a quarter of it empty.
    """
    from matplotlib.ticker import FuncFormatter

    number_axis(axes, values, from_zero, least=0.005)
    axes.yaxis.set_major_formatter(FuncFormatter(_percent))


def number_axis(
    axes: Any,
    values: Sequence[float],
    from_zero: bool = False,
    least: float | None = None,
) -> None:
    """Sets the limits of the y axis for numbers of 0 or more.

    Args:
        axes: Matplotlib `Axes`.
        values: All values that are drawn.
        from_zero: As for `percent_axis`.
        least: Float, the smallest margin around the values; `None` for a small
            share of the largest one.
    """
    low, high = min(values), max(values)
    if least is None:
        least = 0.005 * high or 1.0
    margin = max(0.08 * (high - low), least)
    if from_zero or low < high / 4:
        low = margin = max(0.08 * high, least)
    axes.set_ylim(low - margin, high + margin)


def integer_ticks(axis: Any) -> None:
    """Puts the ticks of an axis at integers only."""
    from matplotlib.ticker import MaxNLocator

    axis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))


def _percent(share: float, _: Any) -> str:
    return f"{100 * share:g}%"


def _wrapped(text: str, width: int) -> str:
    return textwrap.fill(text, width, break_on_hyphens=False)


def _style_context() -> Any:
    try:
        import matplotlib.style
    except ImportError as error:
        raise ImportError(
            "Plots need Matplotlib: pip install 'keras-anytime[plot]'"
        ) from error
    return matplotlib.style.context(["default", _LOOK])
