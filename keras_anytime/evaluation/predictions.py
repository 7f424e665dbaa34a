"""The answers of each stage to each example, reduced to a few numbers."""

import dataclasses
from collections.abc import Mapping
from collections.abc import Sequence

import numpy as np

from keras_anytime.confidence import log_softmax
from keras_anytime.stages.cost import StageCost

NO_EXAMPLES = "There is nothing to measure. Received: empty `data`"
_COLUMNS = ("labels", "correct", "top5", "losses", "confidences")


@dataclasses.dataclass(frozen=True, eq=False)
class Predictions:
    """The answers of each stage of a network to each example.

    All curves, thresholds and simulations are computed from these arrays. They
    are small for any number of classes, and one pass over the data makes them;
    see `predict_stages`.

    ```python
    logits = np.stack(model.predict(images, verbose=0))
    predictions = ka.evaluation.Predictions.from_logits(logits, labels)
    print(1 - predictions.correct.mean(axis=0))  # the error of each stage
    ```

    Args:
        labels: Integer array `(examples,)`.
        correct: Boolean array `(examples, num_stages)`. True if the label's
            logit is larger than all others; a tie counts as an error.
        top5: Boolean array `(examples, num_stages)`. True if fewer than five
            other logits are as large as the label's logit.
        losses: Float array `(examples, num_stages)`. The cross entropy in
            nats.
        confidences: Float array `(examples, num_stages)`. The largest
            probability.
        classes: Number of classes.
        name: Name of the network.
    """

    labels: np.ndarray
    correct: np.ndarray
    top5: np.ndarray
    losses: np.ndarray
    confidences: np.ndarray
    classes: int
    name: str = "anytime network"

    @classmethod
    def from_logits(
        cls,
        logits: np.ndarray | Sequence[np.ndarray],
        labels: np.ndarray,
        name: str = "anytime network",
    ) -> "Predictions":
        """Makes predictions from the logits of a data set.

        Args:
            logits: Array `(num_stages, examples, classes)`, or a sequence of K
                arrays `(examples, classes)`.
            labels: Integer array `(examples,)`.
            name: Name of the network.

        Returns:
            `Predictions`.

        Raises:
            ValueError: If there are no examples or fewer than two classes, if
                labels are not integers in `[0, classes)`, or if a logit is not
                finite.
        """
        logits = [np.asarray(stage_logits) for stage_logits in logits]
        shapes = {stage_logits.shape for stage_logits in logits}
        if len(shapes) != 1 or any(len(shape) != 2 for shape in shapes):
            raise ValueError(
                "The logits of all stages must be of one shape `(examples, "
                f"classes)`. Received: logits of shapes {sorted(shapes)}"
            )
        labels = np.asarray(labels)
        check_labels(labels, *logits[0].shape)
        return cls.from_batches(
            [reduce_logits(logits, labels)], logits[0].shape[1], name
        )

    @classmethod
    def from_batches(
        cls,
        batches: Sequence[Mapping[str, np.ndarray]],
        classes: int,
        name: str,
    ) -> "Predictions":
        """Joins the arrays of several batches.

        Args:
            batches: Dicts of arrays, as from `reduce_logits`.
            classes: Number of classes.
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
            for column in _COLUMNS
        }
        return cls(**columns, classes=classes, name=name)

    @property
    def num_stages(self) -> int:
        """Number of stages K."""
        return self.correct.shape[1]

    @property
    def examples(self) -> int:
        """Number of examples."""
        return len(self.labels)

    def part(self, index: slice | np.ndarray) -> "Predictions":
        """Returns the predictions of some of the examples.

        Args:
            index: Slice, or array of integers or booleans, over the examples.

        Returns:
            `Predictions`.

        Raises:
            ValueError: If no example is left.
        """
        columns = {column: getattr(self, column)[index] for column in _COLUMNS}
        return self.from_batches([columns], self.classes, self.name)


def reduce_logits(
    logits: Sequence[np.ndarray], labels: np.ndarray
) -> dict[str, np.ndarray]:
    """Reduces the logits of a batch to the arrays of `Predictions`.

    Args:
        logits: Sequence of K arrays `(examples, classes)`.
        labels: Integer array of as many labels.

    Returns:
        Dict from the names of the arrays to the arrays.

    Raises:
        ValueError: If a logit is not finite.
    """
    labels = labels.reshape(-1)
    stacked = np.stack(logits)
    finite = np.isfinite(stacked).all(axis=2)
    for stage, finite_images in enumerate(finite, start=1):
        if not finite_images.all():
            raise ValueError(
                "Logits must be finite to be measured. Received: infinite or "
                f"NaN logits of stage {stage} for {np.sum(~finite_images)} of "
                f"{len(labels)} images"
            )
    of_label = (slice(None), np.arange(len(labels)), labels)
    others_as_large = (
        np.sum(stacked >= stacked[of_label][:, :, None], axis=2) - 1
    )
    log_probabilities = log_softmax(stacked)
    return {
        "labels": labels,
        "correct": (others_as_large < 1).T,
        "top5": (others_as_large < 5).T,
        "losses": -log_probabilities[of_label].T,
        "confidences": np.exp(log_probabilities.max(axis=2)).T,
    }


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


def check_labels(labels: np.ndarray, count: int, classes: int) -> None:
    """Raises an error if labels cannot be compared with logits.

    Args:
        labels: Array of labels.
        count: Number of images.
        classes: Number of classes.

    Raises:
        ValueError: If there are fewer than two classes, or the labels are not
            one integer in `[0, classes)` for each image.
    """
    if classes < 2:
        raise ValueError(
            "With one class, every answer is right: an error needs logits of "
            f"two classes or more. Received: logits of {classes} class"
        )
    if labels.dtype.kind not in "iu" or labels.size != count:
        raise ValueError(
            "Labels must be integers, one per image. Received: labels of type "
            f"{labels.dtype} and shape {labels.shape} for {count} images"
        )
    if len(labels) and (labels.min() < 0 or labels.max() >= classes):
        raise ValueError(
            f"Labels must be 0 to {classes - 1}. "
            f"Received: labels from {labels.min()} to {labels.max()}"
        )
