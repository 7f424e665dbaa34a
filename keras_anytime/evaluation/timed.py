"""Answers with the times at which they were ready."""

import dataclasses

import numpy as np

from keras_anytime.evaluation.predictions import Predictions


@dataclasses.dataclass(frozen=True, eq=False)
class TimedPredictions:
    """How, and when, each stage of a network answers each input.

    Args:
        predictions: `Predictions`.
        latency_ms: Float array `(examples, num_stages)`, milliseconds from
            the input to each stage's answer; or `(num_stages,)`, where it is
            the same for all inputs.

    Raises:
        ValueError: If a latency is not positive and finite, decreases from
            stage to stage, or there is not one for each answer.
    """

    predictions: Predictions
    latency_ms: np.ndarray

    def __post_init__(self):
        shape = (self.predictions.examples, self.predictions.num_stages)
        latency = np.asarray(self.latency_ms, "float64")
        if latency.shape not in (shape, shape[1:]):
            raise ValueError(
                f"`latency_ms` must be of shape {shape} or {shape[1:]}: one "
                f"for each answer of {self.predictions.name!r}. "
                f"Received: latency_ms of shape {latency.shape}"
            )
        latency = np.broadcast_to(latency, shape)
        if not np.all((latency > 0) & np.isfinite(latency)) or np.any(
            np.diff(latency, axis=1) < 0
        ):
            raise ValueError(
                "Latencies are positive, finite, and from the input to each "
                "stage's answer, so that they never decrease. Received: "
                f"latency_ms of {self.predictions.name!r} with minimum "
                f"{np.nanmin(latency):.6g} and maximum {np.nanmax(latency):.6g}"
            )
        object.__setattr__(self, "latency_ms", latency)

    @classmethod
    def of(cls, measured, labels, name="anytime network"):
        """Makes them from answers that were measured.

        Args:
            measured: `TimedAnswers`, as from `ka.runtime.time_answers`.
            labels: Integer array `(examples,)`.
            name: String.

        Raises:
            ValueError: If labels and answers cannot be measured.
        """
        predictions = Predictions.from_logits(measured.logits, labels, name)
        return cls(predictions, measured.latency_ms)

    def latencies(self):
        """Returns mean, median and 99th percentile of each stage's latency.

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

    def errors_by(self, deadline_ms):
        """Returns the expected error of the answer to each input.

        Args:
            deadline_ms: Float, milliseconds; infinite for no deadline.

        Returns:
            Float array `(examples,)`: 0 where the last stage that is ready is
            right, 1 where it is wrong, and that of a random guess,
            1 - 1 / classes, where none is ready.
        """
        ready = np.sum(self.latency_ms <= deadline_ms, axis=1)
        last = np.take_along_axis(
            self.predictions.correct, np.maximum(ready - 1, 0)[:, None], axis=1
        )[:, 0]
        guess = 1 - 1 / self.predictions.classes
        return np.where(ready > 0, 1.0 - last, guess)


def check_deadlines(deadlines_ms, probabilities=None):
    """Returns deadlines and their probabilities, checked.

    Args:
        deadlines_ms: Sequence of positive floats, infinite for none.
        probabilities: Sequence of floats of 0 or more, in any unit, one for
            each deadline; `None` for equal ones.

    Returns:
        Tuple of floats, and a float array of sum 1.

    Raises:
        ValueError: If there are none, or one is out of range.
    """
    deadlines = np.asarray(deadlines_ms, "float64")
    if deadlines.ndim != 1 or not len(deadlines) or not np.all(deadlines > 0):
        raise ValueError(
            "Deadlines are positive numbers of milliseconds, one or more. "
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
            "`probabilities` must be one number of 0 or more for each "
            f"deadline, not all 0. Received: {probabilities} for "
            f"{len(deadlines)} deadlines"
        )
    return tuple(deadlines.tolist()), weights / weights.sum()


def check_same_inputs(timed):
    """Raises a `ValueError` if networks did not answer the same inputs."""
    for one in timed:
        if not isinstance(one, TimedPredictions):
            raise ValueError(
                "Networks are compared by their answers and their latencies, "
                f"`TimedPredictions`. Received: {type(one).__name__}"
            )
    first = timed[0].predictions
    for one in timed[1:]:
        other = one.predictions
        if other.classes != first.classes or not np.array_equal(
            other.labels, first.labels
        ):
            raise ValueError(
                "All networks must have answered the same inputs, in the same "
                f"order. Received: {first.examples} inputs of {first.classes} "
                f"classes of {first.name!r} and {other.examples} of "
                f"{other.classes} of {other.name!r}, with other labels"
            )
