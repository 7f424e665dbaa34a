"""Plots the errors of networks against the time to their answers."""

import math
import os
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from keras_anytime.evaluation.plots import style


def plot_latencies(
    networks: Mapping[str, Sequence[tuple[float, float]]],
    path: str | os.PathLike,
    task: Any = None,
) -> None:
    """Draws the errors of networks' stages against the time to their answers.

    ```python
    ka.evaluation.plots.plot_latencies(
        {"nested": [(1.0, 0.3), (2.5, 0.2), (6.0, 0.1)], "w4": [(4.0, 0.08)]},
        "run/latencies.png",
    )
    ```

    Args:
        networks: Dict from names to one pair for each stage: the milliseconds
            to its answer, above 0, and its error, in [0, 1] unless the task
            has other units.
        path: Path that ends in `.png` or `.svg`. An existing file is replaced
            atomically.
        task: The `keras_anytime.tasks.Task` of the errors; `None` for the
            choice of one class.

    Raises:
        ValueError: If there is nothing to draw, a number is out of range, or
            the path has another suffix.
        ImportError: If Matplotlib is missing; the `plot` extra installs it.
    """
    style.save(draw_latencies(networks, task), path)


@style.styled
def draw_latencies(
    networks: Mapping[str, Sequence[tuple[float, float]]], task: Any = None
) -> Any:
    """Returns the figure of `plot_latencies`."""
    points = [point for stages in networks.values() for point in stages]
    if not all(networks.values()) or not points:
        raise ValueError(
            "Each network must have at least one answer to draw. Received: "
            "numbers of answers "
            + str({name: len(stages) for name, stages in networks.items()})
        )
    share = task is None or task.error_is_share
    highest = 1 if share else math.inf
    for ms, error in points:
        if not (0 < ms < math.inf and 0 <= error <= highest):
            raise ValueError(
                "Times must be positive milliseconds, and errors must be in "
                f"[0, {highest}]. Received: {ms} ms and {error}"
            )
    figure, axes = style.figure()
    handles = []
    for index, (name, stages) in enumerate(networks.items()):
        handles += axes.plot(
            *zip(*stages, strict=True),
            label=str(name),
            drawstyle="steps-post",  # An answer holds until the next one.
            **style.curve_look(index),
        )
    axes.set_xlim(left=0)
    axes.set_xlabel("time to the answer (ms)")
    axis = style.percent_axis if share else style.number_axis
    axis(axes, [error for _, error in points])
    axes.set_ylabel("top-1 error" if task is None else task.error_name)
    style.legend(figure, handles)
    return figure
