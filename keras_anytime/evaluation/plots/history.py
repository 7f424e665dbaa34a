"""Plots the error or loss of each stage over the epochs of a training."""

import math
import os
import re
from collections.abc import Mapping
from typing import Any

from keras_anytime.evaluation.epoch_files import read_columns
from keras_anytime.evaluation.epoch_files import wrong_columns
from keras_anytime.evaluation.plots import style
from keras_anytime.evaluation.plots.epoch_axis import epoch_axis
from keras_anytime.evaluation.plots.epoch_axis import name_stages

_EXPECTED = (
    "`epoch`, and `val_stage_1_accuracy` or `stage_1_accuracy`, or these of "
    "`loss`, with the same of the other stages"
)
# Validation, stage and label set of an accuracy. Top-k accuracies do not match,
# because they measure another error.
_ACCURACY = re.compile(
    r"(val_)?stage_(\d+)_(?:(?!(?:.*_)?top_)(.+?)_)??"
    r"(?:binary_|sparse_categorical_|categorical_)?accuracy"
)
_LOSS = re.compile(r"(val_)?stage_(\d+)_(?:(.+)_)?loss")


def plot_history(
    source: str | os.PathLike,
    path: str | os.PathLike,
    error_name: str = "top-1 error",
) -> None:
    """Draws the error of each stage over the epochs.

    The plot shows validation errors, or training errors if there is no
    validation. Several label sets have one panel each. Where nothing measures
    an accuracy, as of a regression, the plot shows losses.

    ```python
    log = ka.callbacks.EpochLog("run/log.csv")
    model.fit(train, validation_data=val, callbacks=[log], verbose=0)
    ka.evaluation.plots.plot_history("run/log.csv", "run/history.png")
    ```

    Args:
        source: Path of the CSV file of `ka.callbacks.EpochLog`.
        path: Path that ends in `.png` or `.svg`. An existing file is replaced
            atomically.
        error_name: String, what is left of an accuracy to 1; see the
            `error_name` of a task.

    Raises:
        ValueError: If the source file is missing, empty or without accuracies
            and losses, or the path has another suffix.
        ImportError: If Matplotlib is missing; the `plot` extra installs it.
    """
    style.save(draw_history(source, error_name), path)


@style.styled
def draw_history(
    source: str | os.PathLike, error_name: str = "top-1 error"
) -> Any:
    """Returns the figure of `plot_history`."""
    epochs, columns = read_columns(source, _EXPECTED)
    accuracies = _by_stage(columns, _ACCURACY)
    found = accuracies or _by_stage(columns, _LOSS)
    if not found:
        raise wrong_columns(source, _EXPECTED, ["epoch", *columns])
    validated = True in found
    sets = found[validated]
    num_stages = max(stage for stages in sets.values() for stage in stages)
    figure, panels = style.figure(6.4, 1 + 3 * len(sets), len(sets))
    panels = [panels] if len(sets) == 1 else list(panels)
    colors = style.stage_colors(num_stages)
    few = num_stages <= style.MOST_IN_LEGEND
    for axes, (label_set, stages) in zip(panels, sets.items(), strict=True):
        handles, errors = [], []
        for stage in sorted(stages):
            # What an epoch without validation lacks is NaN.
            known = [
                (epoch, 1 - value if accuracies else value)
                for epoch, value in zip(epochs, stages[stage], strict=True)
                if not math.isnan(value)
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
            errors += [error for _, error in known]
        if accuracies:
            style.percent_axis(axes, errors or [0, 1])
        axes.set_ylabel(
            ("validation " if validated else "training ")
            + (error_name if accuracies else "loss")
        )
        if label_set is not None:
            style.title(axes, f"{label_set} labels")
    epoch_axis(panels[-1], epochs)
    name_stages(figure, panels, handles, num_stages)
    return figure


def _by_stage(
    columns: Mapping[str, list[float]], pattern: re.Pattern
) -> dict[bool, dict[str | None, dict[int, list[float]]]]:
    """Returns columns by validation, label set and stage."""
    found: dict[bool, dict[str | None, dict[int, list[float]]]] = {}
    for name, values in columns.items():
        if match := pattern.fullmatch(name):
            validation, stage, label_set = match.groups()
            sets = found.setdefault(validation is not None, {})
            sets.setdefault(label_set, {})[int(stage)] = values
    return found
