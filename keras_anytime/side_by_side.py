"""A queue of trainings, as many at a time on one device as pays off."""

import dataclasses
import os
import pathlib
import signal
import statistics
import subprocess
import time

from keras_anytime.files import read_csv

# What another training at a time must add to what all get done.
_WORTHWHILE = 1.1
# Epochs after a change until it shows; the first may compile.
_SETTLING = 2


@dataclasses.dataclass(frozen=True)
class Training:
    """A training to run in a process of its own.

    Args:
        name: String.
        command: Tuple of strings. Run again, it must go on where it was
            stopped.
        folder: A `pathlib.Path`, where it writes `history.csv`, a line with
            its `seconds` for each epoch. Gets its output in `log.txt`.
    """

    name: str
    command: tuple
    folder: pathlib.Path


def run_side_by_side(
    trainings, seconds, at_a_time=None, most=8, poll_seconds=1.0
):
    """Runs trainings in their order, some at a time, until time is up.

    A small network leaves most of a large GPU idle, where others can train.
    How many at a time pay off is measured: one more is started, and if those
    that ran before then slow down so much that all together get less than 10%
    more done, it was one too many.

    Args:
        trainings: Sequence of `Training`s.
        seconds: Float. After it none is started, and those that run are
            stopped; they go on when they are run again.
        at_a_time: Integer, how many run at a time, or `None` to find out.
        most: Integer. The most that are tried at a time.
        poll_seconds: Float. How often to look.

    Yields:
        Tuple of a finished `Training`, the exit status of its process (`None`
        if it was stopped since time was up), and how many ran beside it at
        most, itself counted.
    """
    end = time.monotonic() + seconds
    waiting = list(trainings)
    running = {}
    pace = Pace(at_a_time, most)
    try:
        while waiting or running:
            late = time.monotonic() >= end
            while waiting and len(running) < pace.at_a_time and not late:
                one = waiting.pop(0)
                running[one] = [_start(one), 0]
            if not running:
                return
            for of_one in running.values():
                of_one[1] = max(of_one[1], len(running))
            for one, (process, beside) in list(running.items()):
                if process.poll() is not None:
                    del running[one]
                    yield one, process.returncode, beside
                elif late:
                    _stop(process)
                    del running[one]
                    yield one, None, beside
            pace.look({one.name: _epochs(one.folder) for one in running})
            time.sleep(poll_seconds)
    finally:
        for process, _ in running.values():
            _stop(process)


class Pace:
    """Decides how many trainings run at a time, from their epochs.

    Args:
        at_a_time: Integer, or `None` to find out.
        most: Integer. The most that are tried.

    Attributes:
        at_a_time: Integer, how many are to run now.
    """

    def __init__(self, at_a_time=None, most=8):
        self.at_a_time = at_a_time or 1
        self._most = most
        self._decided = at_a_time is not None
        self._before = {}
        self._seen = {}

    def look(self, epochs):
        """Looks at how fast those that run are, and decides.

        Args:
            epochs: Dict from their names to the seconds of the epochs that
                they have behind them.
        """
        if self._decided or len(epochs) != self.at_a_time:
            return
        for name, seconds in epochs.items():
            self._seen.setdefault(name, len(seconds))
        recent = {
            name: seconds[self._seen[name] + _SETTLING - 1 :]
            for name, seconds in epochs.items()
        }
        if not all(recent.values()):
            return
        pace = {name: statistics.median(some) for name, some in recent.items()}
        slower = [
            pace[name] / self._before[name]
            for name in pace
            if name in self._before
        ]
        if self._before and not slower:
            # None is left of those to compare with: these are, from now on.
            self._before = pace
        elif slower and self._gain(statistics.median(slower)) < _WORTHWHILE:
            self.at_a_time -= 1
            self._decided = True
        elif self.at_a_time >= self._most:
            self._decided = True
        else:
            self.at_a_time += 1
            self._before = pace
            self._seen = {}

    def _gain(self, slower):
        """What the last one adds, if it is slowed down as the others are."""
        return self.at_a_time / (self.at_a_time - 1) / slower


def _start(training):
    training.folder.mkdir(parents=True, exist_ok=True)
    with (training.folder / "log.txt").open("ab") as log:
        return subprocess.Popen(
            training.command,
            stdout=log,
            stderr=subprocess.STDOUT,
            # JAX would take most of the device's memory for the first one.
            env={**os.environ, "XLA_PYTHON_CLIENT_PREALLOCATE": "false"},
        )


def _stop(process):
    """Ends a process, if need be by force; checkpoints are whole anyway."""
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(timeout=30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _epochs(folder):
    """Returns the seconds of the epochs that a training has behind it."""
    files = sorted(folder.glob("history*.csv"))
    return [float(row["seconds"]) for path in files for row in read_csv(path)]
