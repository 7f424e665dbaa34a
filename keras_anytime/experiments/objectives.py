"""The losses and metrics that trainings use, by the task of the network."""

from collections.abc import Mapping
from typing import Any

import keras

from keras_anytime.tasks import Task


def loss_and_metrics(tasks: Mapping[str | None, Task]) -> tuple[Any, Any]:
    """Returns what a network is compiled with.

    Args:
        tasks: Dict from label sets to tasks, as `AnytimeModel.tasks`.

    Returns:
        Pair of the loss and the metrics; with label sets of different tasks,
        dicts of them.

    Raises:
        ValueError: If nobody has said what an output means.
    """
    pairs = {name: _of_task(task) for name, task in tasks.items()}
    if all(task.name == "classification" for task in tasks.values()):
        return next(iter(pairs.values()))
    if None in pairs:
        return pairs[None]
    losses, metrics = zip(*pairs.values(), strict=True)
    return (
        dict(zip(pairs, losses, strict=True)),
        dict(zip(pairs, metrics, strict=True)),
    )


def _of_task(task: Any) -> tuple[keras.losses.Loss, list[str]]:
    if task.name == "classification":
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        return loss, ["accuracy"]
    if task.name == "segmentation":
        loss = keras.losses.SparseCategoricalCrossentropy(
            from_logits=True, ignore_class=task.ignore_class
        )
        return loss, ["accuracy"]
    if task.name in ("binary", "multi_label"):
        loss = keras.losses.BinaryCrossentropy(from_logits=True)
        return loss, ["binary_accuracy"]
    if task.name == "regression":
        return keras.losses.MeanSquaredError(), ["mean_absolute_error"]
    raise ValueError(
        "One output is an answer of yes or no, or a number: save the network "
        "with its task, as tools/add_heads.py does. "
        f"Received: a network of the task {task.name!r}"
    )
