"""Labels and sample weights of tasks, checked and in the tasks' order."""

from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from keras_anytime.tasks import Task
from keras_anytime.training.arrays import check_numbers
from keras_anytime.training.arrays import noun
from keras_anytime.training.arrays import types_in
from keras_anytime.training.labels import LabelCheck
from keras_anytime.training.missing import present_labels


def task_targets(
    y: Any, names: Sequence[str], argument: str = "a batch"
) -> dict[str, Any]:
    """Returns the labels of each task.

    Args:
        y: Dict from tasks to labels.
        names: Sequence of the tasks' names.
        argument: String. Name of the data in error messages.

    Returns:
        Dict from tasks to labels, in the order of the names.

    Raises:
        ValueError: If `y` is no dict of exactly the tasks.
    """
    if isinstance(y, Mapping) and set(y) == set(names):
        return {name: y[name] for name in names}
    given = f"a {type(y).__name__}"
    if isinstance(y, Mapping):
        given = f"a dict of {sorted(map(str, y))}"
    raise ValueError(
        f"Labels must be a dict with an entry for each task, {list(names)}. "
        "For examples without a label, put the value of `compile(missing=...)` "
        f"in its place. Received: {argument} with labels as {given}"
    )


def task_weights(sample_weight: Any, names: Sequence[str]) -> dict[str, Any]:
    """Returns the sample weights of each task.

    Args:
        sample_weight: Sample weights for all tasks, or a dict from some tasks
            to weights, or `None`.
        names: Sequence of the tasks' names.

    Returns:
        Dict from tasks to weights or `None`, in the order of the names.

    Raises:
        ValueError: If it is a list, or a dict with other names.
    """
    if isinstance(sample_weight, Mapping) and set(sample_weight) <= set(names):
        return {name: sample_weight.get(name) for name in names}
    if isinstance(sample_weight, (Mapping, list, tuple)):
        raise ValueError(
            "`sample_weight` must be one weight per example for all tasks, or "
            f"a dict from some of {list(names)} to such weights. "
            f"Received: sample_weight of {types_in(sample_weight)}"
        )
    return dict.fromkeys(names, sample_weight)


def check_task_labels(
    model: keras.Model,
    y: Any,
    tasks: Mapping[str, Task],
    missing: Mapping[str, float],
    argument: str,
) -> None:
    """Raises an error if labels do not match the losses of the tasks.

    Of a loss that is not one of Keras', labels are not checked.

    Args:
        model: A compiled `MultitaskModel`.
        y: Dict from tasks to labels. Labels without a shape are not checked.
        tasks: Dict from tasks to what shape and loss tell of them.
        missing: Dict from some tasks to the mark of a missing label.
        argument: String. Name of the data in error messages.

    Raises:
        ValueError: If labels are missing, or have another shape than the loss
            takes, or are not among the classes or not finite.
    """
    for name, labels in task_targets(y, list(tasks), argument).items():
        if labels is None or isinstance(labels, (list, tuple)):
            raise ValueError(
                "Labels must be arrays, such as `numpy.asarray(labels)`. "
                f"Received: {argument} with labels {name!r} of "
                f"{types_in(labels)}"
            )
        if not hasattr(labels, "shape"):
            continue
        labels = np.asarray(labels)
        what = f"labels {name!r}"
        check_numbers(labels, "Labels", f"{argument} with {what}")
        if name in missing and labels.ndim:
            labels = labels[present_labels(labels, missing[name])]
        shape = model.output[name].shape
        LabelCheck(
            labels,
            (None, *shape[1:]),
            argument,
            what,
            noun(model) if len(shape) == 2 else "position",
        ).against(model.loss[name], tasks[name])
