"""Plots the errors of one network in several label sets."""

from typing import Any

from keras_anytime.evaluation.plots import style
from keras_anytime.evaluation.plots.by_label import by_label
from keras_anytime.evaluation.plots.cost_axes import cost_axis
from keras_anytime.evaluation.plots.cost_axes import draw_line
from keras_anytime.evaluation.plots.intervals import caption
from keras_anytime.evaluation.plots.intervals import plotted_values


@style.styled
def draw_label_sets(curve: Any, error: float | None = None) -> Any:
    """Draws the error in each label set against multiply-adds.

    Args:
        curve: `HierarchicalCurve`.
        error: Float in [0, 1]. An error for which to mark the label sets that
            `finest` chooses; `None` for no marks.

    Returns:
        Matplotlib `Figure`.

    Raises:
        ValueError: If `error` is outside [0, 1], or there is no label set.

    Reference:
        [Lee and Shin, 2018, Figure 5](https://arxiv.org/abs/1807.02609)
    """
    curves = by_label(curve.curves)
    figure, axes = style.figure()
    handles = [
        draw_line(
            axes,
            set_curve,
            f"{label_set} ({set_curve.classes} classes)",
            **style.curve_look(index),
        )
        for index, (label_set, set_curve) in enumerate(curves.items())
    ]
    errors = plotted_values(curves.values())
    if error is not None:
        errors.append(error)
        handles.append(
            axes.axhline(
                error,
                color=style.GRAY,
                linestyle="--",
                label=f"wanted error: {100 * error:.4g}% at most",
            )
        )
        marked = [
            curves[label_set].points[k]
            for k, label_set in enumerate(curve.finest(error))
            if label_set is not None
        ]
        if marked:
            handles += axes.plot(
                [point.macs for point in marked],
                [point.top1_error for point in marked],
                "o",
                markersize=13,
                markerfacecolor="none",
                color=style.OPTIMUM,
                label="finest labels within it",
            )
    first = next(iter(curves.values()))
    cost_axis(axes, [point.macs for point in first.points])
    style.percent_axis(axes, errors)
    axes.set_ylabel("top-1 error")
    style.title(axes, caption(list(curves.values())))
    style.legend(figure, handles, "label set")
    return figure
