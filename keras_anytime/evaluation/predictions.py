"""The answers of each stage to each example, reduced to a few numbers."""

import dataclasses
from collections.abc import Mapping
from collections.abc import Sequence

import numpy as np

from keras_anytime import tasks
from keras_anytime.confidence import log_softmax
from keras_anytime.stages.cost import StageCost

NO_EXAMPLES = "There is nothing to measure. Received: empty `data`"


@dataclasses.dataclass(frozen=True, eq=False)
class Predictions:
    """The answers of each stage of a network to each example.

    All curves, thresholds and simulations are computed from these arrays. They
    are small for any number of classes, and one pass over the data makes them;
    see `predict_stages`. What a task does not have is `None`.

    ```python
    logits = np.stack(model.predict(images, verbose=0))
    predictions = ka.evaluation.Predictions.from_logits(logits, labels)
    print(1 - predictions.correct.mean(axis=0))  # the error of each stage
    ```

    Args:
        labels: Array of labels, the axis of the examples first: integers
            `(examples,)` of classes, or numbers of a regression. Of a
            segmentation, the number of positions of each class,
            `(examples, classes)`: no map is kept.
        errors: Float array `(examples, num_stages)`. The task's error of each
            answer. Of a choice of one class, it is 0 if the label's logit is
            larger than all others, and otherwise 1; a tie counts as an error.
        task: The `tasks.Task` of the answers.
        name: Name of the network.
        confidences: Float array `(examples, num_stages)`. The task's
            confidence in each answer, such as the largest probability.
        top5: Boolean array `(examples, num_stages)`, of a choice of one class.
            True if fewer than five other logits are as large as the label's.
        losses: Float array `(examples, num_stages)`, of a choice of one class.
            The cross entropy in nats.
        intersections: Integer array `(examples, num_stages, classes)`, of a
            segmentation. Positions where both answer and label have the class.
        unions: Integer array `(examples, num_stages, classes)`, of a
            segmentation. Positions where either has the class.
    """

    labels: np.ndarray
    errors: np.ndarray
    task: tasks.Task
    name: str = "anytime network"
    confidences: np.ndarray | None = None
    top5: np.ndarray | None = None
    losses: np.ndarray | None = None
    intersections: np.ndarray | None = None
    unions: np.ndarray | None = None

    @classmethod
    def from_logits(
        cls,
        logits: np.ndarray | Sequence[np.ndarray],
        labels: np.ndarray,
        name: str = "anytime network",
        task: tasks.Task | int | None = None,
    ) -> "Predictions":
        """Makes predictions from the outputs of a data set.

        Args:
            logits: Array `(num_stages, examples, ..., size)`, or a sequence of
                K arrays `(examples, ..., size)`: logits, or the numbers of a
                regression.
            labels: Array of labels as the task takes them; one-hot labels of
                classes, too.
            name: Name of the network.
            task: A `tasks.Task`, or a number of classes. `None` for the choice
                of a class, at each position if there are positions.

        Returns:
            `Predictions`.

        Raises:
            ValueError: If there are no examples, if outputs or labels do not
                fit the task, or if an output is not finite.
        """
        logits = [np.asarray(stage_logits) for stage_logits in logits]
        shapes = {stage_logits.shape for stage_logits in logits}
        if len(shapes) != 1 or any(len(shape) < 2 for shape in shapes):
            raise ValueError(
                "The logits of all stages must be of one shape `(examples, "
                f"classes)`. Received: logits of shapes {sorted(shapes)}"
            )
        shape = logits[0].shape
        if not shape[0]:
            raise ValueError(NO_EXAMPLES)
        if task is None:
            task = tasks.infer(shape)
        task = tasks.get(task)
        task.check_outputs(shape)
        labels = plain_labels(task, np.asarray(labels), shape)
        task.check_labels(labels, shape)
        return cls.from_batches(
            [reduce_outputs(logits, labels, task)], task, name
        )

    @classmethod
    def from_batches(
        cls,
        batches: Sequence[Mapping[str, np.ndarray]],
        task: tasks.Task,
        name: str,
    ) -> "Predictions":
        """Joins the arrays of several batches.

        Args:
            batches: Dicts of arrays, as from `reduce_outputs`.
            task: The `tasks.Task` of the answers.
            name: Name of the network.

        Returns:
            `Predictions`.

        Raises:
            ValueError: If there are no examples.
        """
        if not sum(len(batch["labels"]) for batch in batches):
            raise ValueError(NO_EXAMPLES)
        columns = {
            column: np.concatenate([batch[column] for batch in batches])
            for column in batches[0]
        }
        return cls(**columns, task=task, name=name)

    @property
    def correct(self) -> np.ndarray:
        """Boolean array `(examples, num_stages)`, true for errors of 0."""
        return self.errors == 0

    @property
    def classes(self) -> int:
        """Number of classes; of other tasks, the size of the outputs."""
        return self.task.size

    @property
    def num_stages(self) -> int:
        """Number of stages K."""
        return self.errors.shape[1]

    @property
    def examples(self) -> int:
        """Number of examples."""
        return len(self.labels)

    @property
    def guess_error(self) -> float:
        """The mean error of an answer that has not seen the input."""
        return self.task.guess_error(self.labels)

    def part(self, index: slice | np.ndarray) -> "Predictions":
        """Returns the predictions of some of the examples.

        Args:
            index: Slice, or array of integers or booleans, over the examples.

        Returns:
            `Predictions`.

        Raises:
            ValueError: If no example is left.
        """
        arrays = {
            field.name: getattr(self, field.name)
            for field in dataclasses.fields(self)
            if field.name not in ("task", "name")
        }
        columns = {
            name: array[index]
            for name, array in arrays.items()
            if array is not None
        }
        return self.from_batches([columns], self.task, self.name)


def reduce_outputs(
    outputs: Sequence[np.ndarray], labels: np.ndarray, task: tasks.Task
) -> dict[str, np.ndarray]:
    """Reduces the outputs of a batch to the arrays of `Predictions`.

    Args:
        outputs: Sequence of K arrays `(examples, ..., size)`.
        labels: Array of labels that `task.check_labels` accepts.
        task: The `tasks.Task` of the answers.

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
        return columns | _of_classes(outputs, columns["labels"])
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


def check_costs(predictions: Predictions, costs: Sequence[StageCost]) -> None:
    """Raises an error if costs and predictions are of different stages.

    Args:
        predictions: `Predictions`.
        costs: List of `StageCost`.

    Raises:
        ValueError: If `predictions` are not `Predictions`, or `costs` has not
            one entry for each stage.
    """
    if not isinstance(predictions, Predictions):
        raise ValueError(
            "A curve is made from the `Predictions` of one label set. "
            f"Received: {type(predictions).__name__}"
        )
    if len(costs) != predictions.num_stages:
        raise ValueError(
            "There must be one cost for each stage. Received: "
            f"{len(costs)} costs for answers of {predictions.num_stages} stages"
        )


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


def _of_classes(
    logits: Sequence[np.ndarray], labels: np.ndarray
) -> dict[str, np.ndarray]:
    """Returns top-5 answers, losses and confidences of choices of a class."""
    stacked = np.stack(logits)
    of_label = (slice(None), np.arange(len(labels)), labels)
    others_as_large = (
        np.sum(stacked >= stacked[of_label][:, :, None], axis=2) - 1
    )
    log_probabilities = log_softmax(stacked)
    return {
        "top5": (others_as_large < 5).T,
        "losses": -log_probabilities[of_label].T,
        "confidences": np.exp(log_probabilities.max(axis=2)).T,
    }
