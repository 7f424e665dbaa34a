"""Step latencies of a device, and the file beside an export that keeps them."""

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
from keras_anytime.runtime.arguments import check_milliseconds
from keras_anytime.runtime.arguments import check_positive_integer

# The most bytes of a file of latencies. A device takes about 1 kB.
MAX_BYTES = 2**20
# An hour. Nobody gives deadlines to a network that takes longer.
_MAX_MS = 3.6e6
_ROUNDING = 1e-9


@dataclasses.dataclass(frozen=True)
class StepLatency:
    """The times of the steps of an exported network, in milliseconds.

    Args:
        median_ms: Tuple of K floats. The median of each step.
        p99_ms: Tuple of K floats. The 99th percentile of each step.
        answer_ms: Tuple of K floats. The medians from a call to the answer of
            stages 1 to K.
        runs: Integer. The number of runs that were measured.
    """

    median_ms: tuple[float, ...]
    p99_ms: tuple[float, ...]
    answer_ms: tuple[float, ...]
    runs: int

    @classmethod
    def from_answers(cls, answers: np.ndarray) -> "StepLatency":
        """Returns the latencies of measured runs.

        Args:
            answers: Float array `(runs, K)`. The milliseconds from the call to
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
    """This device with an exported file, for which latencies are valid.

    Args:
        sha256: String. The checksum of the exported file.
        num_threads: Integer, or `None` for LiteRT's choice.
    """

    sha256: str
    num_threads: int | None

    @property
    def key(self) -> str:
        """The key under which the latencies are stored."""
        threads = self.num_threads or "any number of"
        return (
            f"{platform.node()}, {platform.machine()}, {os.cpu_count()} "
            f"processors, {threads} threads, {self.file_suffix}"
        )

    @property
    def file_suffix(self) -> str:
        """The end of the keys of all devices that run the same file."""
        return f"file {self.sha256}"


def latency_path(path: str | os.PathLike) -> pathlib.Path:
    """Returns the path of the latencies of an exported file or folder."""
    path = user_path(path)
    return path.with_name(f"{path.name}.latency.json")


def read_latency(
    path: str | os.PathLike, device: Device, num_stages: int
) -> StepLatency | None:
    """Returns the stored latencies of a device.

    Latencies that cannot be read, or are implausible, are ignored, because
    they can be measured again.

    Args:
        path: String or path of the file of latencies.
        device: A `Device`.
        num_stages: Integer K.

    Returns:
        A `StepLatency`, or `None` if there are no valid latencies.
    """
    record: Any = _read_records(path).get(device.key)
    try:
        columns = {
            name: tuple(map(_plausible_milliseconds, record[name]))
            for name in ("median_ms", "p99_ms", "answer_ms")
        }
        runs = check_positive_integer("runs", record["runs"])
    except (TypeError, KeyError, ValueError):
        return None
    latency = StepLatency(**columns, runs=runs)
    if any(len(values) != num_stages for values in columns.values()):
        return None
    return latency if _is_consistent(latency) else None


def write_latency(
    path: str | os.PathLike, device: Device, latency: StepLatency
) -> None:
    """Stores the latencies of a device beside those of other devices.

    The latencies of an earlier exported file are dropped.

    Args:
        path: String or path of the file of latencies.
        device: A `Device`.
        latency: A `StepLatency`.

    Raises:
        OSError: If the file cannot be written.
    """
    records = {
        key: record
        for key, record in _read_records(path).items()
        if key.endswith(device.file_suffix)
    }
    records[device.key] = dataclasses.asdict(latency)
    write_text(path, json.dumps(records, indent=2) + "\n")


def _plausible_milliseconds(value: Any) -> float:
    """Returns the time of a step or an answer.

    A step with an impossibly long time would never be begun.
    """
    if not check_milliseconds("latency", value) <= _MAX_MS:
        raise ValueError(
            f"A latency must be at most {_MAX_MS} ms. "
            f"Received: latency={value!r}"
        )
    return float(value)


def _is_consistent(latency: StepLatency) -> bool:
    """Tells if the figures can belong to the same runs.

    In each run an answer takes at least as long as each step up to it. So do
    the medians.
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


def _read_records(path: str | os.PathLike) -> dict[str, Any]:
    try:
        records = json.loads(read_small(path, MAX_BYTES))
    except (OSError, ValueError, RecursionError):
        return {}
    return records if isinstance(records, dict) else {}
