"""Simulates answers under deadlines, from measured latencies of each input."""

import dataclasses
import math
import os
from collections.abc import Callable
from collections.abc import Sequence

import numpy as np

from keras_anytime.evaluation import metrics as metrics_lib
from keras_anytime.evaluation.base import TaskMeasurement
from keras_anytime.evaluation.base import task_beside_classes
from keras_anytime.evaluation.tables import as_table
from keras_anytime.evaluation.timed import TimedPredictions
from keras_anytime.evaluation.timed import check_deadlines
from keras_anytime.evaluation.timed import check_same_inputs
from keras_anytime.files.csv_files import write_csv

# Deadlines as shares of the mean latency of the largest network (Wan 2020,
# Section 5.4).
SHARES = tuple(np.linspace(0.5, 1, 7).tolist())


@dataclasses.dataclass(frozen=True)
class DeadlineSimulation(TaskMeasurement):
    """The errors of several schemes under deadlines; see `simulate_deadlines`.

    `print(simulation)` shows the errors as a table.

    Args:
        deadlines_ms: Tuple of floats; infinite for no deadline.
        errors: Dict from `"baseline"`, `"nested"`, `"oracle_all"` and
            `"oracle_each"` to one error for each deadline.
        intervals: Dict from the same schemes to the ends of the errors'
            intervals, by the bootstrap over inputs.
        largest_ms: Mean latency of the largest network.
        examples: Number of inputs.
        confidence_level: Float in (0, 1), of the intervals.
        names: Dict from schemes to the networks' names.
        task: The `tasks.Task`; `None` for the choice of one class.
    """

    deadlines_ms: tuple[float, ...]
    errors: dict[str, tuple[float, ...]]
    intervals: dict[str, tuple[tuple[float, float], ...]]
    largest_ms: float
    examples: int
    confidence_level: float
    names: dict[str, str]

    def __str__(self) -> str:
        rows = []
        for index, deadline in enumerate(self.deadlines_ms):
            limited = math.isfinite(deadline)
            share = deadline / self.largest_ms if limited else None
            rows.append(
                {
                    "deadline": f"{deadline:.3f} ms" if limited else "none",
                    "of largest": None if share is None else f"{share:.0%}",
                    **{
                        scheme: self.error_text(errors[index], 1)
                        for scheme, errors in self.errors.items()
                    },
                }
            )
        networks = ", ".join(
            f"{scheme}: {name}" for scheme, name in self.names.items()
        )
        return "\n".join(
            [
                f"{self.error_name} under deadlines, {self.examples} inputs "
                f"({networks})",
                *as_table(rows),
            ]
        )

    def to_csv(self, path: str | os.PathLike) -> None:
        """Writes a CSV file with one line per deadline; none is `inf`.

        Args:
            path: Path of the file. An existing file is replaced atomically.
        """
        rows = []
        for index, deadline in enumerate(self.deadlines_ms):
            row = {"deadline_ms": deadline}
            for scheme, errors in self.errors.items():
                low, high = self.intervals[scheme][index]
                row[scheme] = errors[index]
                row[f"{scheme}_low"], row[f"{scheme}_high"] = low, high
            rows.append(row)
        write_csv(path, rows)

    def plot(self, path: str | os.PathLike) -> None:
        """Draws bars of the errors at each deadline, with intervals.

        Args:
            path: Path that ends in `.png` or `.svg`. An existing file is
                replaced atomically.

        Raises:
            ValueError: If the path has another suffix.
            ImportError: If Matplotlib is missing; the `plot` extra installs it.

        Reference:
            [Wan et al., 2020, Figure 10](https://arxiv.org/abs/2008.06635)
        """
        from keras_anytime.evaluation.plots import style
        from keras_anytime.evaluation.plots.deadlines import draw_deadlines

        style.save(draw_deadlines(self), path)


def simulate_deadlines(
    nested: TimedPredictions,
    oracle: TimedPredictions | Sequence[TimedPredictions] | None = None,
    baseline: TimedPredictions | None = None,
    deadlines_ms: Sequence[float] | None = None,
    num_resamples: int = metrics_lib.NUM_RESAMPLES,
    confidence_level: float = metrics_lib.CONFIDENCE_LEVEL,
    seed: int = 0,
) -> DeadlineSimulation:
    """Simulates four schemes under deadlines.

    At a deadline, an anytime network gives the answer of its last stage that
    is ready. The oracles know beforehand how long each network will take:

    - `nested`: the anytime network in question.
    - `baseline`: another anytime network, such as an even-width nest.
    - `oracle_all`: of the separate networks, the most accurate one that is
      ready by the deadline for all inputs.
    - `oracle_each`: for each input, the most accurate separate network that is
      ready by the deadline for this input.

    If nothing is ready, the answer is a random guess, or of a regression the
    labels' median, which counts with its expected error. The most accurate
    network has the lowest error over all inputs; among equal ones, the last in
    the list.

    ```python
    predictor = ka.runtime.AnytimePredictor("run/anytime.tflite")
    measured = ka.runtime.time_answers({"nested": predictor}, images)
    nested = ka.evaluation.TimedPredictions.from_answers(
        measured["nested"], labels, "nested"
    )
    # Here in place of a separate network: the last stage alone.
    alone = ka.evaluation.Predictions.from_logits(
        measured["nested"].logits[-1:], labels, "w4"
    )
    oracle = ka.evaluation.TimedPredictions(alone, nested.latency_ms[:, -1:])
    print(ka.evaluation.simulate_deadlines(nested, [oracle]))
    ```

    Args:
        nested: `TimedPredictions` of an anytime network.
        oracle: `TimedPredictions` of separate networks of one stage each. The
            largest network is the one with the largest median latency.
        baseline: `TimedPredictions` of another anytime network, or `None`.
        deadlines_ms: Positive floats, infinite for no deadline. `None` for the
            paper's deadlines: 7 from 0.5 to 1 times the mean latency of the
            largest separate network, and no deadline.
        num_resamples: Number of bootstrap data sets for the intervals.
        confidence_level: Float in (0, 1), of the intervals.
        seed: Seed of the bootstrap.

    Returns:
        A `DeadlineSimulation`.

    Raises:
        ValueError: If there is no oracle, a network of it has several stages,
            the networks answered different inputs, or a deadline is not
            positive.

    Reference:
        [Wan et al., 2020, Section 5.4](https://arxiv.org/abs/2008.06635)
    """
    if isinstance(oracle, TimedPredictions):
        oracle = [oracle]
    if not oracle:
        raise ValueError(
            "`oracle` must hold separate networks, because the deadlines and "
            "two of the schemes depend on them: train and time those of "
            f"`ka.nets.independent`. Received: oracle={oracle!r}"
        )
    for network in oracle:
        if network.predictions.num_stages != 1:
            raise ValueError(
                "The networks of the oracle must answer once. Received: "
                f"{network.predictions.name!r} of "
                f"{network.predictions.num_stages} stages"
            )
    anytime = {"nested": nested}
    if baseline is not None:
        anytime = {"baseline": baseline, **anytime}
    check_same_inputs([*anytime.values(), *oracle])
    # The median is robust: one slow answer does not make a network the largest.
    largest = max(oracle, key=lambda network: np.median(network.latency_ms))
    largest_ms = float(largest.latency_ms.mean())
    if deadlines_ms is None:
        deadlines_ms = default_deadlines(largest_ms)
    deadlines_ms, _ = check_deadlines(deadlines_ms)
    ranked = sorted(
        oracle, key=lambda network: -network.predictions.errors.mean()
    )
    schemes: dict[str, Callable[[float], np.ndarray]] = {
        **{
            scheme: network.errors_at_deadline
            for scheme, network in anytime.items()
        },
        "oracle_all": lambda deadline: _oracle_errors(ranked, deadline, True),
        "oracle_each": lambda deadline: _oracle_errors(ranked, deadline, False),
    }
    errors, intervals = {}, {}
    for scheme, errors_at_deadline in schemes.items():
        values = np.column_stack(
            [errors_at_deadline(deadline) for deadline in deadlines_ms]
        )
        errors[scheme] = tuple(values.mean(axis=0).tolist())
        ends = metrics_lib.bootstrap_intervals(
            values, num_resamples, confidence_level, seed
        )
        intervals[scheme] = tuple((low, high) for low, high in ends.tolist())
    return DeadlineSimulation(
        deadlines_ms=deadlines_ms,
        errors=errors,
        intervals=intervals,
        largest_ms=largest_ms,
        examples=nested.predictions.examples,
        confidence_level=confidence_level,
        names={
            **{
                scheme: network.predictions.name
                for scheme, network in anytime.items()
            },
            "oracle": ", ".join(network.predictions.name for network in oracle),
        },
        task=task_beside_classes(nested.predictions.task),
    )


def default_deadlines(latency_ms: float) -> list[float]:
    """Returns the paper's deadlines.

    Args:
        latency_ms: Mean latency of the largest network.

    Returns:
        List of 8 floats: 0.5 to 1 times the latency, and infinity.
    """
    return [share * latency_ms for share in SHARES] + [math.inf]


def _oracle_errors(
    ranked: Sequence[TimedPredictions], deadline_ms: float, for_all: bool
) -> np.ndarray:
    """Returns the expected error for each input of the oracle's choice.

    Args:
        ranked: `TimedPredictions`, the least accurate network first.
        deadline_ms: Milliseconds.
        for_all: If True, a network is chosen only if it is ready for all
            inputs.
    """
    errors = ranked[0].errors_at_deadline(0)  # Nothing is ready so early.
    for network in ranked:
        ready = network.latency_ms[:, 0] <= deadline_ms
        if for_all:
            ready = np.full_like(ready, ready.all())
        errors = np.where(ready, network.errors_at_deadline(math.inf), errors)
    return errors
