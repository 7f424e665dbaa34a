"""The task of an output for which none was given."""

from collections.abc import Sequence
from typing import NoReturn

import numpy as np

from keras_anytime.tasks.base import Task
from keras_anytime.tasks.binary import BINARY_LOSSES
from keras_anytime.tasks.binary import Binary
from keras_anytime.tasks.binary import MultiLabel
from keras_anytime.tasks.classification import Classification
from keras_anytime.tasks.regression import REGRESSION_LOSSES
from keras_anytime.tasks.regression import Regression
from keras_anytime.tasks.segmentation import Segmentation


def infer(
    shape: Sequence[int | None],
    loss: str | None = None,
    ignore_class: int | None = None,
) -> Task:
    """Returns the task that an output has by its shape and its loss.

    Several outputs choose a class, at each position if there are positions,
    unless the loss is a binary cross entropy. One output is a binary answer or
    a number, which only the loss tells.

    Args:
        shape: Tuple, the shape of the output, the batch axis first.
        loss: String, the name of the loss, or `None` if it is not known.
        ignore_class: Integer, the label that the loss leaves out, or `None`.

    Returns:
        A `Task`.
    """
    size = shape[-1] or 1
    if len(shape) == 2 and loss in BINARY_LOSSES:
        return Binary() if size == 1 else MultiLabel(size)
    if size == 1:
        return Regression() if loss in REGRESSION_LOSSES else Undeclared()
    if len(shape) == 2:
        return Classification(size)
    return Segmentation(size, ignore_class)


class Undeclared(Task):
    """The task of one output of which nobody said what it means.

    Training and exports do not need to know it. What needs to know raises an
    error that says what to do.
    """

    name = "undeclared"
    error_name = "error"
    losses = frozenset()
    has_confidence = False

    @property
    def size(self) -> int:
        return 1

    def _check_labels(
        self, labels: np.ndarray, shape: tuple, argument: str
    ) -> NoReturn:
        self._refuse()

    def errors(self, outputs: np.ndarray, labels: np.ndarray) -> NoReturn:
        self._refuse()

    def guess_error(self, labels: np.ndarray) -> NoReturn:
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise ValueError(
            "A choice of a class needs two classes or more, and one output is "
            "an answer of yes or no, or a number: give "
            "`task=keras_anytime.tasks.Binary()` or "
            "`task=keras_anytime.tasks.Regression()`. "
            "Received: logits of 1 class and no task"
        )
