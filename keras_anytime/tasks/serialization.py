"""Tasks as plain configurations, and from them."""

from collections.abc import Mapping
from typing import Any

from keras_anytime.tasks.base import Task
from keras_anytime.tasks.binary import Binary
from keras_anytime.tasks.binary import MultiLabel
from keras_anytime.tasks.classification import Classification
from keras_anytime.tasks.regression import Regression
from keras_anytime.tasks.segmentation import Segmentation

#: All tasks by their names in files.
BY_NAME: dict[str, type[Task]] = {
    task.name: task
    for task in (Binary, Classification, MultiLabel, Regression, Segmentation)
}
#: A task, or a dict of the tasks of label sets.
Tasks = Task | dict[str, Task]


def get(task: Any) -> Task:
    """Returns a task.

    Args:
        task: A `Task`, or an integer of 2 or more, which stands for the
            classification of as many classes.

    Raises:
        ValueError: If it is neither.
    """
    if isinstance(task, Task):
        return task
    if isinstance(task, int) and not isinstance(task, bool) and task >= 2:
        return Classification(task)
    raise ValueError(
        "A task is one of `keras_anytime.tasks`, such as "
        "`keras_anytime.tasks.Regression()`, or a number of classes of at "
        f"least 2. Received: task={task!r}"
    )


def serialize(task: Tasks | None) -> dict[str, Any] | None:
    """Returns a task, or a dict of the tasks of label sets, as plain values.

    Args:
        task: A `Task`, a dict of them, or `None`.

    Returns:
        Dict for JSON, or `None`.

    Raises:
        ValueError: If a task is not one of `keras_anytime.tasks`.
    """
    if task is None:
        return None
    if isinstance(task, Mapping):
        return {"label_sets": {name: serialize(t) for name, t in task.items()}}
    if BY_NAME.get(task.name) is not type(task):
        raise ValueError(
            f"A model is saved with the tasks {sorted(BY_NAME)}. "
            f"Received: task={task}"
        )
    return {"name": task.name, **task.get_config()}


def deserialize(config: Mapping[str, Any] | None) -> Tasks | None:
    """Returns the task that `serialize` made plain.

    Args:
        config: Dict, or `None`.
    """
    if config is None:
        return None
    if "label_sets" in config:
        return {
            name: _task(entry) for name, entry in config["label_sets"].items()
        }
    return _task(config)


def _task(config: Mapping[str, Any]) -> Task:
    arguments = {key: value for key, value in config.items() if key != "name"}
    return BY_NAME[config["name"]](**arguments)
