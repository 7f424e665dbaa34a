"""Predictions together with the times at which they are ready."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_anytime import tasks
from keras_anytime.evaluation.prediction_checks import check_predictions
from keras_anytime.evaluation.predictions import Predictions


@dataclasses.dataclass(frozen=True, eq=False)
class TimedPredictions:
    """The answers of each stage of a network, and the latency of each answer.

    ```python
    predictions = ka.evaluation.predict_stages(model, (images, labels))
    timed = ka.evaluation.TimedPredictions(predictions, [1.0, 2.5, 6.0])
    ```

    Args:
        predictions: `Predictions`.
        latency_ms: Float array `(examples, num_stages)`, milliseconds from the
            input to each stage's answer; or `(num_stages,)` if the latencies
            are the same for all inputs.

    Raises:
        ValueError: If there is not one latency for each answer, or a latency
            is not positive and finite or decreases from stage to stage.
    """

    predictions: Predictions
    latency_ms: np.ndarray

    def __post_init__(self) -> None:
        check_predictions(self.predictions)
        shape = (self.predictions.examples, self.predictions.num_stages)
        latency = np.asarray(self.latency_ms, "float64")
        if latency.shape not in (shape, shape[1:]):
            raise ValueError(
                f"`latency_ms` must have shape {shape} or {shape[1:]}, one "
                f"latency for each answer of {self.predictions.name!r}. "
                f"Received: latency_ms of shape {latency.shape}"
            )
        latency = np.broadcast_to(latency, shape)
        if not np.all((latency > 0) & np.isfinite(latency)) or np.any(
            np.diff(latency, axis=1) < 0
        ):
            raise ValueError(
                "Latencies must be positive and finite. They are measured from "
                "the input, so that they never decrease from stage to stage. "
                f"Received: latency_ms of {self.predictions.name!r} with "
                f"minimum {np.nanmin(latency):.6g} and maximum "
                f"{np.nanmax(latency):.6g}"
            )
        object.__setattr__(self, "latency_ms", latency)

    @classmethod
    def from_answers(
        cls,
        answers: Any,
        labels: np.ndarray,
        name: str = "anytime network",
        task: tasks.Task | int | None = None,
    ) -> "TimedPredictions":
        """Makes timed predictions from answers that a device measured.

        Args:
            answers: `TimedAnswers`, as from `ka.runtime.time_answers`. They
                count as the file gives them: divided by its temperatures, or
                as its product answers.
            labels: Array of labels, as for `Predictions.from_logits`.
            name: Name of the network.
            task: As for `Predictions.from_logits`.

        Returns:
            `TimedPredictions`.

        Raises:
            ValueError: As `Predictions.from_logits`.
        """
        divisors = answers.temperatures
        predictions = dataclasses.replace(
            Predictions.from_logits(answers.logits, labels, name, task),
            stages=answers.stages,
            label_set=answers.label_set,
        )
        if answers.product_answers:
            predictions = predictions.product()
        elif divisors and predictions.logits is not None:
            predictions = predictions.calibrated(divisors)
        elif divisors and predictions.task.has_confidence:
            # Answers of other tasks, which fitted temperatures are not for.
            divided = [
                logits / divisor
                for logits, divisor in zip(
                    answers.logits, divisors, strict=True
                )
            ]
            predictions = dataclasses.replace(
                predictions,
                confidences=Predictions.from_logits(
                    divided, labels, name, task
                ).confidences,
                temperatures=divisors,
            )
        return cls(
            dataclasses.replace(predictions, logits=None), answers.latency_ms
        )

    def latencies(self) -> list[dict[str, Any]]:
        """Computes mean, median and 99th percentile of each stage's latency.

        Returns:
            List of K dicts, the rows of a table.
        """
        return [
            {
                "network": self.predictions.name,
                "stage": stage,
                "mean_ms": float(times.mean()),
                "median_ms": float(np.median(times)),
                "percentile_99_ms": float(np.percentile(times, 99)),
            }
            for stage, times in enumerate(self.latency_ms.T, start=1)
        ]

    def errors_at_deadline(self, deadline_ms: float) -> np.ndarray:
        """Computes the expected error of the answer to each input.

        Args:
            deadline_ms: Milliseconds; infinite for no deadline.

        Returns:
            Float array `(examples,)`: the error of the last stage that is
            ready; if no stage is ready, the mean error of an answer that has
            not seen the input, such as 1 - 1 / classes of a random guess.
        """
        ready = np.sum(self.latency_ms <= deadline_ms, axis=1)
        last = np.take_along_axis(
            self.predictions.errors, np.maximum(ready - 1, 0)[:, None], axis=1
        )[:, 0]
        return np.where(ready > 0, last, self.predictions.guess_error)


def check_deadlines(
    deadlines_ms: Sequence[float],
    probabilities: Sequence[float] | None = None,
) -> tuple[tuple[float, ...], np.ndarray]:
    """Checks deadlines, and normalizes their probabilities.

    Args:
        deadlines_ms: Positive floats; infinite for no deadline.
        probabilities: One nonnegative weight for each deadline; `None` for
            equal weights. They need not sum to 1.

    Returns:
        The deadlines, and a float array of probabilities that sum to 1.

    Raises:
        ValueError: If there is no deadline, or a number is out of range.
    """
    deadlines = np.asarray(deadlines_ms, "float64")
    if deadlines.ndim != 1 or not len(deadlines) or not np.all(deadlines > 0):
        raise ValueError(
            "Deadlines must be positive numbers of milliseconds, one or more. "
            f"Received: deadlines_ms={deadlines_ms}"
        )
    if probabilities is None:
        weights = np.ones(len(deadlines))
    else:
        weights = np.asarray(probabilities, "float64")
    if (
        weights.shape != deadlines.shape
        or not np.all((weights >= 0) & np.isfinite(weights))
        or not weights.sum() > 0
    ):
        raise ValueError(
            "`probabilities` must have one number of 0 or more for each "
            f"deadline, not all 0. Received: {probabilities} for "
            f"{len(deadlines)} deadlines"
        )
    return tuple(deadlines.tolist()), weights / weights.sum()


def check_same_inputs(timed: Sequence[TimedPredictions]) -> None:
    """Raises an error if networks did not answer the same inputs.

    Args:
        timed: `TimedPredictions` of each network.

    Raises:
        ValueError: If an entry is not `TimedPredictions`, or their tasks or
            labels differ.
    """
    for network in timed:
        if not isinstance(network, TimedPredictions):
            raise ValueError(
                "Networks are compared by answers and latencies: each must be "
                f"`TimedPredictions`. Received: {type(network).__name__}"
            )
    first = timed[0].predictions
    for network in timed[1:]:
        other = network.predictions
        if other.task != first.task:
            raise ValueError(
                "Only networks of the same task can be compared. "
                f"Received: {first.task} of {first.name!r} and {other.task} of "
                f"{other.name!r}"
            )
        if not np.array_equal(other.labels, first.labels):
            raise ValueError(
                "All networks must have answered the same inputs, in the same "
                f"order. Received: {first.examples} inputs of {first.name!r} "
                f"and {other.examples} of {other.name!r}, with other labels"
            )
