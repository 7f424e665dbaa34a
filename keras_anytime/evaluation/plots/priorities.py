"""Plots the errors of one network under several stage priorities."""

import os
from collections.abc import Mapping
from typing import Any

from keras_anytime.evaluation.plots import style
from keras_anytime.evaluation.plots.by_label import by_label
from keras_anytime.evaluation.plots.cost_axes import draw_runs
from keras_anytime.evaluation.plots.error_axis import error_axis
from keras_anytime.evaluation.plots.intervals import caption
from keras_anytime.evaluation.plots.intervals import interval
from keras_anytime.evaluation.plots.intervals import plotted_values
from keras_anytime.evaluation.plots.intervals import single_runs


def plot_priorities(curves: Mapping[Any, Any], path: str | os.PathLike) -> None:
    """Draws the errors by stage of one network under several priorities.

    ```python
    curve = ka.evaluation.anytime_curve(model, (images, labels))
    ka.evaluation.plots.plot_priorities(
        {(1, 2, 3): curve, "SGD": curve}, "run/priorities.png"
    )
    ```

    Args:
        curves: Dict from priorities, such as `(2, 1, 3)`, or from other names,
            such as `"SGD"`, to `AnytimeCurve`s or `CurveAggregate`s.
        path: Path that ends in `.png` or `.svg`. An existing file is replaced
            atomically.

    Raises:
        ValueError: If there is no curve, the curves are of different numbers
            of stages, or the path has another suffix.
        ImportError: If Matplotlib is missing; the `plot` extra installs it.

    Reference:
        [Wan et al., 2020, Figure 8](https://arxiv.org/abs/2008.06635)
    """
    style.save(draw_priorities(curves), path)


@style.styled
def draw_priorities(curves: Mapping[Any, Any]) -> Any:
    """Returns the figure of `plot_priorities`."""
    curves = by_label(
        {
            ", ".join(map(str, priority))
            if isinstance(priority, (tuple, list))
            else priority: curve
            for priority, curve in curves.items()
        }
    )
    counts = {name: len(curve.points) for name, curve in curves.items()}
    if len(set(counts.values())) > 1:
        raise ValueError(
            "All curves must have the same number of stages, because "
            "priorities are compared stage by stage. Received: "
            + ", ".join(f"{name!r}: {count}" for name, count in counts.items())
        )
    figure, axes = style.figure()
    handles = []
    for index, (name, curve) in enumerate(curves.items()):
        look = style.curve_look(index)
        # Shifted, so that intervals do not cover one another.
        shift = (index - (len(curves) - 1) / 2) * min(0.06, 0.4 / len(curves))
        stages = [point.stage + shift for point in curve.points]
        errors = [point.error for point in curve.points]
        handles += axes.plot(stages, errors, label=name, **look)
        for stage, point in zip(stages, curve.points, strict=True):
            if ends := interval(curve, point):
                axes.vlines(stage, *ends, color=look["color"], linewidth=1)
        runs = map(single_runs, curve.points)
        draw_runs(axes, zip(stages, runs, strict=True), look["color"])
    style.stage_axis(axes, max(counts.values()))
    drawn = list(curves.values())
    error_axis(axes, drawn, plotted_values(drawn))
    style.title(axes, caption(drawn))
    style.legend(figure, handles, "stages by priority, the highest first")
    return figure
