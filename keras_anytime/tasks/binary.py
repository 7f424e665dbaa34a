"""Binary and MultiLabel: answers of yes or no."""

from typing import Any

import numpy as np

from keras_anytime.tasks.base import Task
from keras_anytime.tasks.base import check_size
from keras_anytime.tasks.base import means_per_example

#: Keras' losses for answers of yes or no.
BINARY_LOSSES = frozenset({"binary_crossentropy", "binary_focal_crossentropy"})


class MultiLabel(Task):
    """An answer of yes or no for each label, from logits `(batch, labels)`.

    Labels are 0 or 1, `(batch, labels)`. An example's error is the share of
    labels that are wrong: a logit above 0 says yes. Its confidence is that of
    the least certain label, the probability of the likelier of yes and no:
    the answer as a whole is no more certain than each of its parts.

    Args:
        labels: Integer of 1 or more, the number of labels.

    Raises:
        ValueError: If `labels` is not.
    """

    name = "multi_label"
    error_name = "share of wrong labels"
    losses = BINARY_LOSSES

    def __init__(self, labels: int) -> None:
        self.labels = check_size("labels", labels, minimum=1)

    @property
    def size(self) -> int:
        return self.labels

    @property
    def answers(self) -> str:
        return f"yes or no for each of {self.labels} labels"

    def _check_labels(
        self, labels: np.ndarray, shape: tuple, argument: str
    ) -> None:
        allowed = [(self.size,), ()] if self.size == 1 else [(self.size,)]
        if labels.shape[1:] not in allowed:
            raise ValueError(
                f"Labels must be 0 or 1, {self.size} per example. "
                f"Received: {argument} of shape {labels.shape}"
            )
        if labels.dtype.kind not in "biuf" or not np.all(
            (labels == 0) | (labels == 1)
        ):
            raise ValueError(
                "Labels must be 0 or 1, for no or yes. "
                f"Received: {argument} of type {labels.dtype}, such as "
                f"{labels.ravel()[:3].tolist()}"
            )

    def errors(self, outputs: np.ndarray, labels: np.ndarray) -> np.ndarray:
        outputs = np.asarray(outputs)
        labels = np.asarray(labels).reshape(outputs.shape)
        # NaN says neither yes nor no.
        right = np.where(labels == 1, outputs > 0, outputs <= 0)
        return means_per_example(~right)

    def guess_error(self, labels: np.ndarray) -> float:
        return 0.5

    def get_config(self) -> dict[str, Any]:
        return {"labels": self.labels}


class Binary(MultiLabel):
    """An answer of yes or no, from one logit `(batch, 1)`.

    Labels are 0 or 1, `(batch,)` or `(batch, 1)`. An example's error is 1 if
    the answer is wrong: a logit above 0 says yes. Its confidence is the
    probability of the likelier of yes and no.
    """

    name = "binary"
    error_name = "error"
    right_or_wrong = True

    def __init__(self) -> None:
        super().__init__(1)

    @property
    def answers(self) -> str:
        return "yes or no"

    def get_config(self) -> dict[str, Any]:
        return {}
