"""What a network is worth where deadlines are random."""

import dataclasses
from collections.abc import Mapping

import numpy as np

from keras_anytime.evaluation import metrics as metrics_lib
from keras_anytime.evaluation.base import Result
from keras_anytime.evaluation.tables import as_table
from keras_anytime.evaluation.timed import check_deadlines
from keras_anytime.evaluation.timed import check_same_inputs


def expected_error(timed, deadlines_ms, probabilities=None):
    """Returns the expected top-1 error under a distribution of deadlines.

    ```python
    # Mostly 8 ms; in one of ten cases 4 ms, in one of ten no deadline.
    expected_error(timed, [4, 8, math.inf], [0.1, 0.8, 0.1])
    # As an application had them, each as likely.
    expected_error(timed, recorded_deadlines_ms)
    ```

    Args:
        timed: `TimedPredictions`.
        deadlines_ms: Sequence of positive floats, infinite for none.
        probabilities: Sequence of floats of 0 or more, in any unit: how
            likely each deadline is, or how much an error there weighs; `None`
            for equal ones.

    Returns:
        Float in [0, 1].

    Raises:
        ValueError: If a deadline or a probability is out of its range.
    """
    return float(_expected_errors(timed, deadlines_ms, probabilities).mean())


@dataclasses.dataclass(frozen=True)
class PriorityChoice(Result):
    """The stage priority with the lowest expected error; see `best_priority`.

    Args:
        priority: The best candidate's key.
        expected_errors: Dict from candidates to expected errors.
        excess: Dict from candidates to triples: by how much each expected
            error is above that of the best, and the ends of its interval, for
            this best one. That it was chosen on the same inputs flatters it.
        level: Float in (0, 1), the confidence level of the intervals.
    """

    priority: object
    expected_errors: dict
    excess: dict
    level: float

    def to_dict(self):
        """Returns it as a dict of plain values, for JSON."""
        return {
            "best": _written(self.priority),
            "candidates": [
                {
                    "priority": _written(one),
                    "expected_error": error,
                    "excess": self.excess[one],
                }
                for one, error in self.expected_errors.items()
            ],
            "level": self.level,
        }

    def __str__(self):
        rows = []
        for candidate, error in self.expected_errors.items():
            more, low, high = self.excess[candidate]
            best = candidate == self.priority
            rows.append(
                {
                    "priority": _written(candidate),
                    "expected error": f"{error:.2%}",
                    "above the best": "best" if best else f"{more:.2%}",
                    f"{self.level:.0%} interval": (
                        None if best else f"{low:.2%} to {high:.2%}"
                    ),
                }
            )
        return "\n".join(as_table(rows))


def best_priority(
    candidates,
    deadlines_ms,
    probabilities=None,
    resamples=metrics_lib.RESAMPLES,
    level=metrics_lib.LEVEL,
    seed=0,
):
    """Chooses the stage priority of OSGD for a distribution of deadlines.

    The order in which `Orthogonal` projects makes some stages better at the
    others' expense, and often, as the paper found, those of low priority. So
    candidates are trained and measured; which is best depends on when answers
    are asked for.

    Args:
        candidates: Dict from priorities, such as `(2, 1, 3)`, to the
            `TimedPredictions` of the network that was trained with it.
        deadlines_ms: As for `expected_error`.
        probabilities: Likewise.
        resamples: Integer. Data sets drawn for the intervals, which are of
            differences on the same inputs.
        level: Float in (0, 1). Their confidence level.
        seed: Integer, of the draws.

    Returns:
        A `PriorityChoice`.

    Raises:
        ValueError: If there is no candidate, they answered different inputs,
            or a deadline or a probability is out of its range.

    Reference:
        [Wan et al., 2020, Section 5.2 and Figure 8](
        https://arxiv.org/abs/2008.06635)
    """
    if not isinstance(candidates, Mapping) or not candidates:
        raise ValueError(
            "`candidates` must be a dict from priorities to timed answers, not "
            f"empty. Received: candidates={candidates!r}"
        )
    check_same_inputs(list(candidates.values()))
    errors = {
        candidate: _expected_errors(timed, deadlines_ms, probabilities)
        for candidate, timed in candidates.items()
    }
    expected = {one: float(values.mean()) for one, values in errors.items()}
    best = min(expected, key=expected.get)
    above = np.column_stack(
        [values - errors[best] for values in errors.values()]
    )
    ends = metrics_lib.bootstrap_intervals(
        above, resamples, level, seed
    ).tolist()
    return PriorityChoice(
        priority=best,
        expected_errors=expected,
        excess={
            one: (expected[one] - expected[best], *ends[index])
            for index, one in enumerate(expected)
        },
        level=level,
    )


def _expected_errors(timed, deadlines_ms, probabilities):
    """Returns the expected error for each input."""
    deadlines, weights = check_deadlines(deadlines_ms, probabilities)
    errors = np.column_stack(
        [timed.errors_by(deadline) for deadline in deadlines]
    )
    return errors @ weights


def _written(candidate):
    if isinstance(candidate, tuple):
        return " > ".join(map(str, candidate))
    return str(candidate)
