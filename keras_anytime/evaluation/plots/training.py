"""Pictures of a training, from the CSV files that callbacks write."""

import itertools
import math
import re

from keras_anytime.evaluation.epoch_files import foreign
from keras_anytime.evaluation.epoch_files import read_columns
from keras_anytime.evaluation.plots import style

_LOSS_WEIGHTS = "`epoch`, `weight_1`, ..., `weight_K`"
_COSINES = "`epoch`, `cosine_1_2`, `cosine_1_3`, ..."
_HISTORY = (
    "`epoch`, and `val_stage_1_accuracy` or `stage_1_accuracy` with the same "
    "of the other stages"
)
# Not those of top-k accuracies, which are other errors.
_ACCURACY = re.compile(
    r"(val_)?stage_(\d+)_(?:(?!(?:.*_)?top_)(.+?)_)??"
    r"(?:sparse_categorical_|categorical_)?accuracy"
)

# Of more pairs of stages, only the first of each stage has its name written.
_MOST_NAMES = 28


def plot_loss_weights(source, path):
    """Draws the stages' shares of the loss weights over the epochs.

    Args:
        source: String or path of the CSV file of `ka.callbacks.LossWeights`.
        path: String or path that ends in `.png` or `.svg`. A file there is
            replaced at once.

    Raises:
        ValueError: If the file is missing, empty or another one, a weight is
            negative or not finite, or the path ends in anything else.
        ImportError: If Matplotlib is missing; the `plot` extra brings it.
    """
    style.save(draw_loss_weights(source), path)


@style.drawing
def draw_loss_weights(source):
    """Returns the figure of `plot_loss_weights`."""
    epochs, columns = read_columns(source, _LOSS_WEIGHTS)
    # Of a network that is a part of another one, the first may be missing.
    stages = sorted(
        int(name.removeprefix("weight_"))
        for name in columns
        if re.fullmatch(r"weight_[1-9]\d*", name)
    )
    if not stages:
        raise foreign(source, _LOSS_WEIGHTS, ["epoch", *columns])
    sums = [0.0] * len(epochs)
    for name in map("weight_{}".format, stages):
        for row, weight in enumerate(columns[name]):
            if not 0 <= weight < math.inf:
                raise ValueError(
                    "Loss weights are finite and 0 or more. Received: "
                    f"{name}={weight} in epoch {epochs[row]:g} of "
                    f"{str(source)!r}"
                )
            sums[row] += weight
    if 0 in sums:
        raise ValueError(
            "Weights that are all 0 have no shares. Received: epoch "
            f"{epochs[sums.index(0)]:g} of {str(source)!r}"
        )
    figure, axes = style.figure(6.4, 4)
    edges, below, handles = _edges(epochs), [0.0] * len(epochs), []
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
                # Lines between neighbors help where colors do not.
                edgecolor="white",
                linewidth=0.6 if len(stages) <= style.MOST_IN_LEGEND else 0,
                label=f"stage {k}",
            )
        )
        below = above
    _epoch_axis(axes, edges)
    style.percent_axis(axes, [0, 1])
    axes.set_ylim(0, 1)
    axes.set_ylabel("share of the loss weights")
    _name_stages(figure, axes, handles, stages[-1])
    return figure


def plot_cosines(source, path):
    """Draws the cosines between stage gradients over the epochs.

    Args:
        source: String or path of the CSV file of
            `ka.callbacks.GradientCosines`. What is `nan` is drawn grey.
        path: String or path that ends in `.png` or `.svg`. A file there is
            replaced at once.

    Raises:
        ValueError: If the file is missing, empty or another one, or the path
            ends in anything else.
        ImportError: If Matplotlib is missing; the `plot` extra brings it.
    """
    style.save(draw_cosines(source), path)


@style.drawing
def draw_cosines(source):
    """Returns the figure of `plot_cosines`."""
    from matplotlib import colormaps
    from matplotlib.patches import Patch

    epochs, columns = read_columns(source, _COSINES)
    pairs = {
        tuple(map(int, name.split("_")[1:])): values
        for name, values in columns.items()
        if re.fullmatch(r"cosine_\d+_\d+", name)
    }
    if not pairs:
        raise foreign(source, _COSINES, ["epoch", *columns])
    height = min(max(1.2 + 0.24 * len(pairs), 2.4), 8)
    figure, axes = style.figure(6.8, height)
    rows = sorted(pairs)
    image = axes.pcolormesh(
        _edges(epochs),
        [row - 0.5 for row in range(len(rows) + 1)],
        [pairs[pair] for pair in rows],
        cmap=colormaps["RdBu"].with_extremes(bad="0.75"),
        vmin=-1,
        vmax=1,
        # As outlines, many cells would make a huge file.
        rasterized=True,
    )
    axes.set_facecolor("0.75")
    axes.grid(False)
    axes.invert_yaxis()
    every = [
        (place, pair)
        for place, pair in enumerate(rows)
        if len(rows) <= _MOST_NAMES or pair[1] == pair[0] + 1
    ]
    shown = []
    for place, pair in every:
        if not shown or place - shown[-1][0] >= len(rows) / _MOST_NAMES:
            shown.append((place, pair))
    axes.set_yticks(
        [place for place, _ in shown], [f"{i}, {j}" for _, (i, j) in shown]
    )
    axes.set_ylabel("pair of stages")
    _epoch_axis(axes, _edges(epochs))
    figure.colorbar(
        image,
        ax=axes,
        label="cosine",
        ticks=[-1, -0.5, 0, 0.5, 1],
    )
    style.title(axes, "stage gradients: below 0, two stages conflict")
    if any(math.isnan(value) for values in pairs.values() for value in values):
        style.legend(figure, [Patch(color="0.75", label="not compared")])
    return figure


def plot_history(source, path):
    """Draws the error of each stage over the epochs.

    Validation errors are drawn, or those of training where there is no
    validation; with several label sets, one picture below the other.

    Args:
        source: String or path of the CSV file of `ka.callbacks.EpochLog`.
        path: String or path that ends in `.png` or `.svg`. A file there is
            replaced at once.

    Raises:
        ValueError: If the file is missing, empty, another one or without
            accuracies, or the path ends in anything else.
        ImportError: If Matplotlib is missing; the `plot` extra brings it.
    """
    style.save(draw_history(source), path)


@style.drawing
def draw_history(source):
    """Returns the figure of `plot_history`."""
    epochs, columns = read_columns(source, _HISTORY)
    matches = [(name, _ACCURACY.fullmatch(name)) for name in columns]
    # Validation's, where there are any.
    found = {}
    for name, match in matches:
        if match:
            validation, stage, label_set = match.groups()
            sets = found.setdefault(validation is not None, {})
            sets.setdefault(label_set, {})[int(stage)] = columns[name]
    if not found:
        raise foreign(source, _HISTORY, ["epoch", *columns])
    sets = found[max(found)]
    num_stages = max(stage for stages in sets.values() for stage in stages)
    what = ("validation" if True in found else "training") + " top-1 error"
    figure, panels = style.figure(6.4, 1 + 3 * len(sets), len(sets))
    panels = [panels] if len(sets) == 1 else list(panels)
    colors = style.stage_colors(num_stages)
    few = num_stages <= style.MOST_IN_LEGEND
    for axes, (label_set, stages) in zip(panels, sets.items(), strict=True):
        handles, drawn = [], []
        for stage in sorted(stages):
            # Not every epoch needs to be validated.
            known = [
                (epoch, 1 - accuracy)
                for epoch, accuracy in zip(epochs, stages[stage], strict=True)
                if not math.isnan(accuracy)
            ]
            look = style.curve_look(stage - 1) if few else {}
            handles += axes.plot(
                [epoch for epoch, _ in known],
                [error for _, error in known],
                **{**look, "color": colors[stage - 1]},
                markevery=max(len(known) // 12, 1),
                linewidth=1.2,
                label=f"stage {stage}",
            )
            drawn += [error for _, error in known]
        style.percent_axis(axes, drawn or [0, 1])
        axes.set_ylabel(what)
        if label_set is not None:
            style.title(axes, f"{label_set} labels")
    _epoch_axis(panels[-1], _edges(epochs))
    _name_stages(figure, panels, handles, num_stages)
    return figure


def _edges(epochs):
    """Returns where the epochs' cells begin and end: one number more."""
    middles = [(a + b) / 2 for a, b in itertools.pairwise(epochs)]
    half = min((b - a for a, b in itertools.pairwise(epochs)), default=1) / 2
    return [epochs[0] - half, *middles, epochs[-1] + half]


def _epoch_axis(axes, edges):
    axes.set_xlim(edges[0], edges[-1])
    style.whole_numbers(axes.xaxis)
    axes.set_xlabel("epoch")


def _name_stages(figure, axes, handles, num_stages):
    if len(handles) <= style.MOST_IN_LEGEND:
        style.legend(figure, handles)
    else:
        style.stage_bar(figure, axes, num_stages)
