"""What the programs of exported files take on a device, side by side."""

import dataclasses
import multiprocessing
import os
import pathlib
import time
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool

import numpy as np

from keras_anytime.manifest.manifest import Manifest
from keras_anytime.runtime.arguments import positive_integer
from keras_anytime.runtime.images import as_batch
from keras_anytime.runtime.opening import open_programs
from keras_anytime.runtime.predictor import AnytimePredictor


@dataclasses.dataclass(frozen=True, eq=False)
class ProgramTimes:
    """Milliseconds that the programs of one file took, round by round.

    Args:
        manifest: The file's `Manifest`, of K stages.
        stream_ms: Float array `(rounds, K)`, from the first program to the
            answer of each stage: the steps run one after another, without a
            predictor around them. Of a network that has no steps, the
            subnetworks.
        subnets_ms: Float array `(rounds, K)`, each subnetwork alone; of a file
            that has none `(rounds, 0)`.
        answers_ms: Float array `(rounds, K)`, from a call of
            `AnytimePredictor.stream` to the answer of each stage.
        late_ms: Float array `(rounds,)`, by how much the answer of
            `AnytimePredictor.predict` came after its deadline, which was
            drawn at random between the call and the last answer.
    """

    manifest: Manifest
    stream_ms: np.ndarray
    subnets_ms: np.ndarray
    answers_ms: np.ndarray
    late_ms: np.ndarray

    @property
    def steps_ms(self) -> np.ndarray:
        """Float array `(rounds, K)`, what each step adds to the stream."""
        return np.diff(self.stream_ms, axis=1, prepend=0.0)

    @property
    def overhead_ms(self) -> float:
        """What the predictor adds to each step, the median of the rounds."""
        added = self.answers_ms[:, -1] - self.stream_ms[:, -1]
        return float(np.median(added)) / self.manifest.num_stages


@dataclasses.dataclass(frozen=True)
class FileMemory:
    """What running all stages of a file adds to a process, in bytes.

    Args:
        own: Integer. Memory of the process' own: the exported file, features,
            and the weights as LiteRT lays them out for each signature.
        mapped: Integer. Pages of files in memory, such as libraries; the
            system can drop them at any time, and processes share them.
    """

    own: int
    mapped: int


def time_programs(
    paths: Mapping[str, str | os.PathLike],
    num_threads: int | None = None,
    repetitions: int = 50,
) -> dict[str, ProgramTimes]:
    """Times all programs of several exported files; the files take turns.

    What else the machine does then falls on all alike: a round runs each
    program of each file once, and begins with another file each time.

    ```python
    times = time_programs({"nested": "nested.tflite", "w4": "w4.tflite"})
    whole = times["nested"].subnets_ms[:, -1]
    print(np.median(times["nested"].stream_ms[:, -1] / whole))
    ```

    Args:
        paths: Exported files or folders, by names.
        num_threads: Integer, the threads of LiteRT, or `None` for its choice.
        repetitions: Integer of 1 or more. Rounds measured, after one that
            warms up.

    Returns:
        Dict from names to `ProgramTimes`.

    Raises:
        ValueError: If there is no file, one cannot be opened, or `repetitions`
            is below 1.
        ImportError: If the library that runs a file is missing.
    """
    if not paths:
        raise ValueError(f"A benchmark needs files. Received: paths={paths!r}")
    repetitions = positive_integer("repetitions", repetitions)
    rng = np.random.default_rng(0)
    files = {
        name: _File(path, num_threads, rng) for name, path in paths.items()
    }
    try:
        rounds: dict[str, list] = {name: [] for name in files}
        for repetition in range(1 + repetitions):
            names = list(files)
            start = repetition % len(names)
            for name in names[start:] + names[:start]:
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


def file_memory(
    path: str | os.PathLike, num_threads: int | None = None
) -> FileMemory | None:
    """Returns what running all stages of an exported file takes.

    It is run in a process of its own, which imports the program's main module
    once more, as processes that are spawned do.

    Args:
        path: An exported file or folder.
        num_threads: As in `time_programs`.

    Returns:
        A `FileMemory`, or `None` where the system does not tell.

    Raises:
        RuntimeError: If that process is killed.
        LoadError: If the file cannot be opened.
        ImportError: If the library that runs a file is missing.
    """
    if not pathlib.Path("/proc/self/status").exists():
        return None
    context = multiprocessing.get_context("spawn")
    # A `multiprocessing.Pool` would wait forever for a process that was killed.
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        try:
            return pool.submit(_memory, os.fsdecode(path), num_threads).result()
        except BrokenProcessPool as error:
            raise RuntimeError(
                "The process that ran the file was killed, probably because "
                f"the system is out of memory. Received: path={path}"
            ) from error


class _File:
    """The programs of one exported file, and a predictor."""

    def __init__(self, path, num_threads, rng):
        self.predictor = AnytimePredictor(path, num_threads)
        self.manifest = self.predictor.manifest
        _, self._programs = open_programs(
            self.predictor.path,
            num_threads,
            verify=True,
            names=list(self.manifest.signatures),
        )
        first = self.manifest.program_names[0]
        (spec,) = self.manifest.signatures[first].inputs
        self._blank = self.predictor.blank()
        self._fed, _ = as_batch(self._blank, spec)
        self._features = {}  # Kept, as by a predictor: see `Job.run`.
        self._rng = rng

    def run(self):
        """Runs everything once; returns the fields of `ProgramTimes`."""
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
        late = max(0.0, _since(start) - deadline_ms)
        # A step may be running still, and would disturb what comes next.
        self.predictor.predict(self._blank)
        return stream, subnets, answers, late

    def _stream(self):
        features = self._features
        features["image"] = self._fed
        times = []
        start = time.perf_counter()
        for name in self.manifest.program_names:
            inputs = self.manifest.signatures[name].inputs
            features.update(
                self._programs[name](
                    {one.name: features[one.name] for one in inputs}
                )
            )
            times.append(_since(start))
        return times

    def _subnet(self, name):
        start = time.perf_counter()
        self._programs[name]({"image": self._fed})
        return _since(start)


def _memory(path, num_threads):
    if path.endswith(".tflite"):
        # The library itself is no part of what the file takes.
        import ai_edge_litert.interpreter  # noqa: F401
    before = _resident()
    with AnytimePredictor(path, num_threads) as predictor:
        predictor.warm_up()
        after = _resident()
    return FileMemory(
        *(max(0, now - then) for now, then in zip(after, before, strict=True))
    )


def _resident():
    """Returns this process' own and mapped bytes in memory, on Linux."""
    lines = pathlib.Path("/proc/self/status").read_text().splitlines()
    entries = dict(line.split(":", 1) for line in lines)
    return [
        1024 * int(entries[key].split()[0]) for key in ("RssAnon", "RssFile")
    ]


def _since(start):
    return 1e3 * (time.perf_counter() - start)
