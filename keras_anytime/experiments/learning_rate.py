"""Learning rates of a training, by the name of the schedule."""

from collections.abc import Sequence

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
    if settings.schedule not in _STEP_DECAYS and settings.warmup_epochs:
        raise ValueError(
            "--warmup_epochs goes with --schedule=steps or tenths. "
            f"Received: --schedule={settings.schedule}"
        )
    if not 0 < settings.learning_rate < float("inf"):
        raise ValueError(
            "--learning_rate must be above 0 and finite. "
            f"Received: {settings.learning_rate}"
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
    if settings.schedule not in _STEP_DECAYS:
        return []
    factor, shares = _STEP_DECAYS[settings.schedule]
    return [
        callbacks_lib.StepDecay(
            settings.learning_rate,
            factor=factor,
            shares=shares,
            warmup_epochs=settings.warmup_epochs,
        )
    ]
