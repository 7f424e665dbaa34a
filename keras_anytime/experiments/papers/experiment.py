"""Experiments of the papers: which trainings, and what the paper published."""

import dataclasses
from collections.abc import Mapping
from typing import Any

# The trainings of an experiment are reported in one of these forms, which
# `recipes/collect.py` writes.
REPORTS = (
    # The error of each stage.
    "stages",
    # The error at 1/4, 1/2, 3/4 and 1 of the cost, and their average (AE).
    "milestones",
    # The mean relative increase of the error over OPT, for each method.
    "relative_increase",
    # The mean relative increase of the error over another method's.
    "relative_change",
    # How often each method errs less than another, in %.
    "wins",
    # Error against cost, a curve for each training.
    "curves",
    # Errors relative to the last error of one method, against relative costs.
    "pivoted_curves",
    # The networks of an ensemble run one after another.
    "ensemble",
    # Error under deadlines.
    "deadlines",
    # How likely a sampler draws each stage, over the epochs.
    "probabilities",
    # The loss weight of each stage at the end of training.
    "weights",
    # The training loss of each stage, relative to OPT's.
    "training_loss",
    # The l1 norm of the weights of each branch.
    "branch_norms",
    # The finest labels of at most a wanted error, for each stage.
    "label_sets",
)


@dataclasses.dataclass(frozen=True)
class Row:
    """One training of an experiment, which may be repeated with several seeds.

    Args:
        labels: Dict that tells the training from the others: `net` and `data`,
            and what the experiment varies, such as `method`, or the `stage` of
            an oracle's network.
        settings: Dict of the `TrainSettings` that differ from their defaults.
        published: Dict from columns of the paper's table, such as `"stage 1"`,
            `"1/4"` or `"AE"`, to the paper's numbers, which are in %.
        deviations: Dict from columns to the standard deviations that the paper
            gives, in %.
    """

    labels: Mapping[str, str]
    settings: Mapping[str, Any]
    published: Mapping[str, float] = dataclasses.field(default_factory=dict)
    deviations: Mapping[str, float] = dataclasses.field(default_factory=dict)

    @property
    def name(self) -> str:
        """The labels, joined by underscores: names a run's folder."""
        return "_".join(self.labels.values())


@dataclasses.dataclass(frozen=True)
class Experiment:
    """A table or figure of a paper.

    Args:
        name: String: the paper and the table or figure, such as
            `"hu2019_table1"`.
        title: String. What the table or figure shows.
        rows: Tuple of `Row`s, in the order in which a queue trains them.
        report: String, one of `REPORTS`.
        options: Dict of what the report needs beside the rows, such as
            `{"reference": "opt"}`.
        published: Dict from the lines of a table of means, such as a method, to
            dicts from its columns to the paper's numbers.
        seeds: Integer. How often the paper trains each row; of a small
            experiment, how often the queue does.
        notes: String. What the paper leaves open, and what was chosen.
    """

    name: str
    title: str
    rows: tuple[Row, ...]
    report: str
    options: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    published: Mapping[str, Mapping[str, float]] = dataclasses.field(
        default_factory=dict
    )
    seeds: int = 1
    notes: str = ""

    @property
    def paper(self) -> str:
        """The paper, such as `"hu2019"`; `"small"` for small experiments."""
        return self.name.partition("_")[0]

    @property
    def of_paper(self) -> bool:
        """Whether a paper has it, and no small experiment of our own."""
        return self.paper != "small"
