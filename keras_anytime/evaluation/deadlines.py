"""Answers under deadlines, from measured latencies of every input."""

import dataclasses
import math

import numpy as np

from keras_anytime.evaluation import metrics as metrics_lib
from keras_anytime.evaluation.base import Result
from keras_anytime.evaluation.csv_files import write_csv
from keras_anytime.evaluation.tables import as_table
from keras_anytime.evaluation.timed import TimedPredictions
from keras_anytime.evaluation.timed import check_deadlines
from keras_anytime.evaluation.timed import check_same_inputs

# Wan 2020, Section 5.4: deadlines from half to all of the mean latency of the
# largest network.
SHARES = tuple(np.linspace(0.5, 1, 7).tolist())


@dataclasses.dataclass(frozen=True)
class DeadlineSimulation(Result):
    """Errors under deadlines of several schemes; see `simulate_deadlines`.

    `print(simulation)` shows it as a table.

    Args:
        deadlines_ms: Tuple of floats; infinite for none.
        errors: Dict from `"baseline"`, `"nested"`, `"oracle_all"` and
            `"oracle_each"` to one top-1 error for each deadline.
        intervals: Dict likewise to pairs of the ends of their intervals, by
            the bootstrap over inputs.
        largest_ms: Float. The mean latency of the largest network.
        examples: Integer. Inputs measured.
        level: Float in (0, 1), the confidence level of the intervals.
        names: Dict from schemes to the networks' names.
    """

    deadlines_ms: tuple[float, ...]
    errors: dict[str, tuple[float, ...]]
    intervals: dict[str, tuple[tuple[float, float], ...]]
    largest_ms: float
    examples: int
    level: float
    names: dict[str, str]

    def __str__(self):
        rows = []
        for index, deadline in enumerate(self.deadlines_ms):
            limited = math.isfinite(deadline)
            share = deadline / self.largest_ms if limited else None
            rows.append(
                {
                    "deadline": f"{deadline:.3f} ms" if limited else "none",
                    "of largest": None if share is None else f"{share:.0%}",
                    **{
                        scheme: f"{100 * errors[index]:.1f}%"
                        for scheme, errors in self.errors.items()
                    },
                }
            )
        networks = ", ".join(
            f"{scheme}: {name}" for scheme, name in self.names.items()
        )
        return "\n".join(
            [
                f"top-1 error under deadlines, {self.examples} inputs "
                f"({networks})",
                *as_table(rows),
            ]
        )

    def to_csv(self, path):
        """Writes one line per deadline to a CSV file; none is `inf`.

        Args:
            path: String or path. A file there is replaced at once.
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

    def plot(self, path):
        """Draws bars of the errors at each deadline, with intervals.

        Args:
            path: String or path that ends in `.png` or `.svg`. A file there
                is replaced at once.

        Raises:
            ValueError: If the path ends in anything else.
            ImportError: If Matplotlib is missing; the `plot` extra brings it.
        """
        from keras_anytime.evaluation.plots.curves import plot_deadlines

        plot_deadlines(self, path)


def simulate_deadlines(
    nested,
    oracle=None,
    baseline=None,
    deadlines_ms=None,
    resamples=metrics_lib.RESAMPLES,
    level=metrics_lib.LEVEL,
    seed=0,
):
    """Returns the errors of four schemes under deadlines.

    At a deadline, an anytime network gives the answer of its last stage that
    is ready. The oracles know beforehand how long each network will take:

    - `nested`: your anytime network.
    - `baseline`: another one to compare with, such as an even-width nest.
    - `oracle_all`: of separate networks, the most accurate one of those that
      are ready by the deadline for all inputs.
    - `oracle_each`: for each input, the most accurate one of those that are
      ready by the deadline for this input.

    Where nothing is ready, a random guess is the answer; what counts is its
    expected error. The most accurate network is that with the lowest error
    over all inputs; of equal ones, the last that is given.

    ```python
    measured = ka.runtime.time_answers(predictors, images)
    timed = {
        name: ka.evaluation.TimedPredictions.of(one, labels, name)
        for name, one in measured.items()
    }
    simulation = ka.evaluation.simulate_deadlines(
        timed["nested"], [timed["w1"], timed["w2"], timed["w4"]]
    )
    ```

    Args:
        nested: `TimedPredictions` of an anytime network.
        oracle: Sequence of `TimedPredictions` of separate networks of one
            stage each. The largest is that with the largest median latency.
        baseline: `TimedPredictions` of another anytime network, or `None`.
        deadlines_ms: Sequence of positive floats, infinite for none; `None`
            for the paper's: 7 from 0.5 to 1 times the mean latency of the
            largest separate network, and none.
        resamples: Integer. Data sets drawn for the intervals.
        level: Float in (0, 1). Their confidence level.
        seed: Integer, of the draws.

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
            "The deadlines and two of the schemes need separate networks to "
            "choose from: train and time those of `ka.nets.independent`. "
            f"Received: oracle={oracle!r}"
        )
    for one in oracle:
        if one.predictions.num_stages != 1:
            raise ValueError(
                "The oracle's networks answer once each. Received: "
                f"{one.predictions.name!r} of {one.predictions.num_stages} "
                "stages"
            )
    anytime = {"baseline": baseline, "nested": nested}
    anytime = {name: one for name, one in anytime.items() if one is not None}
    check_same_inputs([*anytime.values(), *oracle])
    # By medians: one slow answer makes no network the largest.
    largest = max(oracle, key=lambda one: np.median(one.latency_ms))
    largest_ms = float(largest.latency_ms.mean())
    if deadlines_ms is None:
        deadlines_ms = default_deadlines(largest_ms)
    deadlines_ms, _ = check_deadlines(deadlines_ms)
    ranked = sorted(oracle, key=lambda one: one.predictions.correct.mean())
    by_scheme = {
        **{name: one.errors_by for name, one in anytime.items()},
        "oracle_all": lambda deadline: _oracle_errors(ranked, deadline, True),
        "oracle_each": lambda deadline: _oracle_errors(ranked, deadline, False),
    }
    errors, intervals = {}, {}
    for scheme, errors_by in by_scheme.items():
        values = np.column_stack(
            [errors_by(deadline) for deadline in deadlines_ms]
        )
        errors[scheme] = tuple(values.mean(axis=0).tolist())
        ends = metrics_lib.bootstrap_intervals(values, resamples, level, seed)
        intervals[scheme] = tuple(map(tuple, ends.tolist()))
    separate = ", ".join(one.predictions.name for one in oracle)
    return DeadlineSimulation(
        deadlines_ms=deadlines_ms,
        errors=errors,
        intervals=intervals,
        largest_ms=largest_ms,
        examples=nested.predictions.examples,
        level=level,
        names={
            **{name: one.predictions.name for name, one in anytime.items()},
            "oracle": separate,
        },
    )


def default_deadlines(latency_ms):
    """Returns the paper's deadlines.

    Args:
        latency_ms: Float, the mean latency of the largest network.

    Returns:
        List of 8 floats: 0.5 to 1 times that, and infinity.
    """
    return [share * latency_ms for share in SHARES] + [math.inf]


def _oracle_errors(ranked, deadline_ms, for_all):
    """Returns the expected error for each input of the oracle's choice.

    Args:
        ranked: List of `TimedPredictions`, the least accurate first.
        deadline_ms: Float.
        for_all: Boolean. Whether a network must be ready for all inputs to be
            chosen for any.
    """
    errors = ranked[0].errors_by(0)  # Nothing is ready so early.
    for one in ranked:
        ready = one.latency_ms[:, 0] <= deadline_ms
        if for_all:
            ready = ready.all()
        errors = np.where(ready, one.errors_by(math.inf), errors)
    return errors
