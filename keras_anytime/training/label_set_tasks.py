"""The tasks of label sets, given or told by shapes and losses."""

import keras

from keras_anytime import tasks as tasks_lib
from keras_anytime.training.losses import Losses
from keras_anytime.training.losses import loss_name
from keras_anytime.training.losses import losses_by_set

_ALL_LOSSES = frozenset().union(
    *(
        task.losses
        for task in (
            tasks_lib.Binary,
            tasks_lib.Classification,
            tasks_lib.MultiLabel,
            tasks_lib.Regression,
            tasks_lib.Segmentation,
        )
    )
)


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
    names = (
        [None] * len(sets)
        if loss is None
        else [
            loss_name(of_labels)
            for of_labels in losses_by_set(loss, model.label_sets)
        ]
    )
    first_stage = model.outputs[: len(sets)]
    return {
        name: tasks_lib.infer(output.shape, of_loss)
        for name, output, of_loss in zip(sets, first_stage, names, strict=True)
    }


def check_losses_fit(model: keras.Model, loss: Losses) -> None:
    """Raises an error if a loss is for another task than the given one.

    A loss that is none of Keras' for any task is taken as the user's own.

    Args:
        model: An `AnytimeModel`.
        loss: The losses to compile it with.

    Raises:
        ValueError: If a loss is one of Keras' for another task.
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
