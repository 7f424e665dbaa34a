"""Plots anytime curves: error against multiply-adds."""

import itertools
import os
from typing import Any

from keras_anytime.evaluation.plots import style
from keras_anytime.evaluation.plots.by_label import BUDGET_COST
from keras_anytime.evaluation.plots.by_label import by_label
from keras_anytime.evaluation.plots.cost_axes import OPTIMUM_LOOKS
from keras_anytime.evaluation.plots.cost_axes import cost_axis
from keras_anytime.evaluation.plots.cost_axes import draw_budget_line
from keras_anytime.evaluation.plots.cost_axes import draw_intervals
from keras_anytime.evaluation.plots.cost_axes import draw_line
from keras_anytime.evaluation.plots.error_axis import error_axis
from keras_anytime.evaluation.plots.error_axis import example_word
from keras_anytime.evaluation.plots.intervals import caption
from keras_anytime.evaluation.plots.intervals import plotted_values
from keras_anytime.evaluation.plots.point_names import name_points


@style.styled
def draw_curve(curve: Any) -> Any:
    """Draws one curve in steps, with the names of its stages.

    Args:
        curve: `AnytimeCurve`.

    Returns:
        Matplotlib `Figure`.
    """
    figure, axes = style.figure(6, 4)
    macs = [point.macs for point in curve.points]
    errors = [point.error for point in curve.points]
    color = style.COLORS[0]
    end = cost_axis(axes, macs, room=1.35, example=example_word([curve]))
    error_axis(
        axes,
        [curve],
        [*plotted_values([curve]), 1.1 * max(errors)],
        from_zero=True,
    )
    axes.step(
        [*macs, end],
        [*errors, errors[-1]],
        where="post",
        color=color,
        linewidth=1,
        alpha=0.6,
    )
    axes.plot(macs, errors, "o", color=color, clip_on=False)
    draw_intervals(axes, curve, color)
    style.title(axes, f"{curve.name}\n{caption([curve])}")
    name_points(axes, curve)
    return figure


def plot_curves(
    curves: Any,
    path: str | os.PathLike,
    oracle: Any = None,
    budget: Any = None,
) -> None:
    """Draws the errors of several networks against multiply-adds.

    ```python
    curve = ka.evaluation.anytime_curve(model, (images, labels))
    ka.evaluation.plots.plot_curves(
        {"OSGD": curve, "SGD": curve}, "run/curves.png"
    )
    ```

    Args:
        curves: Dict from labels to `AnytimeCurve`s or `CurveAggregate`s, or a
            sequence of them, whose names become the labels.
        path: Path that ends in `.png` or `.svg`. An existing file is replaced
            atomically.
        oracle: The curve of the oracle, drawn dashed and black; or a dict of
            several, of which each second one is dotted; or `None`.
        budget: `BudgetCurve`s, as `curves`. They are drawn dotted against
            their mean costs, in the color of the curve of the same label. Or
            `None`.

    Raises:
        ValueError: If there is no curve, an entry is not a curve, two curves
            have the same label or are of different tasks, or the path has
            another suffix.
        ImportError: If Matplotlib is missing; the `plot` extra installs it.

    Reference:
        [Wan et al., 2020, Figure 9](https://arxiv.org/abs/2008.06635)
    """
    style.save(draw_curves(curves, oracle, budget), path)


@style.styled
def draw_curves(curves: Any, oracle: Any = None, budget: Any = None) -> Any:
    """Returns the figure of `plot_curves`."""
    curves = by_label(curves)
    budgets = by_label(budget, "budget", BUDGET_COST) if budget else {}
    oracles = by_label(oracle, "oracle") if oracle else {}
    figure, axes = style.figure()
    handles = []
    labels = dict.fromkeys([*curves, *budgets])
    for index, label in enumerate(labels):
        look = style.curve_look(index)
        if label in curves:
            handles.append(draw_line(axes, curves[label], label, **look))
        if label in budgets:
            handles.append(draw_budget_line(axes, budgets[label], label, look))
    for look, (label, curve) in zip(
        itertools.cycle(OPTIMUM_LOOKS), oracles.items(), strict=False
    ):
        handles.append(draw_line(axes, curve, label, **look))
    measured = [*curves.values(), *oracles.values()]
    macs = [point.macs for curve in measured for point in curve.points]
    for curve in budgets.values():
        macs += [point.mean_macs for point in curve.points]
    drawn = [*measured, *budgets.values()]
    error_axis(axes, drawn, plotted_values(drawn))
    cost_axis(axes, macs, mean=bool(budgets), example=example_word(drawn))
    style.title(axes, caption(drawn))
    style.legend(figure, handles)
    return figure
