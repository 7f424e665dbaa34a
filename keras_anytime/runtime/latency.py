"""What each step takes on a device, kept beside the exported file."""

import dataclasses
import itertools
import json
import operator
import os
import pathlib
import platform
from typing import Any

import numpy as np

from keras_anytime.files import read_small
from keras_anytime.files import user_path
from keras_anytime.files import write_text
from keras_anytime.runtime.arguments import milliseconds
from keras_anytime.runtime.arguments import positive_integer

# A device takes some 1 kB.
LARGEST_BYTES = 2**20
# An hour: whoever waits longer gives no deadlines.
_LONGEST_MS = 3.6e6
_ROUNDING = 1e-9


@dataclasses.dataclass(frozen=True)
class StepLatency:
    """What the steps of an exported network take; all in milliseconds.

    Args:
        median_ms: Tuple of K floats, the medians of the steps.
        p99_ms: Tuple of K floats, what 99 of 100 runs of a step do not pass.
        answer_ms: Tuple of K floats, the medians from a call to the answer of
            stages 1 to K.
        runs: Integer. Runs that were measured.
    """

    median_ms: tuple[float, ...]
    p99_ms: tuple[float, ...]
    answer_ms: tuple[float, ...]
    runs: int

    @classmethod
    def of(cls, answers) -> "StepLatency":
        """Returns the latencies of runs.

        Args:
            answers: Float array `(runs, K)`, milliseconds from the call to
                each answer.
        """
        steps = np.diff(answers, axis=1, prepend=0.0)
        return cls(
            median_ms=tuple(np.median(steps, axis=0).tolist()),
            p99_ms=tuple(np.percentile(steps, 99, axis=0).tolist()),
            answer_ms=tuple(np.median(answers, axis=0).tolist()),
            runs=len(steps),
        )


@dataclasses.dataclass(frozen=True)
class Device:
    """What latencies hold for.

    Args:
        sha256: String. Checksum of the exported file.
        num_threads: Integer, or `None` for LiteRT's choice.
    """

    sha256: str
    num_threads: int | None

    @property
    def key(self) -> str:
        """The name that its latencies are kept by."""
        threads = self.num_threads or "any number of"
        return (
            f"{platform.node()}, {platform.machine()}, {os.cpu_count()} "
            f"processors, {threads} threads, {self.file}"
        )

    @property
    def file(self) -> str:
        """What the keys of all devices that run the file end with."""
        return f"file {self.sha256}"


def latency_path(path: str | os.PathLike) -> pathlib.Path:
    """Returns where the latencies of an exported file or folder are kept."""
    path = user_path(path)
    return path.with_name(f"{path.name}.latency.json")


def read(path, device: Device, num_stages: int) -> StepLatency | None:
    """Returns the latencies that are kept for a device, if there are any.

    What cannot be read, or cannot be right, is as good as none: it can be
    measured again.

    Args:
        path: Where they are kept.
        device: A `Device`.
        num_stages: Integer K.
    """
    record: Any = _records(path).get(device.key)
    try:
        columns = {
            name: tuple(map(_milliseconds, record[name]))
            for name in ("median_ms", "p99_ms", "answer_ms")
        }
        runs = positive_integer("runs", record["runs"])
    except (TypeError, KeyError, ValueError):
        return None
    latency = StepLatency(**columns, runs=runs)
    if any(len(values) != num_stages for values in columns.values()):
        return None
    return latency if _can_be(latency) else None


def write(path, device: Device, latency: StepLatency) -> None:
    """Keeps the latencies of a device beside those of others.

    Those of a file that was there before are dropped.

    Args:
        path: Where they are kept.
        device: A `Device`.
        latency: A `StepLatency`.

    Raises:
        OSError: If the place cannot be written.
    """
    records = {
        key: record
        for key, record in _records(path).items()
        if key.endswith(device.file)
    }
    records[device.key] = dataclasses.asdict(latency)
    write_text(path, json.dumps(records, indent=2) + "\n")


def _milliseconds(value) -> float:
    """Returns what a step or an answer may take.

    A step that is said to take longer than any does would never be begun.
    """
    if not milliseconds("latency", value) <= _LONGEST_MS:
        raise ValueError(f"Nothing takes so long. Received: latency={value!r}")
    return float(value)


def _can_be(latency: StepLatency) -> bool:
    """Whether figures can be those of the same runs.

    An answer takes at least as long as each step up to it, run by run, and so
    do their medians.
    """
    longest = itertools.accumulate(latency.median_ms, max)
    return (
        list(latency.answer_ms) == sorted(latency.answer_ms)
        and all(map(operator.le, latency.median_ms, latency.p99_ms))
        and all(
            step <= answer * (1 + _ROUNDING)
            for step, answer in zip(longest, latency.answer_ms, strict=True)
        )
    )


def _records(path) -> dict:
    try:
        found = json.loads(read_small(path, LARGEST_BYTES))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
