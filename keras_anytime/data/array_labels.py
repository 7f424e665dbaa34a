"""The labels of a user's arrays, and the task that they are of.

Arrays that could mean two things are refused with advice, never guessed. A
file may say its task itself, in an array `task`.
"""

import dataclasses
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_anytime import tasks as tasks_lib
from keras_anytime.data.label_sets import MAX_CLASSES
from keras_anytime.tasks.serialization import BY_NAME


@dataclasses.dataclass(frozen=True)
class Declared:
    """What a file says about its labels.

    Args:
        task: String, the name of a task, or `None`.
        ignore_class: Integer, the label of positions that do not count, or
            `None`.
    """

    task: str | None = None
    ignore_class: int | None = None

    @classmethod
    def read(cls, arrays: Mapping[str, Any], path: Any) -> "Declared":
        """Returns what the arrays `task` and `ignore_class` of a file say.

        Args:
            arrays: Dict from names to arrays.
            path: The file, for errors.

        Raises:
            ValueError: If there is no such task, or the class to ignore is no
                integer.
        """
        task, ignored = arrays.get("task"), arrays.get("ignore_class")
        if task is not None and str(task) not in BY_NAME:
            raise ValueError(
                f"`task` must be one of {sorted(BY_NAME)}. "
                f"Received: task={str(task)!r} in {str(path)!r}"
            )
        if ignored is not None and (
            np.size(ignored) != 1 or ignored.dtype.kind not in "iu"
        ):
            raise ValueError(
                "`ignore_class` must be one integer, a label of masks. "
                f"Received: ignore_class={ignored} in {str(path)!r}"
            )
        return cls(
            None if task is None else str(task),
            None if ignored is None else int(ignored),
        )


def task_name(
    labels: np.ndarray, positions: Sequence[tuple[int, ...]], declared: Declared
) -> str:
    """Returns the name of the task that labels are of.

    Args:
        labels: Array `(examples, ...)`.
        positions: List of the shapes of the inputs' positions, such as
            `(height, width)` of images and `(steps,)` of series.
        declared: What the file says.

    Returns:
        String, the name of a task.
    """
    if declared.task is not None:
        return declared.task
    sizes = labels.shape[1:]
    if labels.dtype.kind == "f":
        return "regression"
    if labels.dtype.kind == "b":
        several = labels.ndim == 2 and labels.shape[1] > 1
        return "multi_label" if several else "binary"
    at_positions = sizes in positions or (
        sizes[:-1] in positions and sizes[-1:] == (1,)
    )
    dense = at_positions and not _one_hot(labels)
    return "segmentation" if dense and sizes != (1,) else "classification"


def advice_on_labels(
    labels: np.ndarray, y: str, name: str, declared: Declared
) -> str:
    """Returns how to correct labels, or an empty string.

    Args:
        labels: Array of one label or more.
        y: String, the name of the array.
        name: String, the name of the task.
        declared: What the file says.
    """
    if labels.dtype.kind not in "biuf":
        return _number(y)
    if labels.dtype.kind == "f" and not np.isfinite(labels).all():
        return f"Some of {y} are not finite: leave these examples out."
    if name in ("binary", "multi_label"):
        return _advice_on_answers(labels, y, name)
    if name == "regression":
        return "" if declared.task else _advice_on_numbers(labels, y)
    return _advice_on_classes(labels, y, name, declared.ignore_class)


def as_labels(labels: np.ndarray, name: str) -> np.ndarray:
    """Returns labels in the shape and type in which batches hold them.

    Args:
        labels: Array without anything to correct.
        name: String, the name of the task.

    Returns:
        Int64 array `(examples,)` of classes; integers of the positions' shape
        for segmentation; float32 otherwise.
    """
    if name == "classification":
        return labels.reshape(-1).astype("int64")
    if name == "segmentation":
        return labels
    if name == "binary":
        labels = labels.reshape(-1)
    return labels.astype("float32")


def number_of_classes(
    splits: Sequence[np.ndarray], ignore_class: int | None = None
) -> int:
    """Returns the number of classes up to the largest label.

    Args:
        splits: List of the labels of all splits, integers.
        ignore_class: Integer, a label that is no class, or `None`.
    """
    counted = [
        labels if ignore_class is None else labels[labels != ignore_class]
        for labels in splits
    ]
    return 1 + max(int(labels.max(initial=0)) for labels in counted)


def task_of_labels(
    splits: Sequence[np.ndarray],
    name: str,
    positions: Sequence[tuple[int, ...]],
    declared: Declared,
) -> tasks_lib.Task | None:
    """Returns the task of all labels of a data set; `None` for classification.

    Args:
        splits: List of the labels of all splits, as `as_labels` returns them.
        name: String, the name of the task.
        positions: As of `task_name`.
        declared: What the file says.
    """
    if name == "binary":
        return tasks_lib.Binary()
    sizes = splits[0].shape[1:]
    if name == "multi_label":
        return tasks_lib.MultiLabel(sizes[0])
    if name == "regression":
        dense = len(sizes) > 1 and sizes in positions
        return tasks_lib.Regression(1 if dense or not sizes else sizes[-1])
    if name == "segmentation":
        classes = number_of_classes(splits, declared.ignore_class)
        return tasks_lib.Segmentation(max(classes, 2), declared.ignore_class)
    return None


def _advice_on_answers(labels, y, name):
    if labels.ndim != (2 if name == "multi_label" else 1) and (
        name != "binary" or labels.shape[1:] != (1,)
    ):
        if labels.ndim > 2:
            return f"Store masks as integers: `{y}.astype('uint8')`."
        shape = "(examples, labels)" if name == "multi_label" else "(examples,)"
        return f"Answers of yes or no have the shape {shape}."
    if not np.all((labels == 0) | (labels == 1)):
        return f"Answers of yes or no are 0 or 1: `{y} > 0.5`, for example."
    return ""


def _advice_on_numbers(labels, y):
    whole = bool((labels == np.round(labels)).all())
    if whole and _one_hot(labels):
        return f"Convert one-hot labels: `{y}.argmax(axis=-1)`."
    if whole:
        return (
            f"Store labels of classes as integers: `{y}.astype('int64')`. If "
            "they are numbers to predict, save task='regression' beside them."
        )
    return ""


def _advice_on_classes(labels, y, name, ignored):
    if name == "classification":
        if labels.ndim == 2 and labels.shape[1] > 1:
            return (
                f"Convert one-hot labels: `{y}.argmax(axis=-1)`. Answers of "
                f"yes or no are bools: `{y}.astype(bool)`."
            )
        if labels.ndim != 1 and labels.shape[1:] != (1,):
            return f"Give {y} one axis, or that of the positions of an input."
    if labels.dtype.kind not in "iu":
        return _number(y)
    counted = labels if ignored is None else labels[labels != ignored]
    low, high = counted.min(initial=0), counted.max(initial=0)
    if low < 0:
        also = "" if name == "classification" else " Or save ignore_class."
        return f"The smallest label is {low}.{also}"
    if high >= MAX_CLASSES:
        return f"The largest label is {high}. {_number(y)}"
    return ""


def _number(y):
    return f"Number the classes: `numpy.unique({y}, return_inverse=True)[1]`."


def _one_hot(labels):
    """Whether each row has a single 1 and is 0 elsewhere."""
    if labels.ndim != 2 or labels.shape[1] < 2:
        return False
    rows = labels.astype("float64")
    zeros_and_ones = np.all((rows == 0) | (rows == 1))
    return bool(zeros_and_ones and np.all(rows.sum(axis=1) == 1))
