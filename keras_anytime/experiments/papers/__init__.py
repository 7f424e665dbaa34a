"""Every table and figure of the four papers, and small experiments."""

import functools

from keras_anytime import naming
from keras_anytime.experiments.papers import hu2017
from keras_anytime.experiments.papers import hu2019
from keras_anytime.experiments.papers import lee2018
from keras_anytime.experiments.papers import small
from keras_anytime.experiments.papers import wan2020
from keras_anytime.experiments.papers.experiment import Experiment
from keras_anytime.experiments.papers.experiment import Row

__all__ = ["Experiment", "Row", "experiments", "find", "find_row"]


@functools.cache
def experiments() -> dict[str, Experiment]:
    """Returns a dict from names such as `"hu2019_table1"` to experiments."""
    return {
        experiment.name: experiment
        for paper in (wan2020, hu2017, hu2019, lee2018, small)
        for experiment in paper.experiments()
    }


def find(name: str) -> Experiment:
    """Returns an experiment by its name.

    Args:
        name: String, such as `"hu2019_table1"`.

    Raises:
        ValueError: If there is no such experiment.
    """
    known = experiments()
    if name not in known:
        raise ValueError(
            "There is no such experiment; recipes/show_experiment.py lists "
            f"them.{naming.did_you_mean(name, known)} "
            f"Received: --experiment={name}"
        )
    return known[name]


def find_row(name: str) -> tuple[Experiment, Row]:
    """Returns a row by its name, and the first experiment that has it.

    Args:
        name: String, such as `"wan2020_width_resnet42_osgd"`.

    Raises:
        ValueError: If there is no such row.
    """
    known = {
        row.name: (experiment, row)
        for experiment in reversed(experiments().values())
        for row in experiment.rows
    }
    if name not in known:
        raise ValueError(
            "There is no such row; recipes/show_experiment.py "
            "--experiment=... lists those of an experiment."
            f"{naming.did_you_mean(name, known)} Received: --row={name}"
        )
    return known[name]
