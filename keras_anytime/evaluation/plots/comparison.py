"""Pictures that compare: schemes under deadlines, priorities, the optimal."""

import math
from collections.abc import Mapping

from keras_anytime.evaluation.curve import MILESTONES
from keras_anytime.evaluation.plots import style
from keras_anytime.evaluation.plots.by_label import FEWEST_FOR_INTERVALS
from keras_anytime.evaluation.plots.by_label import by_label
from keras_anytime.evaluation.plots.by_label import interval
from keras_anytime.evaluation.plots.by_label import note
from keras_anytime.evaluation.plots.by_label import runs
from keras_anytime.evaluation.plots.by_label import values
from keras_anytime.evaluation.plots.cost_axes import draw_runs
from keras_anytime.evaluation.seeds import Spread

_SCHEMES = {
    "baseline": "Baseline",
    "nested": "Nested",
    "oracle_all": "Oracle (all)",
    "oracle_each": "Oracle (each)",
}


def plot_deadlines(simulation, path):
    """Draws bars of the errors of several schemes under each deadline.

    Args:
        simulation: `DeadlineSimulation`.
        path: String or path that ends in `.png` or `.svg`. A file there is
            replaced at once.

    Raises:
        ValueError: If the path ends in anything else.
        ImportError: If Matplotlib is missing; the `plot` extra brings it.

    Reference:
        [Wan et al., 2020, Figure 10](https://arxiv.org/abs/2008.06635)
    """
    style.save(draw_deadlines(simulation), path)


@style.drawing
def draw_deadlines(simulation):
    """Returns the figure of `plot_deadlines`."""
    deadlines = simulation.deadlines_ms
    schemes = [name for name in _SCHEMES if name in simulation.errors]
    schemes += [name for name in simulation.errors if name not in schemes]
    figure, axes = style.figure(min(max(7.2, 0.8 * len(deadlines)), 16), 4)
    width = 0.84 / len(schemes)
    handles, ends = [], []
    for index, scheme in enumerate(schemes):
        errors = simulation.errors[scheme]
        pairs = simulation.intervals[scheme]
        ends += [*errors, *(end for pair in pairs for end in pair)]
        shift = (index - (len(schemes) - 1) / 2) * width
        handles.append(
            axes.bar(
                [place + shift for place in range(len(deadlines))],
                errors,
                width,
                yerr=[
                    [
                        max(error - low, 0)
                        for error, (low, _) in zip(errors, pairs, strict=True)
                    ],
                    [
                        max(high - error, 0)
                        for error, (_, high) in zip(errors, pairs, strict=True)
                    ],
                ],
                error_kw={"elinewidth": 1, "capsize": 2},
                color=style.COLORS[index % len(style.COLORS)],
                hatch=style.HATCHES[index % len(style.HATCHES)],
                edgecolor="white",
                linewidth=0.5,
                label=_scheme(scheme, simulation.names),
            )
        )
    axes.set_xticks(
        range(len(deadlines)),
        [_deadline(deadline, simulation.largest_ms) for deadline in deadlines],
    )
    axes.tick_params(axis="x", length=0)
    axes.margins(x=0.02)
    axes.grid(False, axis="x")
    axes.set_xlabel(
        "deadline (ms; share of the largest network's mean latency, "
        f"{_ms(simulation.largest_ms)} ms)"
    )
    style.percent_axis(axes, ends, from_zero=True)
    axes.set_ylim(bottom=0)
    axes.set_ylabel("top-1 error")
    style.title(
        axes,
        f"{simulation.examples:,} inputs, with {simulation.level:.0%} "
        "intervals over inputs",
    )
    style.legend(figure, handles)
    return figure


def plot_latencies(networks, path):
    """Draws the errors of networks' stages against the time to their answers.

    Args:
        networks: Dict from names to sequences of pairs of one stage each: the
            milliseconds to its answer, above 0, and its error, in [0, 1].
        path: String or path that ends in `.png` or `.svg`. A file there is
            replaced at once.

    Raises:
        ValueError: If there is nothing to draw, a number is out of range, or
            the path ends in anything else.
        ImportError: If Matplotlib is missing; the `plot` extra brings it.
    """
    style.save(draw_latencies(networks), path)


@style.drawing
def draw_latencies(networks):
    """Returns the figure of `plot_latencies`."""
    points = [point for value in networks.values() for point in value]
    if not all(networks.values()) or not points:
        raise ValueError(
            "There is no error to draw of some network. Received: "
            + str({name: len(one) for name, one in networks.items()})
        )
    for ms, error in points:
        if not (0 < ms < math.inf and 0 <= error <= 1):
            raise ValueError(
                "Stages answer after some milliseconds, with an error in "
                f"[0, 1]. Received: {ms} ms and {error}"
            )
    figure, axes = style.figure()
    handles = []
    for index, (name, one) in enumerate(networks.items()):
        handles += axes.plot(
            *zip(*one, strict=True),
            label=str(name),
            drawstyle="steps-post",  # An answer holds until the next one.
            **style.curve_look(index),
        )
    axes.set_xlim(left=0)
    axes.set_xlabel("time to the answer (ms)")
    style.percent_axis(axes, [error for _, error in points])
    axes.set_ylabel("top-1 error")
    style.legend(figure, handles)
    return figure


def plot_relative_increase(increases, path):
    """Draws by how much networks err more than the optimal.

    Args:
        increases: Dict from names to what `relative_increase` gives, a dict
            from stages or from shares of the cost to percentages or to their
            `Spread`s.
        path: String or path that ends in `.png` or `.svg`. A file there is
            replaced at once.

    Raises:
        ValueError: If there is nothing to draw, an increase is not finite,
            some are by stage and some by share, or the path ends in anything
            else.
        ImportError: If Matplotlib is missing; the `plot` extra brings it.

    Reference:
        [Hu et al., 2019, Figure 3](https://arxiv.org/abs/1708.06832)
    """
    style.save(draw_relative_increase(increases), path)


@style.drawing
def draw_relative_increase(increases):
    """Returns the figure of `plot_relative_increase`."""
    by_share = _check_increases(increases)
    figure, axes = style.figure()
    handles = [
        axes.axhline(0, color=style.OPTIMUM, linestyle="--", label="optimal")
    ]
    intervals = single = False
    for index, (name, found) in enumerate(increases.items()):
        look = style.curve_look(index)
        keys = sorted(found)
        spreads = {key: _spread(found[key]) for key in keys}
        handles += axes.plot(
            keys, [spreads[key].mean for key in keys], label=str(name), **look
        )
        few = {key: _few_runs(spreads[key]) for key in keys}
        draw_runs(axes, few.items(), look["color"])
        single = single or any(few.values())
        known = [
            key
            for key in keys
            if math.isfinite(spreads[key].low) and not few[key]
        ]
        if known:
            intervals = True
            axes.errorbar(
                known,
                [spreads[key].mean for key in known],
                (
                    [spreads[key].mean - spreads[key].low for key in known],
                    [spreads[key].high - spreads[key].mean for key in known],
                ),
                fmt="none",
                ecolor=look["color"],
                elinewidth=1,
            )
    if by_share:
        axes.set_xticks(list(MILESTONES), MILESTONES.values())
        axes.set_xlabel("share of the network's whole cost")
    else:
        _stage_axis(axes, max(max(found) for found in increases.values()))
    axes.set_ylabel("increase over the optimal (%)")
    axes.margins(y=0.08)
    if intervals or single:
        style.title(
            axes,
            "mean over runs"
            + (", with intervals over runs" if intervals else "")
            + ("; dashes: single runs" if single else ""),
        )
    style.legend(figure, handles)
    return figure


def plot_priorities(curves, path):
    """Draws the errors by stage of one network under several priorities.

    Args:
        curves: Dict from priorities, such as `(2, 1, 3)`, or from other names,
            such as `"SGD"`, to `AnytimeCurve`s or `CurveAggregate`s.
        path: String or path that ends in `.png` or `.svg`. A file there is
            replaced at once.

    Raises:
        ValueError: If there is no curve, they are of different numbers of
            stages, or the path ends in anything else.
        ImportError: If Matplotlib is missing; the `plot` extra brings it.

    Reference:
        [Wan et al., 2020, Figure 8](https://arxiv.org/abs/2008.06635)
    """
    style.save(draw_priorities(curves), path)


@style.drawing
def draw_priorities(curves):
    """Returns the figure of `plot_priorities`."""
    curves = by_label(
        {
            ", ".join(map(str, one))
            if isinstance(one, (tuple, list))
            else one: c
            for one, c in curves.items()
        }
    )
    counts = {name: len(one.points) for name, one in curves.items()}
    if len(set(counts.values())) > 1:
        raise ValueError(
            "Priorities are compared stage by stage: all curves must have as "
            "many. Received: "
            + ", ".join(f"{name!r}: {count}" for name, count in counts.items())
        )
    figure, axes = style.figure()
    handles = []
    for index, (name, curve) in enumerate(curves.items()):
        look = style.curve_look(index)
        # Side by side, or intervals would hide one another.
        shift = (index - (len(curves) - 1) / 2) * min(0.06, 0.4 / len(curves))
        stages = [point.stage + shift for point in curve.points]
        errors = [point.top1_error for point in curve.points]
        handles += axes.plot(stages, errors, label=name, **look)
        for stage, point in zip(stages, curve.points, strict=True):
            if ends := interval(point):
                axes.vlines(stage, *ends, color=look["color"], linewidth=1)
        drawn = [
            (stage, runs(point))
            for stage, point in zip(stages, curve.points, strict=True)
        ]
        draw_runs(axes, drawn, look["color"])
    _stage_axis(axes, max(counts.values()))
    style.percent_axis(axes, values(curves.values()))
    axes.set_ylabel("top-1 error")
    style.title(axes, note(list(curves.values())))
    style.legend(figure, handles, "stages by priority, the first foremost")
    return figure


def _stage_axis(axes, num_stages):
    axes.set_xlim(0.5, num_stages + 0.5)
    axes.set_xticks(style.stage_ticks(num_stages))
    axes.set_xlabel("stage")


def _scheme(scheme, names):
    label = _SCHEMES.get(scheme, scheme)
    return f"{label}: {names[scheme]}" if scheme in names else label


def _deadline(deadline, largest):
    if not math.isfinite(deadline):
        return "none"
    return f"{_ms(deadline)}\n{deadline / largest:.0%}"


def _ms(milliseconds):
    return (
        f"{milliseconds:.3g}" if milliseconds < 100 else f"{milliseconds:.0f}"
    )


def _spread(value):
    if isinstance(value, Spread):
        return value
    return Spread(float(value), math.nan, math.nan, math.nan)


def _few_runs(spread):
    """Returns the numbers of the runs, if they are too few for intervals."""
    few = 1 < len(spread.values) < FEWEST_FOR_INTERVALS
    return spread.values if few else ()


def _check_increases(increases):
    """Returns whether they are by share of the cost, not by stage."""
    if not increases or {} in increases.values():
        raise ValueError(
            f"There is no increase to draw. Received: increases={increases!r}"
        )
    by_share = {}
    for name, found in increases.items():
        if not isinstance(found, Mapping):
            raise ValueError(
                "`increases` must be a dict from names to increases, dicts. "
                f"Received: {found!r} of {name!r}"
            )
        for key, value in found.items():
            if not isinstance(key, (int, float)):
                raise ValueError(
                    "Increases are by stage or by share of the cost, a "
                    f"number. Received: {key!r} of {name!r}"
                )
            if not math.isfinite(_spread(value).mean):
                raise ValueError(
                    "An increase that is not finite cannot be drawn; it is "
                    "infinite where the optimal makes no error. Received: "
                    f"{_spread(value).mean} of {name!r} at {key}"
                )
        by_share[name] = any(key != int(key) for key in found)
    if len(set(by_share.values())) > 1:
        raise ValueError(
            "All increases must be by stage, or all by share of the cost. "
            "Received: "
            + ", ".join(
                f"{name!r} by {'share' if share else 'stage'}"
                for name, share in by_share.items()
            )
        )
    return any(by_share.values())
