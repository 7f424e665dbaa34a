"""Plots the errors of several schemes under deadlines."""

import math
from collections.abc import Mapping
from typing import Any

from keras_anytime.evaluation.plots import style
from keras_anytime.evaluation.plots.error_axis import error_axis

_SCHEMES = {
    "baseline": "Baseline",
    "nested": "Nested",
    "oracle_all": "Oracle (all)",
    "oracle_each": "Oracle (each)",
}


@style.styled
def draw_deadlines(simulation: Any) -> Any:
    """Draws bars of the errors of several schemes under each deadline.

    Args:
        simulation: `DeadlineSimulation`.

    Returns:
        Matplotlib `Figure`.

    Reference:
        [Wan et al., 2020, Figure 10](https://arxiv.org/abs/2008.06635)
    """
    deadlines = simulation.deadlines_ms
    schemes = [name for name in _SCHEMES if name in simulation.errors]
    schemes += [name for name in simulation.errors if name not in schemes]
    figure, axes = style.figure(min(max(7.2, 0.8 * len(deadlines)), 16), 4)
    width = 0.84 / len(schemes)
    handles, ends = [], []
    for index, scheme in enumerate(schemes):
        errors = simulation.errors[scheme]
        intervals = simulation.intervals[scheme]
        ends += [*errors, *(end for interval in intervals for end in interval)]
        shift = (index - (len(schemes) - 1) / 2) * width
        below = [
            max(error - low, 0)
            for error, (low, _) in zip(errors, intervals, strict=True)
        ]
        above = [
            max(high - error, 0)
            for error, (_, high) in zip(errors, intervals, strict=True)
        ]
        handles.append(
            axes.bar(
                [place + shift for place in range(len(deadlines))],
                errors,
                width,
                yerr=[below, above],
                error_kw={"elinewidth": 1, "capsize": 2},
                color=style.COLORS[index % len(style.COLORS)],
                hatch=style.HATCHES[index % len(style.HATCHES)],
                edgecolor="white",
                linewidth=0.5,
                label=_scheme_label(scheme, simulation.names),
            )
        )
    axes.set_xticks(
        range(len(deadlines)),
        [
            _deadline_label(deadline, simulation.largest_ms)
            for deadline in deadlines
        ],
    )
    axes.tick_params(axis="x", length=0)
    axes.margins(x=0.02)
    axes.grid(False, axis="x")
    axes.set_xlabel(
        "deadline (ms; share of the largest network's mean latency, "
        f"{_ms_text(simulation.largest_ms)} ms)"
    )
    error_axis(axes, [simulation], ends, from_zero=True)
    axes.set_ylim(bottom=0)
    style.title(
        axes,
        f"{simulation.examples:,} inputs, with "
        f"{simulation.confidence_level:.0%} intervals over inputs",
    )
    style.legend(figure, handles)
    return figure


def _scheme_label(scheme: str, names: Mapping[str, str]) -> str:
    label = _SCHEMES.get(scheme, scheme)
    return f"{label}: {names[scheme]}" if scheme in names else label


def _deadline_label(deadline: float, largest: float) -> str:
    if not math.isfinite(deadline):
        return "none"
    return f"{_ms_text(deadline)}\n{deadline / largest:.0%}"


def _ms_text(milliseconds: float) -> str:
    return (
        f"{milliseconds:.3g}" if milliseconds < 100 else f"{milliseconds:.0f}"
    )
