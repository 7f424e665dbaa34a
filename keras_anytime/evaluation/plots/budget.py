"""Plots the error of images that stop early against their mean cost."""

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
def draw_budget(budget: Any, curve: Any = None) -> Any:
    """Draws the error against the mean cost of images that stop early.

    Args:
        budget: `BudgetCurve`.
        curve: `AnytimeCurve` of the same network for comparison, or `None`.

    Returns:
        Matplotlib `Figure`.

    Raises:
        ValueError: If `curve` is not an anytime curve, or of another task.

    Reference:
        [Huang et al., 2018, Figure 7](https://arxiv.org/abs/1703.09844)
    """
    figure, axes = style.figure(6, 4)
    example = example_word([budget])
    drawn, macs = [budget], [point.mean_macs for point in budget.points]
    handles = axes.plot(
        macs,
        [point.error for point in budget.points],
        label=f"each {example} stops when the network is confident",
        clip_on=False,
        **style.curve_look(0),
    )
    if curve is not None:
        (curve,) = by_label(curve, "curve").values()
        drawn.append(curve)
        macs = macs + [point.macs for point in curve.points]
        handles.append(
            draw_line(
                axes,
                curve,
                f"all {example}s stop at the same stage",
                **style.curve_look(1),
            )
        )
    error_axis(axes, drawn, plotted_values(drawn))
    cost_axis(axes, macs, mean=True, example=example)
    style.title(axes, f"{budget.name}\n{caption(drawn)}")
    style.legend(figure, handles)
    return figure
