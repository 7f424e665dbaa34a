"""A queue of trainings, as many at a time on one device as pays off."""

import dataclasses
import os
import pathlib
import signal
import statistics
import subprocess
import time

from keras_anytime.evaluation.csv_files import read_csv

# What another training at a time must add to what all get done.
_WORTHWHILE = 1.1
# Epochs after a change until it shows; the first may compile.
_SETTLING = 2
# Environment of processes on one device: else the first one takes most of its
# memory, or all of it.
SHARING = {
    "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
    "TF_FORCE_GPU_ALLOW_GROWTH": "true",
}


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


def run_concurrently(
    trainings, seconds, at_a_time=None, most=8, poll_seconds=1.0
):
    """Runs trainings in their order, some at a time, until time is up.

    A small network leaves most of a large GPU idle, where others can train.
    How many at a time pay off is measured: one more is started, and if those
    that ran before then slow down so much that all together get less than 10%
    more done, it was one too many. So it was if it fails in its first epoch,
    most likely for want of memory: fewer run from then on, and it is started
    once more.

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
    again = set()
    pace = Pace(at_a_time, most)
    try:
        while waiting or running:
            late = time.monotonic() >= end
            while waiting and len(running) < pace.at_a_time and not late:
                one = waiting.pop(0)
                running[one] = _Running(one)
            if not running:
                return
            for of_one in running.values():
                of_one.beside = max(of_one.beside, len(running))
            if late:
                _stop(running.values())
            for one, of_one in list(running.items()):
                status = of_one.process.poll()
                if status is None:
                    continue
                del running[one]
                if status and late:
                    status = None
                elif status and running and of_one.at_its_first_epoch():
                    pace.lower(len(running))
                    if one not in again:
                        again.add(one)
                        waiting.insert(0, one)
                        continue
                yield one, status, of_one.beside
            pace.look({one.name: _epochs(one.folder) for one in running})
            time.sleep(poll_seconds)
    finally:
        _stop(running.values())


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
        # While the last one compiled, the others were not held up yet.
        count = min(map(len, recent.values()))
        if not count:
            return
        pace = {
            name: statistics.median(some[-count:])
            for name, some in recent.items()
        }
        slower = [
            pace[name] / self._before[name]
            for name in pace
            if name in self._before
        ]
        if self._before and not slower:
            # None is left of those to compare with: they are measured anew.
            self.at_a_time -= 1
            self._before, self._seen = {}, {}
        elif slower and self._gain(statistics.median(slower)) < _WORTHWHILE:
            self.at_a_time -= 1
            self._decided = True
        elif self.at_a_time >= self._most:
            self._decided = True
        else:
            self.at_a_time += 1
            self._before = pace
            self._seen = {}

    def lower(self, at_a_time):
        """Has fewer run, for good.

        Args:
            at_a_time: Integer. The most that run at a time from now on.
        """
        self.at_a_time = min(self.at_a_time, at_a_time)
        self._decided = True

    def _gain(self, slower):
        """What the last one adds, if it is slowed down as the others are."""
        return self.at_a_time / (self.at_a_time - 1) / slower


class _Running:
    """A training that runs, and how many ran beside it at most."""

    def __init__(self, training):
        self._folder = training.folder
        self._folder.mkdir(parents=True, exist_ok=True)
        self._epochs = len(_epochs(self._folder))
        self.beside = 0
        with (self._folder / "log.txt").open("ab") as log:
            self.process = subprocess.Popen(
                training.command,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **SHARING},
            )

    def at_its_first_epoch(self):
        """Whether it has no epoch behind it since it was started."""
        return len(_epochs(self._folder)) <= self._epochs


def _stop(running):
    """Ends processes, if need be by force; checkpoints are whole anyway."""
    processes = [one.process for one in running]
    for process in processes:
        process.send_signal(signal.SIGTERM)
    end = time.monotonic() + 30
    for process in processes:
        try:
            process.wait(timeout=max(0, end - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _epochs(folder):
    """Returns the seconds of the epochs that a training has behind it."""
    files = sorted(folder.glob("history*.csv"))
    return [float(row["seconds"]) for path in files for row in read_csv(path)]
