"""Plots the errors of one network in several label sets."""

from typing import Any

from keras_anytime.evaluation.plots import style
from keras_anytime.evaluation.plots.by_label import by_label
from keras_anytime.evaluation.plots.cost_axes import cost_axis
from keras_anytime.evaluation.plots.cost_axes import draw_line
from keras_anytime.evaluation.plots.error_axis import error_axis
from keras_anytime.evaluation.plots.error_axis import example_word
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
    # Errors of one kind share an axis.
    names = list(dict.fromkeys(c.error_name for c in curves.values()))
    figure, panels = style.figure(height=1 + 3 * len(names), rows=len(names))
    panels = [panels] if len(names) == 1 else list(panels)
    axes_of = dict(zip(names, panels, strict=True))
    handles = [
        draw_line(
            axes_of[set_curve.error_name],
            set_curve,
            f"{label_set} ({set_curve.answers})",
            **style.curve_look(index),
        )
        for index, (label_set, set_curve) in enumerate(curves.items())
    ]
    marks: list[float] = []
    if error is not None:
        marked = [
            curves[label_set].points[k]
            for k, label_set in enumerate(curve.finest(error))
            if label_set is not None
        ]
        # All are sets of classes, so there is one axis.
        axes = panels[0]
        marks.append(error)
        handles.append(
            axes.axhline(
                error,
                color=style.GRAY,
                linestyle="--",
                label=f"wanted error: {100 * error:.4g}% at most",
            )
        )
        if marked:
            handles += axes.plot(
                [point.macs for point in marked],
                [point.error for point in marked],
                "o",
                markersize=13,
                markerfacecolor="none",
                color=style.OPTIMUM,
                label="finest labels within it",
            )
    first = next(iter(curves.values()))
    all_curves = list(curves.values())
    for name, axes in axes_of.items():
        drawn = [c for c in all_curves if c.error_name == name]
        error_axis(axes, drawn, [*plotted_values(drawn), *marks])
    cost_axis(
        panels[-1],
        [point.macs for point in first.points],
        example=example_word(all_curves),
    )
    style.title(panels[0], caption(all_curves))
    style.legend(figure, handles, "label set")
    return figure
