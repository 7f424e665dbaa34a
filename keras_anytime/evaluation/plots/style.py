"""The one look of all figures of the evaluation."""

import functools
import math
import textwrap

from keras_anytime.files import atomic_write
from keras_anytime.files import picture_path

# Okabe and Ito's colors, which color-blind people tell apart, without the
# yellow that thin lines lose. Black is left to the optimum.
COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
OPTIMUM = "black"
GREY = "0.45"

# With the lines, 21 curves differ without color.
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
# Dashes are the optimum's, and dots those of early stopping.
LINES = ("-", "-.", (0, (8, 1)))
HATCHES = ("", "///", "...", "xxx")

# Of more stages, a legend is unreadable: a color bar replaces it.
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
    # The same drawing has the same bytes.
    "svg.hashsalt": "keras_anytime",
    # A dollar in the name of a network starts no formula.
    "text.parse_math": False,
}


def drawing(draw):
    """Decorates a function that draws a figure: it draws in the one look.

    Settings of the user's own Matplotlib are neither used nor changed.

    Args:
        draw: Function that returns a Matplotlib `Figure`.

    Returns:
        A function likewise, which raises an `ImportError` where Matplotlib is
        missing.
    """

    @functools.wraps(draw)
    def drawn(*args, **kwargs):
        with _look():
            return draw(*args, **kwargs)

    return drawn


def figure(width=6.4, height=4.0, rows=1):
    """Returns an empty figure; no window and no global state knows of it.

    Args:
        width: Float, in inches.
        height: Float, in inches, without a legend below.
        rows: Integer. Number of axes, one below the other.

    Returns:
        Pair of a Matplotlib `Figure` and its axes: an array of `rows` of them,
        or the only one.
    """
    from matplotlib.figure import Figure

    drawn = Figure(figsize=(width, height), layout="constrained")
    return drawn, drawn.subplots(rows, sharex=True)


def save(drawn, path):
    """Writes a figure to a file, whole or not at all.

    Args:
        drawn: Matplotlib `Figure`.
        path: String or path that ends in `.png` or `.svg`. A file there is
            replaced at once. The same drawing gives the same bytes.

    Raises:
        ValueError: If the path ends in anything else.
    """
    path = picture_path(path)
    form = path.suffix[1:]
    # Else an SVG holds the time of writing.
    metadata = {"Date": None} if form == "svg" else None
    with _look():
        atomic_write(
            path,
            lambda beside: drawn.savefig(
                beside, dpi=150, format=form, metadata=metadata
            ),
        )


def curve_look(index):
    """Returns what makes one curve of several differ, also without color.

    Args:
        index: Integer from 0, the curve's place.

    Returns:
        Dict of arguments for `axes.plot`.
    """
    return {
        "color": COLORS[index % len(COLORS)],
        "marker": MARKERS[index % len(MARKERS)],
        "linestyle": LINES[index // len(MARKERS) % len(LINES)],
    }


def stage_colors(num_stages):
    """Returns one color per stage; of many, from dark to bright."""
    if num_stages <= MOST_IN_LEGEND:
        return [*COLORS, GREY, "black"][:num_stages]
    from matplotlib import colormaps

    # Without its bright end, which is yellow.
    return [
        colormaps["cividis"](0.9 * k / (num_stages - 1))
        for k in range(num_stages)
    ]


def stage_ticks(num_stages):
    """Returns the stages that an axis names, from the first, evenly."""
    return list(range(1, num_stages + 1, math.ceil(num_stages / 13)))


def stage_bar(drawn, axes, num_stages):
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


def title(axes, text):
    """Writes what axes show above them, in lines that fit."""
    fit = int((axes.figure.get_size_inches()[0] - 1) / _CHARACTER)
    axes.set_title("\n".join(_wrapped(line, fit) for line in text.split("\n")))


def legend(drawn, handles, heading=None):
    """Draws a legend below the axes and makes the figure higher for it.

    Args:
        drawn: Matplotlib `Figure` from `figure`.
        handles: Sequence of labeled artists.
        heading: String over the entries, or `None`.
    """
    width, height = drawn.get_size_inches()
    fit = int((width - 0.2 - _HANDLE) / _CHARACTER)
    labels = [_wrapped(handle.get_label(), fit) for handle in handles]
    lines = [label.splitlines() or [""] for label in labels]
    longest = max(len(line) for one in lines for line in one)
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


def percent_axis(axes, values, from_zero=False):
    """Makes the y axis one of shares, which it shows in percent.

    Args:
        axes: Matplotlib `Axes`.
        values: Sequence of floats in [0, 1], all that is drawn.
        from_zero: Boolean. Whether the axis starts at 0. Else it does so only
            if that wastes less than a quarter of it.
    """
    from matplotlib.ticker import FuncFormatter

    low, high = min(values), max(values)
    margin = max(0.08 * (high - low), 0.005)
    if from_zero or low < high / 4:
        low = margin = max(0.08 * high, 0.005)
    axes.set_ylim(low - margin, high + margin)
    axes.yaxis.set_major_formatter(FuncFormatter(_percent))


def whole_numbers(axis):
    """Puts the ticks of an axis at integers only."""
    from matplotlib.ticker import MaxNLocator

    axis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))


def _percent(share, _):
    return f"{100 * share:g}%"


def _wrapped(text, width):
    return textwrap.fill(text, width, break_on_hyphens=False)


def _look():
    try:
        import matplotlib.style
    except ImportError as error:
        raise ImportError(
            "Plots need Matplotlib: pip install 'keras-anytime[plot]'"
        ) from error
    return matplotlib.style.context(["default", _LOOK])
