"""What each step takes on a device, kept beside the exported file."""

import dataclasses
import json
import os
import pathlib
import platform

import numpy as np

from keras_anytime.files import user_path
from keras_anytime.files import write_text


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
            f"processors, {threads} threads, file {self.sha256}"
        )


def latency_path(path: str | os.PathLike) -> pathlib.Path:
    """Returns where the latencies of an exported file or folder are kept."""
    path = user_path(path)
    return path.with_name(f"{path.name}.latency.json")


def read(path, device: Device, num_stages: int) -> StepLatency | None:
    """Returns the latencies that are kept for a device, if there are any.

    What cannot be read is as good as none: it can be measured again.

    Args:
        path: Where they are kept.
        device: A `Device`.
        num_stages: Integer K.
    """
    record = _records(path).get(device.key)
    if not isinstance(record, dict):
        return None
    try:
        columns = {
            name: tuple(float(one) for one in record[name])
            for name in ("median_ms", "p99_ms", "answer_ms")
        }
        runs = int(record["runs"])
    except (TypeError, KeyError, ValueError):
        return None
    for values in columns.values():
        if len(values) != num_stages or not all(one >= 0 for one in values):
            return None
    return StepLatency(**columns, runs=runs)


def write(path, device: Device, latency: StepLatency) -> None:
    """Keeps the latencies of a device beside those of others.

    Args:
        path: Where they are kept.
        device: A `Device`.
        latency: A `StepLatency`.

    Raises:
        OSError: If the place cannot be written.
    """
    records = {**_records(path), device.key: dataclasses.asdict(latency)}
    write_text(path, json.dumps(records, indent=2) + "\n")


def _records(path) -> dict:
    try:
        found = json.loads(user_path(path).read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
