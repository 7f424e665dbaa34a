"""Executor: the open programs of a file and the calls that run them."""

import pathlib
import threading

from keras_anytime.runtime import forks
from keras_anytime.runtime import malloc
from keras_anytime.runtime.backends import LoadError
from keras_anytime.runtime.job import Job
from keras_anytime.runtime.opening import open_programs
from keras_anytime.runtime.worker import Worker


class Executor:
    """Runs jobs on the programs of one exported file, also after a fork.

    A worker thread runs the jobs. A forked process has no such thread, so it
    opens the file again with its first job.

    Args:
        path: Absolute path of the file or folder.
        num_threads: As in `AnytimePredictor`.
        verify: As in `AnytimePredictor`.

    Attributes:
        open_arguments: Tuple of the arguments.
        manifest: The `Manifest` of the file.
        steps: Dict from the names of signatures to programs.
        jobs: Set of the calls in progress. Callers add and discard their own
            job with single operations, which are atomic for signal handlers.

    Raises:
        FileNotFoundError: If the file or folder does not exist.
        OSError: If the file cannot be read.
        ValueError: If the file or its manifest is damaged.
        ImportError: If the library that runs the file is missing.
        RuntimeError: If TensorFlow cannot run in this process.
    """

    def __init__(
        self, path: pathlib.Path, num_threads: int | None, verify: bool
    ) -> None:
        self.open_arguments = (path, num_threads, verify)
        self.manifest, self.steps = open_programs(path, num_threads, verify)
        self.jobs: set[Job] = set()
        self._closed = False
        self._reopening = threading.RLock()
        self._worker: Worker | None = Worker(self.steps, self.manifest)
        forks.watch(self)

    def submit(self, job: Job) -> None:
        """Hands a job to the worker.

        Raises:
            ValueError: If the executor is closed.
            LoadError: If this process was forked and the file was replaced.
        """
        self.check_open()
        (self._worker or self._reopen()).put(job)
        # A worker that was closed in the meantime would never run the job.
        self.check_open()

    def check_open(self) -> None:
        """Raises a `ValueError` if the executor is closed."""
        if self._closed:
            raise ValueError("The predictor is closed: open the file again.")

    def interrupt(self) -> None:
        """Stops the calls in progress."""
        for job in list(self.jobs):
            job.stop()

    def close(self) -> None:
        """Stops the calls in progress and ends the thread of the worker."""
        self._closed = True
        self.interrupt()
        worker = self._worker
        if worker is not None:
            worker.end()
        malloc.trim_memory()

    def forked(self) -> None:
        """Gives up the parent's programs and calls, in a forked process."""
        forks.keep_forever(self.steps)
        self.steps, self._worker = {}, None
        self._reopening = threading.RLock()
        for job in self.jobs:
            job.stop(
                RuntimeError(
                    "The process was forked during this call, and its stages "
                    "run in the parent process only: call again."
                )
            )
        self.jobs = set()

    def _reopen(self) -> Worker:
        """Returns the worker of a forked process, made at the first call."""
        with self._reopening:
            if self._worker is None:
                manifest, steps = open_programs(*self.open_arguments)
                if manifest.sha256 != self.manifest.sha256:
                    raise LoadError(
                        f"{str(self.open_arguments[0])!r} was replaced after "
                        "it was opened, and this process was forked: open it "
                        "again."
                    )
                self.steps = steps
                self._worker = Worker(steps, manifest)
            return self._worker
