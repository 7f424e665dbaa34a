"""The thread that runs the steps of an exported file, call after call."""

import os
import queue
import threading
import weakref
from typing import Any

from keras_anytime.manifest.manifest import Manifest
from keras_anytime.runtime.backends import Program
from keras_anytime.runtime.job import Job


class Worker:
    """Runs jobs in a thread of its own, in the order in which they arrive.

    Callers and the thread communicate through `queue.SimpleQueue`s only.
    Operations of these queues are atomic for signal handlers, and those of
    locks are not: a signal handler may call `interrupt`, or raise, at any point
    of its thread.

    The thread ends with `end`, with the worker, or with the program, but never
    during a step, because LiteRT and TensorFlow would end the process. The
    programs are freed with the thread.

    Args:
        steps: Dict from the names of signatures to programs. It is emptied
            when the thread ends.
        manifest: The `Manifest` of the exported file.
    """

    def __init__(self, steps: dict[str, Program], manifest: Manifest) -> None:
        self._thread = _WorkerThread()
        self._thread.start(steps, manifest)
        weakref.finalize(self, self._thread.end)

    def put(self, job: Job) -> None:
        """Hands over a job, which runs after the jobs before it."""
        self._thread.jobs.put(job)

    def end(self) -> None:
        """Ends the thread after the jobs before, and waits for it."""
        self._thread.end()


class _WorkerThread:
    """The thread and its queue; it holds no reference to the worker."""

    def __init__(self) -> None:
        #: Jobs, and for each caller of `end` a queue that it waits for.
        self.jobs: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._ended = False
        self._process = os.getpid()

    def start(self, steps: dict[str, Program], manifest: Manifest) -> None:
        self._thread = threading.Thread(
            target=self._work,
            args=(steps, manifest),
            name="anytime",
            daemon=True,
        )
        self._thread.start()

    def _work(self, steps: dict[str, Program], manifest: Manifest) -> None:
        features: dict = {}  # The outputs of the steps of the last call.
        while not isinstance(job := self.jobs.get(), queue.SimpleQueue):
            job.run(steps, manifest, features)
            # The job must not outlive its caller until the next job arrives.
            del job
        features.clear()
        # The programs are freed here and not in a caller's thread, where a
        # signal handler could raise: Python would drop its exception.
        steps.clear()
        self._ended = True
        waiting = [job]
        while not self.jobs.empty():
            waiting.append(self.jobs.get())
        for entry in waiting:
            if isinstance(entry, queue.SimpleQueue):
                entry.put(None)

    def end(self) -> None:
        # The garbage collector may free the worker inside its own thread.
        inside = threading.current_thread() is self._thread
        answer: queue.SimpleQueue[None] = queue.SimpleQueue()
        self.jobs.put(answer)
        # The thread does not exist in a process that was forked.
        if self._ended or inside or os.getpid() != self._process:
            return
        # `Thread.join` takes the thread for ended if a signal handler raises.
        answer.get()
        self._thread.join()
