"""Regression: numbers in the units of the labels."""

import math
from typing import Any

import numpy as np

from keras_anytime.tasks.base import Task
from keras_anytime.tasks.base import check_size
from keras_anytime.tasks.base import fits
from keras_anytime.tasks.base import means_per_example

#: Keras' losses of numbers.
REGRESSION_LOSSES = frozenset(
    {
        "cosine_similarity",
        "huber",
        "huber_loss",
        "log_cosh",
        "mean_absolute_error",
        "mean_absolute_percentage_error",
        "mean_squared_error",
        "mean_squared_logarithmic_error",
    }
)


class Regression(Task):
    """Numbers, from outputs `(batch, size)` or `(batch, ..., size)`.

    Labels are finite numbers of the outputs' shape; for one number per example
    `(batch,)` too. An example's error is the mean absolute difference, in the
    labels' units. A plain number has no probability, so there is no
    confidence: decide by deadlines.

    Args:
        size: Integer of 1 or more, the numbers per example or position.

    Raises:
        ValueError: If `size` is not.
    """

    name = "regression"
    error_name = "mean absolute error"
    losses = REGRESSION_LOSSES
    error_is_share = False
    _ranks = (2, math.inf)
    _axes = "batch, ..."
    has_confidence = False

    def __init__(self, size: int = 1) -> None:
        self._size = check_size("size", size, minimum=1)

    @property
    def size(self) -> int:
        return self._size

    @property
    def answers(self) -> str:
        return "a number" if self.size == 1 else f"{self.size} numbers"

    def _check_labels(
        self, labels: np.ndarray, shape: tuple, argument: str
    ) -> None:
        allowed = [tuple(shape[1:])]
        if self.size == 1:
            allowed.append(tuple(shape[1:-1]))
        if not any(fits(labels.shape[1:], sizes) for sizes in allowed):
            raise ValueError(
                f"Labels must be numbers of the outputs' shape {tuple(shape)}. "
                f"Received: {argument} of shape {labels.shape}"
            )
        if labels.dtype.kind not in "biuf" or not np.isfinite(labels).all():
            raise ValueError(
                "Labels must be finite numbers. "
                f"Received: {argument} of type {labels.dtype}, with others"
            )

    def errors(self, outputs: np.ndarray, labels: np.ndarray) -> np.ndarray:
        outputs = np.asarray(outputs, "float64")
        labels = np.asarray(labels, "float64").reshape(outputs.shape)
        return means_per_example(np.abs(outputs - labels))

    def guess_error(self, labels: np.ndarray) -> float:
        """Returns the mean error of the labels' median.

        Of all constant answers it has the smallest mean absolute error.

        Args:
            labels: Array of labels.
        """
        values = np.asarray(labels, "float64").reshape(-1, self.size)
        return float(np.abs(values - np.median(values, axis=0)).mean())

    def get_config(self) -> dict[str, Any]:
        return {"size": self.size}
