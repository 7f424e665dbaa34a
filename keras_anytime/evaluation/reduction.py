"""Reduces the outputs of a batch to what is measured of them."""

from collections.abc import Sequence

import numpy as np

from keras_anytime import tasks
from keras_anytime.evaluation.class_answers import measures_of_logits


def reduce_outputs(
    outputs: Sequence[np.ndarray],
    labels: np.ndarray,
    task: tasks.Task,
    keep_logits: bool = False,
) -> dict[str, np.ndarray]:
    """Reduces the outputs of a batch to the arrays of `Predictions`.

    Args:
        outputs: Sequence of K arrays `(examples, ..., size)`.
        labels: Array of labels that `task.check_labels` accepts.
        task: The `tasks.Task` of the answers.
        keep_logits: Boolean. Whether the logits of a choice of one class are
            among the arrays.

    Returns:
        Dict from the names of the arrays to the arrays.

    Raises:
        ValueError: If an output is not finite.
    """
    for stage, output in enumerate(outputs, start=1):
        finite = np.isfinite(output).reshape(len(output), -1).all(axis=1)
        if not finite.all():
            raise ValueError(
                "Outputs must be finite to be measured. Received: infinite or "
                f"NaN outputs of stage {stage} for {np.sum(~finite)} of "
                f"{len(finite)} examples"
            )
    columns = {
        "labels": _kept_labels(labels, outputs[0].shape, task),
        "errors": np.stack(
            [task.errors(output, labels) for output in outputs], axis=1
        ),
    }
    if isinstance(task, tasks.Classification):
        if keep_logits:
            columns["logits"] = np.stack(outputs, axis=1)
        return columns | measures_of_logits(outputs, columns["labels"])
    if task.has_confidence:
        columns["confidences"] = np.stack(
            [task.confidences(output) for output in outputs], axis=1
        )
    if isinstance(task, tasks.Segmentation):
        overlaps = [task.overlaps(output, labels) for output in outputs]
        both, either = zip(*overlaps, strict=True)
        columns["intersections"] = np.stack(both, axis=1)
        columns["unions"] = np.stack(either, axis=1)
    return columns


def plain_labels(
    task: tasks.Task, labels: np.ndarray, shape: Sequence[int | None]
) -> np.ndarray:
    """Returns labels of classes as integers if they are exactly one-hot.

    Args:
        task: The `tasks.Task` of the answers.
        labels: Array of labels.
        shape: Tuple, the shape of the outputs, the batch axis first.

    Returns:
        Array of integers for one-hot labels of classes, and all other labels
        unchanged.
    """
    if (
        not isinstance(task, (tasks.Classification, tasks.Segmentation))
        or labels.ndim != len(shape)
        or labels.shape[-1] != task.size
        or not labels.size
        or labels.dtype.kind not in "biuf"
    ):
        return labels
    one_hot = np.all((labels == 0) | (labels == 1)) and np.all(
        labels.sum(axis=-1) == 1
    )
    return labels.argmax(axis=-1) if one_hot else labels


def _kept_labels(
    labels: np.ndarray, shape: Sequence[int], task: tasks.Task
) -> np.ndarray:
    """Returns labels in one shape, whichever the data had, without maps."""
    if isinstance(task, tasks.Segmentation):
        flat = labels.reshape(len(labels), -1)
        return np.stack(
            [np.sum(flat == index, axis=1) for index in range(task.classes)],
            axis=1,
        )
    if labels.size == len(labels):
        return labels.reshape(-1)
    return labels.reshape(shape) if labels.size == np.prod(shape) else labels
