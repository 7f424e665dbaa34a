"""Checks for functions that take a model of this package."""

from typing import Any


def check_anytime_model(model: Any) -> None:
    """Raises a `ValueError` if an object is no `AnytimeModel`.

    A plain Keras model would fail at the first missing attribute, with a
    message that does not say what to do.

    Args:
        model: Object that was passed as an `AnytimeModel`.

    Raises:
        ValueError: If it is no `AnytimeModel`.
    """
    if not hasattr(model, "stage_operations"):
        raise ValueError(
            "This function takes an `AnytimeModel`, which has an output of "
            "logits for each stage. Any graph of Keras layers can become one: "
            "`keras_anytime.AnytimeModel(inputs, outputs)`, with output layers "
            "named stage_1, stage_2, ... "
            f"Received: a {type(model).__name__}"
        )


def check_joint_model(model: Any) -> None:
    """Raises a `ValueError` if an object is no model of several losses.

    Args:
        model: Object that was passed as an `AnytimeModel` or `MultitaskModel`.

    Raises:
        ValueError: If it is neither.
    """
    if not hasattr(model, "loss_variables"):
        check_anytime_model(model)
