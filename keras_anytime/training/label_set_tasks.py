"""The tasks of label sets, given or told by shapes and losses."""

import keras

from keras_anytime import tasks as tasks_lib
from keras_anytime.tasks.serialization import BY_NAME
from keras_anytime.training.losses import Losses
from keras_anytime.training.losses import loss_name
from keras_anytime.training.losses import losses_by_set

_ALL_LOSSES = frozenset().union(*(task.losses for task in BY_NAME.values()))


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
    told: list[tuple] = [()] * len(sets)
    if loss is not None:
        told = [
            (loss_name(of_labels), _ignored(of_labels))
            for of_labels in losses_by_set(loss, model.label_sets)
        ]
    first_stage = model.outputs[: len(sets)]
    return {
        name: tasks_lib.infer(output.shape, *of_loss)
        for name, output, of_loss in zip(sets, first_stage, told, strict=True)
    }


def check_losses_fit(model: keras.Model, loss: Losses) -> None:
    """Raises an error if a loss is for another task than the given one.

    A loss that is none of Keras' for any task is taken as the user's own.

    Args:
        model: An `AnytimeModel`.
        loss: The losses to compile it with.

    Raises:
        ValueError: If a loss is one of Keras' for another task, or leaves out
            other positions of a segmentation than its task.
    """
    if model.task is None:
        return
    for (label_set, task), one in zip(
        label_set_tasks(model, loss).items(),
        losses_by_set(loss, model.label_sets),
        strict=True,
    ):
        name = loss_name(one)
        where = "" if label_set is None else f" for {label_set!r}"
        if name in _ALL_LOSSES - task.losses:
            raise ValueError(
                f"The task {task}{where} takes a loss such as "
                f"{sorted(task.losses)}. Received: loss={name!r}"
            )
        if isinstance(task, tasks_lib.Segmentation) and name.startswith(
            "sparse_"
        ):
            in_loss = _ignored(one)
            if in_loss != task.ignore_class:
                raise ValueError(
                    "The loss and the task leave out the same positions: give "
                    "both the same `ignore_class`. Received: "
                    f"ignore_class={in_loss} in the loss{where}, "
                    f"ignore_class={task.ignore_class} in {task}"
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


def _ignored(loss: keras.losses.Loss) -> int | None:
    """Returns the label that a loss leaves out, or `None`."""
    if not loss_name(loss).startswith("sparse_"):
        return None
    return loss.get_config().get("ignore_class")
