"""Pictures of anytime curves: error against cost."""

from keras_anytime.evaluation.budget import BudgetCurve
from keras_anytime.evaluation.plots import style
from keras_anytime.evaluation.plots.by_label import as_curve
from keras_anytime.evaluation.plots.by_label import by_label
from keras_anytime.evaluation.plots.by_label import note
from keras_anytime.evaluation.plots.by_label import values
from keras_anytime.evaluation.plots.comparison import plot_deadlines
from keras_anytime.evaluation.plots.comparison import plot_latencies
from keras_anytime.evaluation.plots.comparison import plot_priorities
from keras_anytime.evaluation.plots.comparison import plot_relative_increase
from keras_anytime.evaluation.plots.cost_axes import OPTIMUM
from keras_anytime.evaluation.plots.cost_axes import budget_line
from keras_anytime.evaluation.plots.cost_axes import cost_axis
from keras_anytime.evaluation.plots.cost_axes import draw_line
from keras_anytime.evaluation.plots.cost_axes import draw_spread
from keras_anytime.evaluation.plots.point_names import name_points

__all__ = [
    "plot_budget",
    "plot_curve",
    "plot_curves",
    "plot_deadlines",
    "plot_label_sets",
    "plot_latencies",
    "plot_priorities",
    "plot_relative_increase",
]


def plot_curve(curve, path):
    """Draws top-1 error against multiply-adds.

    Args:
        curve: `AnytimeCurve`, or `CurveAggregate`, which stands for its mean.
        path: String or path that ends in `.png` or `.svg`. A file there is
            replaced at once.

    Raises:
        ValueError: If the path ends in anything else.
        ImportError: If Matplotlib is missing; the `plot` extra brings it.
    """
    style.save(draw_curve(curve), path)


@style.drawing
def draw_curve(curve):
    """Returns the figure of `plot_curve`."""
    curve = as_curve(curve)
    figure, axes = style.figure(6, 4)
    macs = [point.macs for point in curve.points]
    errors = [point.top1_error for point in curve.points]
    color = style.COLORS[0]
    high = cost_axis(axes, macs, room=1.35)
    style.percent_axis(axes, [*values([curve]), 1.1 * max(errors)], True)
    axes.step(
        [*macs, high],
        [*errors, errors[-1]],
        where="post",
        color=color,
        linewidth=1,
        alpha=0.6,
    )
    axes.plot(macs, errors, "o", color=color, clip_on=False)
    draw_spread(axes, curve, color)
    axes.set_ylabel("top-1 error")
    style.title(axes, f"{curve.name}\n{note([curve])}")
    name_points(axes, curve)
    return figure


def plot_curves(curves, path, oracle=None, budget=None):
    """Draws the top-1 errors of several networks against multiply-adds.

    Args:
        curves: Dict from labels to `AnytimeCurve`s or `CurveAggregate`s, or a
            sequence of them, labeled by their names.
        path: String or path that ends in `.png` or `.svg`. A file there is
            replaced at once.
        oracle: The curve of the oracle, drawn dashed and black; or `None`.
        budget: `BudgetCurve`s likewise, drawn dotted against their mean cost,
            in the color of the curve of the same label; or `None`.

    Raises:
        ValueError: If there is no curve, one is something else, two have the
            same label, or the path ends in anything else.
        ImportError: If Matplotlib is missing; the `plot` extra brings it.

    Reference:
        [Wan et al., 2020, Figure 9](https://arxiv.org/abs/2008.06635)
    """
    style.save(draw_curves(curves, oracle, budget), path)


@style.drawing
def draw_curves(curves, oracle=None, budget=None):
    """Returns the figure of `plot_curves`."""
    curves = by_label(curves)
    budget = by_label(budget, "budget", BudgetCurve) if budget else {}
    optimum = by_label(oracle, "oracle") if oracle else {}
    figure, axes = style.figure()
    handles = []
    labels = dict.fromkeys([*curves, *budget])
    for index, label in enumerate(labels):
        look = style.curve_look(index)
        if label in curves:
            handles.append(draw_line(axes, curves[label], label, **look))
        if label in budget:
            handles.append(budget_line(axes, budget[label], label, look))
    for label, curve in optimum.items():
        handles.append(draw_line(axes, curve, label, **OPTIMUM))
    measured = [*curves.values(), *optimum.values()]
    macs = [point.macs for curve in measured for point in curve.points]
    for value in budget.values():
        macs += [point.mean_macs for point in value.points]
    cost_axis(axes, macs, mean=bool(budget))
    style.percent_axis(axes, values([*measured, *budget.values()]))
    axes.set_ylabel("top-1 error")
    style.title(axes, note([*measured, *budget.values()]))
    style.legend(figure, handles)
    return figure


def plot_label_sets(curve, path, error=None):
    """Draws the error of each label set against multiply-adds.

    Args:
        curve: `HierarchicalCurve`.
        path: String or path that ends in `.png` or `.svg`. A file there is
            replaced at once.
        error: Float in [0, 1]. A wanted error, to mark the label sets that
            `finest` chooses for it; or `None`.

    Raises:
        ValueError: If `error` is outside [0, 1], or the path ends in anything
            else.
        ImportError: If Matplotlib is missing; the `plot` extra brings it.

    Reference:
        [Lee and Shin, 2018, Figure 5](https://arxiv.org/abs/1807.02609)
    """
    style.save(draw_label_sets(curve, error), path)


@style.drawing
def draw_label_sets(curve, error=None):
    """Returns the figure of `plot_label_sets`."""
    curves = by_label(curve.curves)
    chosen = () if error is None else curve.finest(error)
    figure, axes = style.figure()
    handles = [
        draw_line(
            axes,
            one,
            f"{label} ({one.classes} classes)",
            **style.curve_look(index),
        )
        for index, (label, one) in enumerate(curves.items())
    ]
    drawn = values(curves.values())
    if error is not None:
        drawn.append(error)
        handles.append(
            axes.axhline(
                error,
                color=style.GREY,
                linestyle="--",
                label=f"wanted error: {100 * error:.4g}% at most",
            )
        )
        marked = [
            curves[name].points[k]
            for k, name in enumerate(chosen)
            if name is not None
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
    style.percent_axis(axes, drawn)
    axes.set_ylabel("top-1 error")
    style.title(axes, note(list(curves.values())))
    style.legend(figure, handles, "label set")
    return figure


def plot_budget(budget, path, curve=None):
    """Draws top-1 error against the mean cost of images that stop early.

    Args:
        budget: `BudgetCurve`.
        path: String or path that ends in `.png` or `.svg`. A file there is
            replaced at once.
        curve: `AnytimeCurve` of the same network, to compare with: all images
            stop at the same stage. Or `None`.

    Raises:
        ValueError: If something else is given, or the path ends in anything
            else.
        ImportError: If Matplotlib is missing; the `plot` extra brings it.

    Reference:
        [Huang et al., 2018, Figure 7](https://arxiv.org/abs/1703.09844)
    """
    style.save(draw_budget(budget, curve), path)


@style.drawing
def draw_budget(budget, curve=None):
    """Returns the figure of `plot_budget`."""
    (budget,) = by_label(budget, "budget", BudgetCurve).values()
    figure, axes = style.figure(6, 4)
    shown, macs = [budget], [point.mean_macs for point in budget.points]
    handles = axes.plot(
        macs,
        [point.top1_error for point in budget.points],
        label="each image stops when the network is sure",
        clip_on=False,
        **style.curve_look(0),
    )
    if curve is not None:
        (curve,) = by_label(curve, "curve").values()
        shown.append(curve)
        macs = macs + [point.macs for point in curve.points]
        handles.append(
            draw_line(
                axes,
                curve,
                "all images stop at the same stage",
                **style.curve_look(1),
            )
        )
    cost_axis(axes, macs, mean=True)
    style.percent_axis(axes, values(shown))
    axes.set_ylabel("top-1 error")
    style.title(axes, f"{budget.name}\n{note(shown)}")
    style.legend(figure, handles)
    return figure
