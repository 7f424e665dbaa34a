"""Plots the relative increase of networks' errors over the optimum."""

import math
import os
from collections.abc import Mapping
from typing import Any
from typing import NamedTuple

from keras_anytime.evaluation.metrics import MILESTONES
from keras_anytime.evaluation.plots import style
from keras_anytime.evaluation.plots.cost_axes import draw_runs
from keras_anytime.evaluation.plots.intervals import FEWEST_FOR_INTERVALS


class _Increase(NamedTuple):
    """An increase in percent, with the attributes of `Spread`."""

    mean: float
    low: float = math.nan
    high: float = math.nan
    values: tuple[float, ...] = ()


def plot_relative_increase(
    increases: Mapping[str, Mapping[float, Any]], path: str | os.PathLike
) -> None:
    """Draws by how much networks err more than the optimum.

    ```python
    ka.evaluation.plots.plot_relative_increase(
        {"OSGD": {1: 12.0, 2: 5.0, 3: 2.0}, "SGD": {1: 20.0, 2: 9.0, 3: 1.0}},
        "run/increase.png",
    )
    ```

    Args:
        increases: Dict from names to results of `relative_increase`: dicts
            from stages, or from shares of the cost, to percentages or to
            `Spread`s of them.
        path: Path that ends in `.png` or `.svg`. An existing file is replaced
            atomically.

    Raises:
        ValueError: If there is nothing to draw, an increase is not finite,
            some are by stage and others by share, or the path has another
            suffix.
        ImportError: If Matplotlib is missing; the `plot` extra installs it.

    Reference:
        [Hu et al., 2019, Figure 3](https://arxiv.org/abs/1708.06832)
    """
    style.save(draw_relative_increase(increases), path)


@style.styled
def draw_relative_increase(increases: Mapping[str, Mapping[float, Any]]) -> Any:
    """Returns the figure of `plot_relative_increase`."""
    by_share = _check_increases(increases)
    figure, axes = style.figure()
    handles = [
        axes.axhline(0, color=style.OPTIMUM, linestyle="--", label="optimal")
    ]
    any_interval = any_run = False
    for index, (name, by_key) in enumerate(increases.items()):
        look = style.curve_look(index)
        points = {key: _increase(by_key[key]) for key in sorted(by_key)}
        handles += axes.plot(
            list(points),
            [point.mean for point in points.values()],
            label=str(name),
            **look,
        )
        runs = {key: _few_runs(point) for key, point in points.items()}
        draw_runs(axes, runs.items(), look["color"])
        any_run = any_run or any(runs.values())
        known = {
            key: point
            for key, point in points.items()
            if math.isfinite(point.low) and not runs[key]
        }
        if known:
            any_interval = True
            axes.errorbar(
                list(known),
                [point.mean for point in known.values()],
                (
                    [point.mean - point.low for point in known.values()],
                    [point.high - point.mean for point in known.values()],
                ),
                fmt="none",
                ecolor=look["color"],
                elinewidth=1,
            )
    if by_share:
        axes.set_xticks(list(MILESTONES), MILESTONES.values())
        axes.set_xlabel("share of the network's whole cost")
    else:
        stages = max(max(by_key) for by_key in increases.values())
        style.stage_axis(axes, int(stages))
    axes.set_ylabel("increase over the optimal (%)")
    axes.margins(y=0.08)
    if any_interval or any_run:
        style.title(
            axes,
            "mean over runs"
            + (", with intervals over runs" if any_interval else "")
            + ("; dashes: single runs" if any_run else ""),
        )
    style.legend(figure, handles)
    return figure


def _increase(value: Any) -> _Increase:
    """Returns a percentage, or a `Spread` of percentages, as an increase."""
    if hasattr(value, "low"):
        return _Increase(value.mean, value.low, value.high, value.values)
    return _Increase(float(value))


def _few_runs(increase: _Increase) -> tuple[float, ...]:
    """Returns the numbers of the runs if they are too few for intervals."""
    few = 1 < len(increase.values) < FEWEST_FOR_INTERVALS
    return increase.values if few else ()


def _check_increases(increases: Mapping[str, Mapping[float, Any]]) -> bool:
    """Checks increases, and returns True if they are by share of the cost."""
    if not increases or {} in increases.values():
        raise ValueError(
            f"There is no increase to draw. Received: increases={increases!r}"
        )
    by_share = {}
    for name, by_key in increases.items():
        if not isinstance(by_key, Mapping):
            raise ValueError(
                "`increases` must be a dict from names to dicts of increases. "
                f"Received: {by_key!r} of {name!r}"
            )
        for key, value in by_key.items():
            if not isinstance(key, (int, float)):
                raise ValueError(
                    "The keys of increases must be stages or shares of the "
                    f"cost. Received: {key!r} of {name!r}"
                )
            if not math.isfinite(_increase(value).mean):
                raise ValueError(
                    "Increases must be finite to be drawn; they are infinite "
                    "if the optimum makes no error. Received: "
                    f"{_increase(value).mean} of {name!r} at {key}"
                )
        by_share[name] = any(key != int(key) for key in by_key)
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
