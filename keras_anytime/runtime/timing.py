"""Times of several exported files, which take turns on one device.

`time_programs` times every program of the files on an empty example, and
`time_answers` times the answers of predictors to given examples.
"""

import dataclasses
import os
import time
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_anytime.manifest.manifest import Manifest
from keras_anytime.progress import counted
from keras_anytime.progress import progress
from keras_anytime.runtime.arguments import check_positive_integer
from keras_anytime.runtime.inputs import Inputs
from keras_anytime.runtime.opening import open_programs
from keras_anytime.runtime.predictor import AnytimePredictor
from keras_anytime.runtime.stage_result import StageResult


@dataclasses.dataclass(frozen=True, eq=False)
class ProgramTimes:
    """Milliseconds that the programs of one file took, round by round.

    Args:
        manifest: The `Manifest` of the file, with K stages.
        stream_ms: Float array `(rounds, K)`. The time from the start of the
            first program to the answer of each stage. The steps run one after
            another without a predictor; a network without steps runs its
            subnetworks instead.
        subnets_ms: Float array `(rounds, K)`. The time of each subnetwork
            alone. Its shape is `(rounds, 0)` if the file has no subnetworks.
        answers_ms: Float array `(rounds, K)`. The time from a call of
            `AnytimePredictor.stream` to the answer of each stage.
        late_ms: Float array `(rounds,)`. The delay of
            `AnytimePredictor.predict` after its deadline, which is drawn at
            random between the call and the last answer.
    """

    manifest: Manifest
    stream_ms: np.ndarray
    subnets_ms: np.ndarray
    answers_ms: np.ndarray
    late_ms: np.ndarray

    @property
    def steps_ms(self) -> np.ndarray:
        """Float array `(rounds, K)`, the time that each step adds."""
        return np.diff(self.stream_ms, axis=1, prepend=0.0)

    @property
    def overhead_ms(self) -> float:
        """The time that the predictor adds per step, the median of rounds."""
        added = self.answers_ms[:, -1] - self.stream_ms[:, -1]
        return float(np.median(added)) / self.manifest.num_stages


@dataclasses.dataclass(frozen=True, eq=False)
class TimedAnswers:
    """The answers of one network to examples, and their times.

    Args:
        logits: Float array `(num_stages, examples, classes)`, or of another
            shape per example as in `StageResult`. With label sets, the logits
            are those of the first set.
        latency_ms: Float array `(examples, num_stages)`. The milliseconds from
            the call to each stage's answer, as medians of the repetitions.
        product_answers: Boolean. Whether the file has product answers; the
            logits are those of each stage alone nevertheless.
        temperatures: Tuple of K floats, the temperatures of the file, which
            have not divided these logits; `None` if it has none.
        stages: Tuple of the numbers of the stages; 1 to K, if not given.
        label_set: String, the first of several label sets, or `None`.
    """

    logits: np.ndarray
    latency_ms: np.ndarray
    product_answers: bool = False
    temperatures: tuple[float, ...] | None = None
    stages: tuple[int, ...] = ()
    label_set: str | None = None


def time_programs(
    paths: Mapping[str, str | os.PathLike],
    num_threads: int | None = None,
    repetitions: int = 50,
    verbose: bool = True,
) -> dict[str, ProgramTimes]:
    """Times all programs of several exported files, which take turns.

    A round runs each program of each file once, and each round begins with
    another file. Other work of the machine therefore slows all files alike.

    ```python
    times = ka.runtime.time_programs(
        {"nested": "run/anytime.tflite"}, repetitions=3
    )
    print(np.median(times["nested"].stream_ms, axis=0))
    ```

    Args:
        paths: Dict from names to exported files or folders.
        num_threads: Integer. The threads of LiteRT, or `None` for its choice.
        repetitions: Integer of 1 or more. The rounds that are measured, after
            one for warming up.
        verbose: Boolean. Whether a line on the standard error says what is done
            and how long it took.

    Returns:
        Dict from names to `ProgramTimes`.

    Raises:
        ValueError: If there are no files, a file cannot be opened, or
            `repetitions` is below 1.
        ImportError: If the library that runs a file is missing.
    """
    if not paths:
        raise ValueError(f"Timing needs files. Received: paths={paths!r}")
    repetitions = check_positive_integer("repetitions", repetitions)
    rng = np.random.default_rng(0)
    files = {
        name: _TimedFile(path, num_threads, rng) for name, path in paths.items()
    }
    rounds: dict[str, list] = {name: [] for name in files}
    text = (
        f"Timing {counted(len(files), 'file')} in "
        f"{counted(repetitions, 'round')}"
    )
    try:
        with progress(text, verbose):
            for repetition in range(1 + repetitions):
                for name in _rotated(list(files), repetition):
                    rounds[name].append(files[name].run())
    finally:
        for file in files.values():
            file.predictor.close()
    return {
        name: ProgramTimes(
            files[name].manifest, *map(np.array, zip(*runs[1:], strict=True))
        )
        for name, runs in rounds.items()
    }


def time_answers(
    predictors: Mapping[str, AnytimePredictor],
    images: np.ndarray | Mapping[str, np.ndarray],
    repetitions: int = 5,
    verbose: bool = True,
) -> dict[str, TimedAnswers]:
    """Times each stage's answer to each example; the networks take turns.

    Each example is given to all networks in turn, `repetitions` times, and each
    repetition begins with another network. Other work of the machine therefore
    slows all networks alike.

    ```python
    predictors = {"nested": ka.runtime.AnytimePredictor("run/anytime.tflite")}
    timed = ka.runtime.time_answers(predictors, images[:4], repetitions=1)
    print(timed["nested"].latency_ms.mean(axis=0))  # of stages 1, 2, ... K
    ```

    Args:
        predictors: Dict from names to `AnytimePredictor`s.
        images: Array `(examples, ...)`, such as prepared images `(examples,
            height, width, channels)`; of several inputs a dict from their
            names to arrays.
        repetitions: Integer of 1 or more.
        verbose: Boolean. Whether a line on the standard error says what is done
            and how long it took.

    Returns:
        Dict from names to `TimedAnswers`.

    Raises:
        ValueError: If there are no networks or no examples, `repetitions` is
            below 1, or the examples do not fit a network's inputs.
        RuntimeError: If a network was interrupted.
    """
    if not isinstance(predictors, Mapping):
        raise ValueError(
            "`predictors` must be a dict from names to `AnytimePredictor`s. "
            f"Received: {type(predictors).__name__}"
        )
    examples = _examples(images)
    if not predictors or not examples:
        raise ValueError(
            "Timing needs networks and examples. Received: "
            f"{len(predictors)} networks, {len(examples)} examples"
        )
    repetitions = check_positive_integer("repetitions", repetitions)
    logits: dict[str, list] = {name: [] for name in predictors}
    medians: dict[str, list] = {name: [] for name in predictors}
    facts: dict[str, dict[str, Any]] = {}
    text = (
        f"Timing {counted(len(predictors), 'network')} on "
        f"{counted(len(examples), 'example')}, {repetitions} times each"
    )
    with progress(text, verbose):
        for predictor in predictors.values():
            list(predictor.stream(examples[0]))  # The first call is slower.
        for example in examples:
            runs: dict[str, list] = {name: [] for name in predictors}
            for repetition in range(repetitions):
                for name in _rotated(list(predictors), repetition):
                    runs[name].append(list(predictors[name].stream(example)))
            for name, predictor in predictors.items():
                if any(len(run) < predictor.num_stages for run in runs[name]):
                    raise RuntimeError(
                        f"The timing of {name!r} was interrupted."
                    )
                logits[name].append(
                    [_first_logits(result) for result in runs[name][0]]
                )
                facts[name] = _facts(runs[name][0])
                times = [
                    [result.elapsed_ms for result in run] for run in runs[name]
                ]
                medians[name].append(np.median(times, axis=0))
    return {
        name: TimedAnswers(
            np.stack(logits[name], axis=1),
            np.array(medians[name]),
            **facts[name],
        )
        for name in predictors
    }


def _facts(run: Sequence[StageResult]) -> dict[str, Any]:
    """Returns what a file says about its answers, as `TimedAnswers` has it."""
    first = run[0].logits
    temperatures = tuple(result.temperature for result in run)
    return {
        "product_answers": run[0].products is not None,
        "temperatures": None if set(temperatures) == {1.0} else temperatures,
        "stages": tuple(result.stage for result in run),
        "label_set": next(iter(first)) if isinstance(first, dict) else None,
    }


class _TimedFile:
    """The programs of one exported file, and a predictor for it."""

    def __init__(
        self,
        path: str | os.PathLike,
        num_threads: int | None,
        rng: np.random.Generator,
    ) -> None:
        self.predictor = AnytimePredictor(path, num_threads)
        self.manifest = self.predictor.manifest
        _, self._programs = open_programs(
            self.predictor.path,
            num_threads,
            verify=True,
            names=list(self.manifest.signatures),
        )
        self._blank = self.predictor.blank()
        self._batch, _ = Inputs(self.manifest).convert(
            self._blank, check_limits=False
        )
        # The features are kept between rounds as in a predictor; see `Job.run`.
        self._features: dict[str, Any] = {}
        self._rng = rng

    def run(self) -> tuple[list[float], list[float], list[float], float]:
        """Runs everything once; returns the times of `ProgramTimes`."""
        stream = self._stream()
        subnets = [
            self._subnet(name)
            for name in self._programs
            if name.startswith("subnet_")
        ]
        answers = [
            result.elapsed_ms for result in self.predictor.stream(self._blank)
        ]
        deadline_ms = self._rng.uniform(0, answers[-1])
        start = time.perf_counter()
        self.predictor.predict(self._blank, deadline_ms=deadline_ms)
        late = max(0.0, _elapsed_ms(start) - deadline_ms)
        # A step may still be running, and would disturb the next measurement.
        self.predictor.predict(self._blank)
        return stream, subnets, answers, late

    def _stream(self) -> list[float]:
        features = self._features
        features.update(self._batch)
        times = []
        start = time.perf_counter()
        for name in self.manifest.program_names:
            inputs = self.manifest.signatures[name].inputs
            features.update(
                self._programs[name](
                    {spec.name: features[spec.name] for spec in inputs}
                )
            )
            times.append(_elapsed_ms(start))
        return times

    def _subnet(self, name: str) -> float:
        start = time.perf_counter()
        inputs = self.manifest.signatures[name].inputs
        self._programs[name](
            {spec.name: self._batch[spec.name] for spec in inputs}
        )
        return _elapsed_ms(start)


def _rotated(names: Sequence[str], repetition: int) -> list[str]:
    """Returns names in order, beginning with another one each repetition."""
    start = repetition % len(names)
    return [*names[start:], *names[:start]]


def _examples(
    images: np.ndarray | Mapping[str, np.ndarray],
) -> list[Any]:
    """Returns the examples of arrays, one by one."""
    if not isinstance(images, Mapping):
        return list(images)
    sizes = {name: len(array) for name, array in images.items()}
    if len({*sizes.values()}) != 1:
        raise ValueError(
            "There must be as many examples of each input. "
            f"Received: images with the sizes {sizes}"
        )
    return [
        {name: array[index] for name, array in images.items()}
        for index in range(min(sizes.values()))
    ]


def _first_logits(result: StageResult) -> Any:
    logits = result.logits
    return next(iter(logits.values())) if isinstance(logits, dict) else logits


def _elapsed_ms(start: float) -> float:
    return 1e3 * (time.perf_counter() - start)
