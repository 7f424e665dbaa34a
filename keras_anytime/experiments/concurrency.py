"""Concurrent trainings: as many on one device as get the most done."""

import dataclasses
import os
import pathlib
import signal
import statistics
import subprocess
import time
from collections.abc import Collection
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence

import keras

from keras_anytime.callbacks import ChanceError
from keras_anytime.data.image_stream import usable_cores
from keras_anytime.evaluation.provenance import accelerators
from keras_anytime.experiments.run_folder import RunFolder
from keras_anytime.files.csv_files import read_csv

# Another worker must raise what all get done by at least this factor.
_LEAST_GAIN = 1.1
# Epochs after a change until it shows in their times. The first may compile.
_SETTLING_EPOCHS = 2
# Environment variables of processes that share a device. Without them, the
# first process takes most of its memory, or all of it.
SHARED_DEVICE = {
    "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
    "TF_FORCE_GPU_ALLOW_GROWTH": "true",
}
# Environment variables with the number of threads that compute: TensorFlow's,
# and those of the libraries below it.
_THREADS = ("TF_NUM_INTRAOP_THREADS", "OMP_NUM_THREADS")


@dataclasses.dataclass(frozen=True)
class Training:
    """A training to run in a process of its own.

    Args:
        name: String.
        command: Tuple of strings. Run again, the command must go on where it
            was stopped.
        folder: A `pathlib.Path`. The run folder, to which the training writes
            `history.csv`, with the `seconds` of each epoch. Its output is added
            to `log.txt` there.
    """

    name: str
    command: tuple[str | os.PathLike, ...]
    folder: pathlib.Path


def run_concurrently(
    trainings: Sequence[Training],
    seconds: float,
    workers: int | None = None,
    max_workers: int = 8,
    poll_seconds: float = 1.0,
    cores: int | None = None,
) -> Iterator[tuple[Training, int | None, int]]:
    """Runs trainings in their order, some at a time, until time is up.

    A small network leaves most of a large GPU idle, where others can train.
    How many workers get the most done is measured: one more is started, and
    stays if all workers together get at least 10% more done than before.

    A failure in the first epoch counts as out of memory: lower the limit and
    retry once. A training that gives up, with the exit status of a
    `ChanceError`, has had memory.

    On CPUs, threads of several trainings would fight for the cores. Each
    process gets its share of them when it starts: the cores, divided by the
    number of workers at that time. It keeps its threads, whatever the number
    becomes. While the number is measured, those that were started with more
    threads are slowed down more, so that it may be found too small: where the
    best number is known, give it. TensorFlow takes the number of threads from
    the environment, and what the user has set there stays; JAX has no public
    setting.

    Args:
        trainings: Sequence of `Training`s.
        seconds: Float. When they have passed, no training is started, and
            those that run are stopped. They go on when they are run again.
        workers: Integer. How many trainings run at a time, or `None` to
            measure how many get the most done.
        max_workers: Integer. The most that are tried.
        poll_seconds: Float. Seconds between two looks at the processes.
        cores: Integer. The processor cores that all trainings share, or `None`
            where these do not compute.

    Yields:
        Tuple of a finished `Training`; the exit status of its process, `None`
        if it was stopped because time was up; and the most trainings that ran
        at a time with it, itself included.
    """
    end = time.monotonic() + seconds
    waiting = list(trainings)
    running: dict[Training, _Process] = {}
    retried: set[Training] = set()
    tuner = ConcurrencyTuner(workers, max_workers)
    try:
        while waiting or running:
            time_is_up = time.monotonic() >= end
            while waiting and len(running) < tuner.workers and not time_is_up:
                training = waiting.pop(0)
                threads = cores and max(1, cores // tuner.workers)
                running[training] = _Process(training, threads)
            if not running:
                return
            for process in running.values():
                process.concurrent = max(process.concurrent, len(running))
            if time_is_up:
                _stop(running.values())
            for training, process in list(running.items()):
                status = process.poll()
                if status is None:
                    continue
                del running[training]
                if status and time_is_up:
                    status = None
                elif (
                    status not in (0, ChanceError.exit_status)
                    and running
                    and process.in_first_epoch()
                ):
                    tuner.limit(len(running))
                    if training not in retried:
                        retried.add(training)
                        waiting.insert(0, training)
                        continue
                yield training, status, process.concurrent
            tuner.update(
                {
                    training.name: _epoch_seconds(training.folder)
                    for training in running
                }
            )
            time.sleep(poll_seconds)
    finally:
        _stop(running.values())


class ConcurrencyTuner:
    """Decides how many trainings run at a time, from the times of epochs.

    Args:
        workers: Integer. The number that is kept, or `None` to tune it.
        max_workers: Integer. The most that are tried.

    Attributes:
        workers: Integer. How many trainings are to run now.
    """

    def __init__(
        self, workers: int | None = None, max_workers: int = 8
    ) -> None:
        self.workers = workers or 1
        self._max_workers = max_workers
        self._decided = workers is not None
        # Seconds of an epoch by the names of trainings, with one worker less.
        self._before: dict[str, float] = {}
        # Epochs that each training had finished at the last change.
        self._ignored_epochs: dict[str, int] = {}

    def update(self, epoch_seconds: Mapping[str, Sequence[float]]) -> None:
        """Updates the number of workers from the epochs so far.

        Args:
            epoch_seconds: Dict from the names of the trainings that run to the
                seconds of their finished epochs.
        """
        if self._decided or len(epoch_seconds) != self.workers:
            return
        for name, seconds in epoch_seconds.items():
            self._ignored_epochs.setdefault(name, len(seconds))
        recent = {
            name: seconds[self._ignored_epochs[name] + _SETTLING_EPOCHS - 1 :]
            for name, seconds in epoch_seconds.items()
        }
        # While the last one compiled, the others were not yet slowed down.
        count = min(map(len, recent.values()))
        if not count:
            return
        now = {
            name: statistics.median(seconds[-count:])
            for name, seconds in recent.items()
        }
        slowdowns = [
            now[name] / self._before[name]
            for name in now
            if name in self._before
        ]
        if self._before and not slowdowns:
            # All trainings to compare with have ended: measure again.
            self.workers -= 1
            self._before, self._ignored_epochs = {}, {}
        elif slowdowns and (
            self._gain(statistics.median(slowdowns)) < _LEAST_GAIN
        ):
            self.workers -= 1
            self._decided = True
        elif self.workers >= self._max_workers:
            self._decided = True
        else:
            self.workers += 1
            self._before = now
            self._ignored_epochs = {}

    def limit(self, workers: int) -> None:
        """Lowers the number of workers for good.

        Args:
            workers: Integer. The most that run at a time from now on.
        """
        self.workers = min(self.workers, workers)
        self._decided = True

    def _gain(self, slowdown: float) -> float:
        """Returns what all get done, compared with one worker less.

        It is assumed that the last worker is slowed down as the others are.
        """
        return self.workers / (self.workers - 1) / slowdown


class _Process:
    """The process of a training, and the most that ran at a time with it.

    Args:
        training: The `Training`.
        threads: Integer, how many threads compute; `None` leaves it open.
    """

    def __init__(self, training: Training, threads: int | None = None) -> None:
        self._folder = training.folder
        self._folder.mkdir(parents=True, exist_ok=True)
        self._epochs_before = len(_epoch_seconds(self._folder))
        self.concurrent = 0
        with (self._folder / "log.txt").open("ab") as log:
            self._process = subprocess.Popen(
                training.command,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={
                    **{name: str(threads) for name in _THREADS if threads},
                    **os.environ,
                    **SHARED_DEVICE,
                },
            )

    def poll(self) -> int | None:
        """Returns the exit status, `None` while the process runs."""
        return self._process.poll()

    def in_first_epoch(self) -> bool:
        """Whether it has finished no epoch since it was started."""
        return len(_epoch_seconds(self._folder)) <= self._epochs_before

    def terminate(self) -> None:
        """Asks the process to end."""
        self._process.send_signal(signal.SIGTERM)

    def wait(self, seconds: float) -> None:
        """Waits for the end of the process, and kills it if time is up."""
        try:
            self._process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            # Nothing is lost: checkpoints are whole at any moment.
            self._process.kill()
            self._process.wait()


def cores_to_share() -> int | None:
    """Returns the processor cores that trainings compute on together.

    It is `None` where they compute on another device, and on JAX, whose number
    of threads has no public setting: to look for a GPU would take its memory.
    """
    if keras.backend.backend() != "tensorflow" or accelerators():
        return None
    return usable_cores()


def _stop(processes: Collection[_Process]) -> None:
    """Ends processes, by force after half a minute."""
    for process in processes:
        process.terminate()
    end = time.monotonic() + 30
    for process in processes:
        process.wait(max(0, end - time.monotonic()))


def _epoch_seconds(folder: pathlib.Path) -> list[float]:
    """Returns the seconds of the epochs that a training has finished."""
    return [
        float(row["seconds"])
        for path in RunFolder(folder).histories()
        for row in read_csv(path)
    ]
