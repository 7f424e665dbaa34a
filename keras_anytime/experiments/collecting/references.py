"""References: the rows of an experiment that others are compared with."""

from collections.abc import Iterable

from keras_anytime.experiments.collecting.finished import RowRuns
from keras_anytime.experiments.collecting.oracle_rows import METHOD
from keras_anytime.experiments.collecting.oracle_rows import Group
from keras_anytime.experiments.collecting.oracle_rows import anytime_rows
from keras_anytime.experiments.collecting.oracle_rows import group_of
from keras_anytime.experiments.papers.experiment import Experiment


def references_of(
    experiment: Experiment,
    rows: Iterable[RowRuns],
    label: str = METHOD,
    option: str = "reference",
) -> dict[Group, RowRuns]:
    """Returns the row of each network and data set that others compare with.

    Args:
        experiment: The `Experiment`.
        rows: Its `RowRuns`.
        label: String. The label that is compared.
        option: String. The option whose value is the reference's label.

    Raises:
        ValueError: If there is no such option, or no row has that label.
    """
    if option not in experiment.options:
        raise ValueError(
            f"The report {experiment.report!r} needs options[{option!r}], "
            "what others are compared with. "
            f"Received: {experiment.name} with {dict(experiment.options)}"
        )
    references = {
        group_of(row.labels, label): row
        for row in anytime_rows(rows)
        if row.labels[label] == experiment.options[option]
    }
    if not references:
        raise ValueError(
            f"options[{option!r}] must be the label {label!r} of some rows. "
            f"Received: {experiment.name} with {dict(experiment.options)}"
        )
    return references
