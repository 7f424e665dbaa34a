"""Classification: the choice of one class."""

from typing import Any

import numpy as np

from keras_anytime.tasks.base import Task
from keras_anytime.tasks.base import check_classes
from keras_anytime.tasks.base import check_size

#: Keras' losses for the choice of one class.
CLASS_LOSSES = frozenset(
    {
        "categorical_crossentropy",
        "categorical_focal_crossentropy",
        "categorical_hinge",
        "sparse_categorical_crossentropy",
    }
)


class Classification(Task):
    """The choice of one of several classes, from logits `(batch, classes)`.

    Labels are integers `(batch,)` from 0. An example's error is 1 unless the
    label's logit is larger than all others. Its confidence is the largest
    softmax probability.

    Args:
        classes: Integer of 2 or more.

    Raises:
        ValueError: If `classes` is not.
    """

    name = "classification"
    error_name = "top-1 error"
    losses = CLASS_LOSSES
    right_or_wrong = True

    def __init__(self, classes: int) -> None:
        self.classes = check_size("classes", classes, minimum=2)

    @property
    def size(self) -> int:
        return self.classes

    @property
    def answers(self) -> str:
        return f"{self.classes} classes"

    def _check_labels(
        self, labels: np.ndarray, shape: tuple, argument: str
    ) -> None:
        if labels.size != len(labels):
            raise ValueError(
                "Labels must be integers, one per example. "
                f"Received: {argument} of shape {labels.shape}"
            )
        check_classes(labels, self.classes, argument)

    def errors(self, outputs: np.ndarray, labels: np.ndarray) -> np.ndarray:
        outputs = np.asarray(outputs)
        index = np.asarray(labels).reshape(-1, 1)
        of_label = np.take_along_axis(outputs, index, axis=1)
        # NaN is no smaller than any number: an answer with it is wrong.
        as_large = np.sum(~(outputs < of_label), axis=1)
        return (as_large > 1).astype("float64")

    def guess_error(self, labels: np.ndarray) -> float:
        return 1 - 1 / self.classes

    def get_config(self) -> dict[str, Any]:
        return {"classes": self.classes}
