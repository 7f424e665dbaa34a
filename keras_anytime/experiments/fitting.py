"""The ways of training: all stages together, greedily, or heads last."""

from typing import Any

import keras

from keras_anytime import callbacks as callbacks_lib
from keras_anytime import training
from keras_anytime import weighting
from keras_anytime.experiments.learning_rate import schedule_callbacks
from keras_anytime.experiments.run_folder import RunFolder
from keras_anytime.experiments.train_settings import TrainSettings
from keras_anytime.experiments.training_data import TrainingData
from keras_anytime.model import AnytimeModel
from keras_anytime.training.parts import compiled_part
from keras_anytime.training.parts import fit_part


def fit(
    settings: TrainSettings,
    folder: RunFolder,
    model: AnytimeModel,
    data: TrainingData,
    resume: callbacks_lib.Resume,
) -> list[callbacks_lib.EpochLog]:
    """Trains a network as the settings say.

    Args:
        settings: The settings of the training.
        folder: The `RunFolder` for logs and checkpoints.
        model: The compiled network.
        data: The `TrainingData`.
        resume: The callback that restored the model. Parts that are trained
            alone have their own.

    Returns:
        List of the `EpochLog`s of its parts.

    Raises:
        ChanceError: If `--give_up_after` ends the training.
        FloatingPointError: If the weights are no longer finite.
    """
    if settings.greedy:
        return _fit_greedy(settings, folder, model, data)
    if settings.midfeat:
        return _fit_midfeat(settings, folder, model, data)
    logs = []
    # Once all is trained, the checkpoint has the heads too.
    if settings.heads_epochs and not resume.epoch:
        logs.append(callbacks_lib.EpochLog(folder.part_history("heads")))
        training.fit_heads(
            model,
            data.train,
            validation_data=data.eval,
            epochs=settings.heads_epochs,
            callbacks=[callbacks_lib.StageProgress(), logs[0]],
            workdir=folder.checkpoints / "before",
            checkpoint_every=settings.checkpoint_every,
        )
    log = callbacks_lib.EpochLog(folder.history)
    model.fit(
        data.train,
        validation_data=data.eval,
        epochs=settings.epochs,
        callbacks=[
            *schedule_callbacks(settings),
            callbacks_lib.StageProgress(),
            *_stage_logs(folder, model),
            log,
            resume,
            *_give_up(settings),
        ],
    )
    return [*logs, log]


def _fit_greedy(settings, folder, model, data):
    """Trains one stage after the other, and returns a log of each."""
    logs = [
        callbacks_lib.EpochLog(folder.stage_history(stage))
        for stage in range(1, model.num_stages + 1)
    ]
    training.fit_greedy(
        model,
        data.train,
        callbacks=lambda stage: _part_callbacks(settings, logs[stage - 1]),
        workdir=folder.checkpoints,
        **_part_options(settings, data),
    )
    return logs


def _fit_midfeat(settings, folder, model, data):
    """Trains the last stage alone, then the heads, and returns their logs."""
    logs = [
        callbacks_lib.EpochLog(folder.part_history(part))
        for part in ("last_stage", "heads")
    ]
    fit_part(
        model,
        compiled_part(model, [model.num_stages]),
        data.train,
        title=f"Stage {model.num_stages} alone",
        callbacks=_part_callbacks(settings, logs[0]),
        folder=folder.checkpoints / "last_stage",
        **_part_options(settings, data),
    )
    training.fit_heads(
        model,
        data.train,
        callbacks=_part_callbacks(settings, logs[1]),
        workdir=folder.checkpoints,
        **_part_options(settings, data),
    )
    return logs


def _part_options(settings, data) -> dict[str, Any]:
    return {
        "validation_data": data.eval,
        "epochs": settings.epochs,
        "checkpoint_every": settings.checkpoint_every,
    }


def _part_callbacks(settings, log) -> list[keras.callbacks.Callback]:
    """Returns the callbacks of a part that is trained alone."""
    return [
        *schedule_callbacks(settings),
        callbacks_lib.StageProgress(),
        log,
        *_give_up(settings),
    ]


def _stage_logs(folder, model) -> list[keras.callbacks.Callback]:
    """Returns callbacks that log how the stages share the training."""
    if model.num_stages == 1:
        return []
    logs: list[keras.callbacks.Callback] = [
        callbacks_lib.LossWeights(folder.weights)
    ]
    if isinstance(model.weighting, weighting.Sampler):
        logs.append(callbacks_lib.SamplerProbabilities(folder.probabilities))
    if not model.gradient_combiner.single_backward:
        logs.append(callbacks_lib.GradientCosines(folder.cosines))
    return logs


def _give_up(settings) -> list[keras.callbacks.Callback]:
    """Returns the callback that stops a training at chance, if it is wanted."""
    if not settings.give_up_after:
        return []
    return [callbacks_lib.StopAtChance(settings.give_up_after)]
