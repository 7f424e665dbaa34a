"""Expected errors under random deadlines, and the best stage priority."""

import dataclasses
from collections.abc import Hashable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_anytime.evaluation import metrics as metrics_lib
from keras_anytime.evaluation.base import TaskMeasurement
from keras_anytime.evaluation.base import task_beside_classes
from keras_anytime.evaluation.tables import as_table
from keras_anytime.evaluation.timed import TimedPredictions
from keras_anytime.evaluation.timed import check_deadlines
from keras_anytime.evaluation.timed import check_same_inputs


def expected_error(
    timed: TimedPredictions,
    deadlines_ms: Sequence[float],
    probabilities: Sequence[float] | None = None,
) -> float:
    """Computes the expected error under a distribution of deadlines.

    ```python
    predictions = ka.evaluation.predict_stages(model, (images, labels))
    timed = ka.evaluation.TimedPredictions(predictions, [1.0, 2.5, 6.0])
    # Mostly 8 ms; in one of ten cases 4 ms, in one of ten no deadline.
    ka.evaluation.expected_error(timed, [4, 8, np.inf], [0.1, 0.8, 0.1])
    ```

    Args:
        timed: `TimedPredictions`.
        deadlines_ms: Positive floats, infinite for no deadline; for example
            the recorded deadlines of an application.
        probabilities: One nonnegative weight for each deadline: its
            probability, or the weight of an error there. `None` for equal
            weights. They need not sum to 1.

    Returns:
        Float, the error of the networks' task.

    Raises:
        ValueError: If a deadline or a probability is out of range.
    """
    return float(_expected_errors(timed, deadlines_ms, probabilities).mean())


@dataclasses.dataclass(frozen=True)
class PriorityChoice(TaskMeasurement):
    """The stage priority with the lowest expected error; see `best_priority`.

    `print(choice)` shows all candidates as a table.

    Args:
        priority: The best candidate's key.
        expected_errors: Dict from candidates to expected errors.
        excess: Dict from candidates to the excess of the expected error over
            that of the best candidate, and the ends of its interval. The best
            candidate was chosen on the same inputs, which favors it.
        confidence_level: Float in (0, 1), of the intervals.
        task: The `tasks.Task`; `None` for the choice of one class.
    """

    priority: Hashable
    expected_errors: dict[Any, float]
    excess: dict[Any, tuple[float, float, float]]
    confidence_level: float

    def to_dict(self) -> dict[str, Any]:
        """Returns the choice as a dict of plain values, for JSON."""
        return {
            "best": _priority_text(self.priority),
            "candidates": [
                {
                    "priority": _priority_text(candidate),
                    "expected_error": error,
                    "excess": self.excess[candidate],
                }
                for candidate, error in self.expected_errors.items()
            ],
            "confidence_level": self.confidence_level,
            **self.task_entry(),
        }

    def __str__(self) -> str:
        rows = []
        for candidate, error in self.expected_errors.items():
            excess, low, high = self.excess[candidate]
            best = candidate == self.priority
            rows.append(
                {
                    "priority": _priority_text(candidate),
                    "expected error": self.error_text(error),
                    "above the best": (
                        "best" if best else self.error_text(excess)
                    ),
                    f"{self.confidence_level:.0%} interval": (
                        None
                        if best
                        else f"{self.error_text(low)} to "
                        f"{self.error_text(high)}"
                    ),
                }
            )
        return "\n".join(as_table(rows))


def best_priority(
    candidates: Mapping[Any, TimedPredictions],
    deadlines_ms: Sequence[float],
    probabilities: Sequence[float] | None = None,
    num_resamples: int = metrics_lib.NUM_RESAMPLES,
    confidence_level: float = metrics_lib.CONFIDENCE_LEVEL,
    seed: int = 0,
) -> PriorityChoice:
    """Chooses the stage priority of OSGD for a distribution of deadlines.

    The order in which `Orthogonal` projects the gradients favors some stages
    over others; the paper found that it often favors the stages of low
    priority. Therefore all candidates are trained and measured. The best
    candidate depends on the deadlines.

    ```python
    predictions = ka.evaluation.predict_stages(model, (images, labels))
    timed = ka.evaluation.TimedPredictions(predictions, [1.0, 2.5, 6.0])
    candidates = {(1, 2, 3): timed}  # and one for each other priority
    choice = ka.evaluation.best_priority(candidates, [4, 8])
    print(choice.priority)
    ```

    Args:
        candidates: Dict from priorities, such as `(2, 1, 3)`, to the
            `TimedPredictions` of the network that was trained with the
            priority.
        deadlines_ms: As for `expected_error`.
        probabilities: As for `expected_error`.
        num_resamples: Number of bootstrap data sets for the intervals, which
            are those of differences on the same inputs.
        confidence_level: Float in (0, 1), of the intervals.
        seed: Seed of the bootstrap.

    Returns:
        A `PriorityChoice`.

    Raises:
        ValueError: If there is no candidate, the candidates answered different
            inputs, or a deadline or a probability is out of range.

    Reference:
        [Wan et al., 2020, Section 5.2 and Figure 8](
        https://arxiv.org/abs/2008.06635)
    """
    if not isinstance(candidates, Mapping) or not candidates:
        raise ValueError(
            "`candidates` must be a dict from priorities to timed predictions, "
            f"not empty. Received: candidates={candidates!r}"
        )
    check_same_inputs(list(candidates.values()))
    errors = {
        candidate: _expected_errors(timed, deadlines_ms, probabilities)
        for candidate, timed in candidates.items()
    }
    expected = {
        candidate: float(values.mean()) for candidate, values in errors.items()
    }
    best = min(expected, key=lambda candidate: expected[candidate])
    excess = np.column_stack(
        [values - errors[best] for values in errors.values()]
    )
    ends = metrics_lib.bootstrap_intervals(
        excess, num_resamples, confidence_level, seed
    ).tolist()
    return PriorityChoice(
        priority=best,
        expected_errors=expected,
        excess={
            candidate: (expected[candidate] - expected[best], low, high)
            for candidate, (low, high) in zip(expected, ends, strict=True)
        },
        confidence_level=confidence_level,
        task=task_beside_classes(candidates[best].predictions.task),
    )


def _expected_errors(
    timed: TimedPredictions,
    deadlines_ms: Sequence[float],
    probabilities: Sequence[float] | None,
) -> np.ndarray:
    """Returns the expected error for each input."""
    deadlines, weights = check_deadlines(deadlines_ms, probabilities)
    errors = np.column_stack(
        [timed.errors_at_deadline(deadline) for deadline in deadlines]
    )
    return errors @ weights


def _priority_text(candidate: Any) -> str:
    if isinstance(candidate, tuple):
        return " > ".join(map(str, candidate))
    return str(candidate)
