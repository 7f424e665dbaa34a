"""Benchmarks of functions in turn, of this process and of another one."""

import functools
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence

import numpy as np

# Lines of `serve` begin with it, so that other output of a program is ignored.
_MARK = "keras_anytime.benchmark "


def measure_time(
    functions: Mapping[str, Callable[[], object]], repetitions: int, steps: int
) -> dict[str, np.ndarray]:
    """Measures the time of functions that are called in turn.

    Whatever else the machine does thus slows all of them down alike.

    ```python
    from keras_anytime.experiments.benchmark import measure_time

    seconds = measure_time({"predict": lambda: model(images)}, 2, steps=1)
    ```

    Args:
        functions: Dict from names to functions without arguments.
        repetitions: Integer. Rounds that are measured, after one that is not.
        steps: Integer. Calls of each function in a round.

    Returns:
        Dict from names to float arrays `(repetitions,)`: seconds of a call.
    """
    seconds: dict[str, list[float]] = {name: [] for name in functions}
    # The first round warms up.
    for _ in range(1 + repetitions):
        spent = dict.fromkeys(functions, 0.0)
        for _ in range(steps):
            for name, function in functions.items():
                start = time.perf_counter()
                function()
                spent[name] += time.perf_counter() - start
        for name, values in seconds.items():
            values.append(spent[name] / steps)
    return {name: np.array(values[1:]) for name, values in seconds.items()}


def ratio_columns(
    seconds: np.ndarray, reference_seconds: np.ndarray
) -> dict[str, str]:
    """Returns the columns of a table that compare two functions.

    Args:
        seconds: Float array, one value for each round.
        reference_seconds: The same of the function to compare with.

    Returns:
        Dict with the median, lowest and highest ratio over the rounds, as text.
    """
    ratios = seconds / reference_seconds
    return {
        "ratio": f"{statistics.median(ratios):.3f}",
        "lowest": f"{min(ratios):.3f}",
        "highest": f"{max(ratios):.3f}",
    }


class Remote:
    """Functions of another process, to be called from this one.

    Args:
        command: Sequence of strings. A program that calls `serve`.
        **environment: Environment variables of the process that differ from
            those of this one.

    Attributes:
        functions: Dict from names to functions without arguments. Each runs
            the function of that name once, and waits for it.

    Raises:
        RuntimeError: If the process has ended.
    """

    def __init__(self, command: Sequence[str], **environment: str) -> None:
        self._process = subprocess.Popen(
            command,
            env={**os.environ, **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._requests = self._process.stdin
        self._answers = self._process.stdout
        self.functions: dict[str, Callable[[], None]] = {
            name: functools.partial(self._call, name) for name in self._answer()
        }

    def close(self) -> None:
        """Ends the process."""
        self._requests.close()
        self._process.wait()

    def _call(self, name: str) -> None:
        self._requests.write(f"{name}\n")
        self._requests.flush()
        self._answer()

    def _answer(self) -> list[str]:
        """Waits for the process, and returns what it answers."""
        for line in self._answers:
            if line.startswith(_MARK):
                return json.loads(line.removeprefix(_MARK))
        raise RuntimeError("The other process has ended; see its errors above.")


def serve(functions: Mapping[str, Callable[[], object]]) -> None:
    """Runs functions for a `Remote` in another process, until it is closed.

    Args:
        functions: Dict from names to functions without arguments.
    """
    print(_MARK + json.dumps(list(functions)), flush=True)
    for line in sys.stdin:
        functions[line.rstrip("\n")]()
        print(_MARK + "[]", flush=True)
