"""The tasks of label sets, given or told by shapes and losses."""

from collections.abc import Sequence

import keras

from keras_anytime import tasks as tasks_lib
from keras_anytime.tasks.serialization import BY_NAME
from keras_anytime.training.losses import Losses
from keras_anytime.training.losses import loss_name
from keras_anytime.training.losses import losses_by_set

_ALL_LOSSES = frozenset().union(*(task.losses for task in BY_NAME.values()))
# The loss of Keras that can leave out positions.
_WITH_IGNORED = "sparse_categorical_crossentropy"


def label_set_tasks(
    model: keras.Model, loss: Losses | None
) -> dict[str | None, tasks_lib.Task]:
    """Returns the task of each label set.

    Args:
        model: An `AnytimeModel`.
        loss: The losses that the model is or will be compiled with, or `None`.

    Returns:
        Dict from label sets to tasks; the key of the only task is `None`.
        Where no task was given, shape and loss of the outputs tell it.
    """
    sets = model.label_sets or (None,)
    if model.task is not None:
        given = model.task if model.label_sets else {None: model.task}
        return {name: tasks_lib.get(given[name]) for name in sets}
    losses: Sequence[keras.losses.Loss | None] = (
        [None] * len(sets)
        if loss is None
        else losses_by_set(loss, model.label_sets)
    )
    first_stage = model.outputs[: len(sets)]
    return {
        name: _inferred(output.shape, one)
        for name, output, one in zip(sets, first_stage, losses, strict=True)
    }


def check_losses_fit(model: keras.Model, loss: Losses) -> None:
    """Raises an error if a loss is for another task than the given one.

    A loss that is none of Keras' for any task is taken as the user's own.

    Args:
        model: An `AnytimeModel`.
        loss: The losses to compile it with.

    Raises:
        ValueError: If a loss is one of Keras' for another task, or counts
            other positions than a segmentation.
    """
    if model.task is None:
        return
    for (label_set, task), one in zip(
        label_set_tasks(model, loss).items(),
        losses_by_set(loss, model.label_sets),
        strict=True,
    ):
        name = loss_name(one)
        if name in _ALL_LOSSES - task.losses:
            where = "" if label_set is None else f" for {label_set!r}"
            raise ValueError(
                f"The task {task}{where} takes a loss such as "
                f"{sorted(task.losses)}. Received: loss={name!r}"
            )
        if isinstance(task, tasks_lib.Segmentation) and (
            name == _WITH_IGNORED and task.ignore_class != _ignored(one)
        ):
            raise ValueError(
                "Loss and error must leave out the same positions: give task "
                "and loss the same `ignore_class`. "
                f"Received: ignore_class={task.ignore_class} of the task and "
                f"ignore_class={_ignored(one)} of the loss"
            )


def check_tasks_known(model: keras.Model, loss: Losses) -> None:
    """Raises an error if nobody has said what the outputs mean.

    Without a task, outputs are taken for logits of classes. A loss that is not
    one for logits of classes shows that this may be wrong.

    Args:
        model: An `AnytimeModel`.
        loss: The losses to compile it with.

    Raises:
        ValueError: If no task was given, and a loss does not tell it.
    """
    if model.task is not None:
        return
    for task, one in zip(
        label_set_tasks(model, loss).values(),
        losses_by_set(loss, model.label_sets),
        strict=True,
    ):
        if loss_name(one) not in task.losses:
            raise ValueError(
                "Distillation compares outputs as their task says, and this "
                "loss does not tell the task: give it, as in "
                "`AnytimeModel(inputs, outputs, "
                "task=keras_anytime.tasks.Regression(3))`. "
                f"Received: loss={loss_name(one)!r} without a task"
            )


def _inferred(
    shape: Sequence[int | None], loss: keras.losses.Loss | None
) -> tasks_lib.Task:
    """Returns the task that shape and loss of an output tell."""
    if loss is None:
        return tasks_lib.infer(shape)
    task = tasks_lib.infer(shape, loss_name(loss))
    if isinstance(task, tasks_lib.Segmentation):
        return tasks_lib.Segmentation(task.classes, _ignored(loss))
    return task


def _ignored(loss: keras.losses.Loss) -> int | None:
    """Returns the label of positions that a loss leaves out, if any."""
    return loss.get_config().get("ignore_class")
