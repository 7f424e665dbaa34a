"""Checks of arguments that are predictions, and what belongs to them."""

from collections.abc import Sequence
from typing import Any

from keras_anytime.evaluation.label_set_answers import refuse_label_sets
from keras_anytime.evaluation.predictions import Predictions
from keras_anytime.stages.cost import StageCost


def check_predictions(predictions: Any) -> None:
    """Raises an error if something is not the predictions of one label set.

    Args:
        predictions: `Predictions`, or something else.

    Raises:
        ValueError: If they are something else.
    """
    refuse_label_sets(predictions)
    if not isinstance(predictions, Predictions):
        raise ValueError(
            "Answers are measured from `Predictions`, as from "
            f"`predict_stages`. Received: {type(predictions).__name__}"
        )


def check_costs(predictions: Predictions, costs: Sequence[StageCost]) -> None:
    """Raises an error if costs and predictions are of different stages.

    Args:
        predictions: `Predictions`.
        costs: List of `StageCost`.

    Raises:
        ValueError: If `predictions` are not `Predictions`, or `costs` has not
            one entry for each stage.
    """
    check_predictions(predictions)
    if len(costs) != predictions.num_stages:
        raise ValueError(
            "There must be one cost for each stage. Received: "
            f"{len(costs)} costs for answers of {predictions.num_stages} stages"
        )
    numbers = tuple(cost.stage for cost in costs)
    # Stages without numbers of their own may be any of a network.
    unnamed = tuple(range(1, predictions.num_stages + 1))
    if predictions.stages not in (numbers, unnamed):
        raise ValueError(
            "Costs and answers must be of the same stages. Received: costs of "
            f"the stages {numbers} for answers of {predictions.stages}"
        )
