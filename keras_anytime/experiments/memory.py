"""The peak memory of training steps, on CPUs and GPUs."""

import contextlib
import ctypes
import pathlib
import statistics
import sys
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from typing import Any
from typing import NamedTuple

import keras

# Of each step, this many measurements are made; the first one compiles it.
_MEASUREMENTS = 6


class MemoryCounter(NamedTuple):
    """A way to measure a part of the memory that a function takes.

    Args:
        start: Function without arguments, called before.
        stop: Function called afterwards with the result of `start`. It returns
            the bytes at the peak above those before, or `None` if they cannot
            be known.
    """

    start: Callable[[], Any]
    stop: Callable[[Any], int | None]


def measure_memory(
    steps: Mapping[str, Callable[[], object]], period: int
) -> dict[str, float]:
    """Measures the bytes that training steps take at their peak.

    Args:
        steps: Dict from names to functions that make a training step.
        period: Integer. Training steps after which their kinds repeat.

    Returns:
        Dict from names to bytes above those before. Steps whose memory cannot
        be known are left out.
    """
    counters = list(memory_counters())
    peaks = {}
    for name, step in steps.items():
        # The first measurement compiles. On JAX, it is all that is known.
        first, *later = [
            _peak(counters, step, period) for _ in range(_MEASUREMENTS)
        ]
        known = [peak for peak in later if peak is not None]
        if not known and first is not None:
            known = [first]
        if known:
            peaks[name] = statistics.median(known)
    return peaks


def _peak(
    counters: list[MemoryCounter], step: Callable[[], object], period: int
) -> int | None:
    """Returns the bytes at the peak of some training steps, if known."""
    started = [counter.start() for counter in counters]
    for _ in range(period):
        step()
    total = 0
    for counter, start in zip(counters, started, strict=True):
        count = counter.stop(start)
        if count is None:
            return None
        total += count
    return total if counters else None


def memory_counters() -> Iterator[MemoryCounter]:
    """Yields counters, each of another part of the memory."""
    on_gpu = bool(keras.distribution.list_devices("gpu"))
    if keras.backend.backend() == "tensorflow":
        counter = _tensorflow_counter("GPU:0" if on_gpu else "CPU:0")
        # On CPUs with oneDNN, TensorFlow has a pool for tensors of 256 KiB and
        # more, which it counts. The pool never shrinks, so that the process
        # grows by the smaller tensors only. Without a pool, starting fails.
        with contextlib.suppress(ValueError):
            counter.start()
            yield counter
    elif on_gpu:
        yield _jax_counter()
    if sys.platform == "linux" and not on_gpu:
        yield process_counter()


def _tensorflow_counter(device: str) -> MemoryCounter:
    """Returns a counter of the memory that TensorFlow manages."""
    import tensorflow as tf

    memory = tf.config.experimental

    def start() -> int:
        memory.reset_memory_stats(device)
        return memory.get_memory_info(device)["current"]

    def stop(before: int) -> int:
        return memory.get_memory_info(device)["peak"] - before

    return MemoryCounter(start, stop)


def _jax_counter() -> MemoryCounter:
    """Returns a counter of the memory of JAX's first GPU."""
    (device,) = keras.ops.zeros(()).devices()

    def stop(before: dict | None) -> int | None:
        peak = (device.memory_stats() or {}).get("peak_bytes_in_use", 0)
        # The peak cannot be reset: only a new one is that of this step.
        if not before or peak <= before.get("peak_bytes_in_use", peak):
            return None
        return peak - before["bytes_in_use"]

    return MemoryCounter(device.memory_stats, stop)


def process_counter() -> MemoryCounter:
    """Returns a counter of the memory of this process, on Linux only."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", lambda pad: None)

    def start() -> int:
        # Memory that malloc keeps for later would count as there before, and
        # would make a step that uses it look small: give it back.
        trim(0)
        pathlib.Path("/proc/self/clear_refs").write_text("5")
        return _status_kilobytes("VmRSS")

    def stop(before: int) -> int:
        return 1024 * (_status_kilobytes("VmHWM") - before)

    return MemoryCounter(start, stop)


def _status_kilobytes(key: str) -> int:
    """Returns an entry of Linux's status of this process."""
    lines = pathlib.Path("/proc/self/status").read_text().splitlines()
    return int(dict(line.split(":", 1) for line in lines)[key].split()[0])
