"""Learning rates of a training, by the name of the schedule."""

from collections.abc import Sequence
from typing import Any

import keras

from keras_anytime import callbacks as callbacks_lib
from keras_anytime.experiments.train_settings import TrainSettings

# By which factor the rate falls, and after which shares of the epochs.
_STEP_DECAYS: dict[str, tuple[float, Sequence[float]]] = {
    "steps": (5, (0.3, 0.6, 0.8)),
    "tenths": (10, (0.5, 0.75)),
}


def check_learning_rate(settings: TrainSettings) -> None:
    """Raises a `ValueError` if the settings give no usable learning rate."""
    falls = settings.schedule in (*_STEP_DECAYS, "epochs")
    if not falls and settings.warmup_epochs:
        raise ValueError(
            "--warmup_epochs goes with --schedule=steps, tenths or epochs. "
            f"Received: --schedule={settings.schedule}"
        )
    if not 0 < settings.learning_rate < float("inf"):
        raise ValueError(
            "--learning_rate must be above 0 and finite. "
            f"Received: {settings.learning_rate}"
        )
    if settings.schedule == "epochs":
        _check_drops(settings)
    elif settings.drop_epochs or "drop_factor" in settings.given:
        raise ValueError(
            "--drop_epochs and --drop_factor go with --schedule=epochs. "
            f"Received: --schedule={settings.schedule}"
        )


def _check_drops(settings):
    """Raises a `ValueError` if the rate cannot fall as the settings say."""
    drops = settings.drop_epochs or []
    numbers = [int(drop) for drop in drops if drop.isdecimal()]
    if (
        not drops
        or len(numbers) < len(drops)
        or numbers != sorted(set(numbers))
        or not 0 < numbers[0] <= numbers[-1] < settings.epochs
    ):
        raise ValueError(
            "--schedule=epochs needs --drop_epochs: whole numbers in rising "
            f"order, from 1 and below --epochs={settings.epochs}. "
            f"Received: --drop_epochs={','.join(drops)}"
        )
    if not 1 < settings.drop_factor < float("inf"):
        raise ValueError(
            "--drop_factor must be above 1 and finite. "
            f"Received: {settings.drop_factor}"
        )


def learning_rate(
    settings: TrainSettings, steps: int
) -> float | keras.optimizers.schedules.LearningRateSchedule:
    """Returns the learning rate of the optimizer.

    Args:
        settings: The settings of the training.
        steps: Integer. All training steps of the training.
    """
    if settings.schedule == "cosine":
        return keras.optimizers.schedules.CosineDecay(
            settings.learning_rate, steps
        )
    return settings.learning_rate


def schedule_callbacks(
    settings: TrainSettings,
) -> list[keras.callbacks.Callback]:
    """Returns the callbacks that change the learning rate between epochs.

    Args:
        settings: The settings of the training.
    """
    if settings.schedule == "epochs":
        falls: dict[str, Any] = {
            "factor": settings.drop_factor,
            "epochs": [int(drop) for drop in settings.drop_epochs or ()],
        }
    elif settings.schedule in _STEP_DECAYS:
        factor, shares = _STEP_DECAYS[settings.schedule]
        falls = {"factor": factor, "shares": shares}
    else:
        return []
    return [
        callbacks_lib.StepDecay(
            settings.learning_rate,
            warmup_epochs=settings.warmup_epochs,
            **falls,
        )
    ]
