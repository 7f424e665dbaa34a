"""Plots how likely samplers draw each stage, over the epochs."""

import os
from collections.abc import Mapping
from typing import Any

from keras_anytime.evaluation.plots import style
from keras_anytime.evaluation.plots.epoch_axis import name_stages
from keras_anytime.evaluation.plots.stage_shares import stack_shares


def plot_sampler_probabilities(
    sources: Mapping[str, str | os.PathLike], path: str | os.PathLike
) -> None:
    """Draws how likely samplers draw each stage, as stacked areas.

    ```python
    model.compile(
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        weighting="average_loss",
        gradients="sum",
    )
    log = ka.callbacks.SamplerProbabilities("run/probabilities.csv")
    model.fit(train, callbacks=[log], verbose=0)
    ka.evaluation.plots.plot_sampler_probabilities(
        {"AVGL": "run/probabilities.csv"}, "run/probabilities.png"
    )
    ```

    Args:
        sources: Dict from headings, such as names of samplers, to paths of the
            CSV files of `ka.callbacks.SamplerProbabilities`.
        path: Path that ends in `.png` or `.svg`. An existing file is replaced
            atomically.

    Raises:
        ValueError: If there is no source, a source file is missing, empty or of
            other columns, or the path has another suffix.
        ImportError: If Matplotlib is missing; the `plot` extra installs it.

    Reference:
        [Hu et al., 2017, Figure 4](https://arxiv.org/abs/1708.06832v1)
    """
    style.save(draw_sampler_probabilities(sources), path)


@style.styled
def draw_sampler_probabilities(
    sources: Mapping[str, str | os.PathLike],
) -> Any:
    """Returns the figure of `plot_sampler_probabilities`."""
    if not isinstance(sources, Mapping) or not sources:
        raise ValueError(
            "`sources` must be a dict from headings to paths of CSV files. "
            f"Received: sources={sources!r}"
        )
    figure, grid = style.figure(6.4, 1 + 2.2 * len(sources), len(sources))
    panels = [grid] if len(sources) == 1 else list(grid)
    longest: list[Any] = []
    last = 0
    for axes, (heading, source) in zip(panels, sources.items(), strict=True):
        handles, last_here = stack_shares(
            axes, source, "probability", "probabilities"
        )
        if len(handles) > len(longest):
            longest, last = handles, last_here
        axes.set_ylabel("probability of a draw")
        style.title(axes, str(heading))
    for axes in panels[:-1]:
        axes.set_xlabel("")
    name_stages(figure, panels, longest, last)
    return figure
