"""The interface of a task: what the outputs of a network mean."""

import abc
import operator
from collections.abc import Sequence
from typing import Any
from typing import ClassVar

import numpy as np

from keras_anytime.confidence import confidence


class Task(abc.ABC):
    """What an output of a network means, and how its answers are judged.

    It needs NumPy only. `ka.AnytimeModel(inputs, outputs, task=...)` takes a
    task, or for several label sets a dict of them.

    Attributes:
        name: String, the name in manifests and reports.
        error_name: String, the name of the error per example in tables and
            pictures.
        losses: Frozenset of the names of Keras losses that fit the task.
        error_is_share: Boolean. Whether an error is a share in [0, 1], which
            people read in percent; else it has the units of the labels.
        right_or_wrong: Boolean. Whether each error is 0 or 1.
        has_confidence: Boolean. Whether an answer has a confidence, by which
            an early stage can be final.
    """

    name: ClassVar[str]
    error_name: ClassVar[str]
    losses: ClassVar[frozenset[str]]
    error_is_share: ClassVar[bool] = True
    right_or_wrong: ClassVar[bool] = False
    has_confidence: ClassVar[bool] = True
    # The least and the most axes of an output, and those before the last.
    _ranks: ClassVar[tuple[float, float]] = (2, 2)
    _axes: ClassVar[str] = "batch"

    @property
    @abc.abstractmethod
    def size(self) -> int:
        """Length of the outputs' last axis."""

    @property
    def answers(self) -> str:
        """What an answer is, in words, such as `"10 classes"`."""
        return f"{self.size} outputs"

    def check_outputs(self, shape: Sequence[int | None]) -> None:
        """Raises an error if an output cannot belong to the task.

        Args:
            shape: Tuple, the shape of the output, the batch axis first.

        Raises:
            ValueError: If the rank or the size of the last axis is wrong.
        """
        least, most = self._ranks
        if not least <= len(shape) <= most or shape[-1] != self.size:
            raise ValueError(
                f"The outputs of {self} have the shape "
                f"({self._axes}, {self.size}). Received: an output of shape "
                f"{tuple(shape)}"
            )

    def check_labels(
        self,
        labels: np.ndarray,
        shape: Sequence[int | None],
        argument: str = "labels",
    ) -> None:
        """Raises an error if labels cannot be compared with outputs.

        Args:
            labels: Array of labels, the axis of the examples first.
            shape: Tuple, the shape of the outputs. A known batch size must be
                the number of labels.
            argument: String, the name of the labels in the error.

        Raises:
            ValueError: If type, shape or values of the labels are wrong.
        """
        check_count(labels, shape, argument)
        self._check_labels(labels, tuple(shape), argument)

    @abc.abstractmethod
    def _check_labels(self, labels: np.ndarray, shape: tuple, argument: str):
        """Checks labels of as many examples as there are outputs."""

    @abc.abstractmethod
    def errors(self, outputs: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """Returns the error of each example, 0 for the best answer.

        Args:
            outputs: Float array `(examples, ..., size)`: logits, or for a
                regression values.
            labels: Array of labels as `check_labels` takes them.

        Returns:
            Float64 array `(examples,)`.
        """

    def confidences(self, outputs: np.ndarray) -> np.ndarray:
        """Returns the confidence of each example's answer.

        Args:
            outputs: Float array `(examples, ..., size)`.

        Returns:
            Float64 array `(examples,)` with values in [0, 1].

        Raises:
            ValueError: If the task has no confidence.
        """
        return confidence(outputs, self.name)

    @abc.abstractmethod
    def guess_error(self, labels: np.ndarray) -> float:
        """Returns the mean error of an answer that has not seen the input.

        Args:
            labels: Array of labels as `check_labels` takes them.

        Returns:
            Float.
        """

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the task."""
        return {}

    def __eq__(self, other: object) -> bool:
        return (
            type(self) is type(other)
            and isinstance(other, Task)
            and self.get_config() == other.get_config()
        )

    def __hash__(self) -> int:
        return hash((type(self), *self.get_config().items()))

    def __repr__(self) -> str:
        arguments = ", ".join(map(str, self.get_config().values()))
        return f"{type(self).__name__}({arguments})"


def check_size(argument: str, value: Any, minimum: int) -> int:
    """Returns the size of a task's outputs as an integer.

    Args:
        argument: String, the name of the argument in the error.
        value: The argument.
        minimum: Integer, the smallest allowed size.

    Raises:
        ValueError: If the value is no integer of at least `minimum`.
    """
    try:
        size = operator.index(value)
    except TypeError:
        size = -1
    if size < minimum or isinstance(value, bool):
        raise ValueError(
            f"`{argument}` must be a whole number of at least {minimum}. "
            f"Received: {argument}={value!r}"
        )
    return size


def check_count(
    labels: np.ndarray, shape: Sequence[int | None], argument: str
) -> None:
    """Raises a `ValueError` if there are more or fewer labels than examples."""
    count = shape[0]
    if not labels.ndim or (count is not None and len(labels) != count):
        examples = "example" if count is None else f"of {count} examples"
        raise ValueError(
            f"There must be one label for each {examples}. "
            f"Received: {argument} of shape {labels.shape}"
        )


def check_classes(
    labels: np.ndarray, classes: int, argument: str, per: str = "example"
) -> None:
    """Raises a `ValueError` if labels are not integers from 0 to classes - 1.

    Args:
        labels: Array of labels.
        classes: Integer.
        argument: String, the name of the labels in the error.
        per: String, what has one label each.
    """
    if labels.dtype.kind not in "iu":
        raise ValueError(
            f"Labels must be integers, one per {per}. "
            f"Received: {argument} of type {labels.dtype} and shape "
            f"{labels.shape}"
        )
    if labels.size and (labels.min() < 0 or labels.max() >= classes):
        raise ValueError(
            f"Labels must be 0 to {classes - 1}. "
            f"Received: {argument} from {labels.min()} to {labels.max()}"
        )


def fits(shape: Sequence[int], expected: Sequence[int | None]) -> bool:
    """Returns whether a shape is an expected one, of which `None` fits all.

    Args:
        shape: Sequence of integers.
        expected: Sequence of integers and `None`.
    """
    return len(shape) == len(expected) and all(
        wanted in (None, size)
        for size, wanted in zip(shape, expected, strict=True)
    )


def means_per_example(values: np.ndarray) -> np.ndarray:
    """Returns means over all axes but the first, as a float64 array."""
    values = np.asarray(values, "float64")
    return values.reshape(len(values), -1).mean(axis=1)
