"""The thread that runs the steps of one file, call after call."""

import os
import queue
import threading
import weakref


class Worker:
    """Runs jobs in a thread of its own, in the order in which they come.

    Callers and thread meet in `queue.SimpleQueue`s only. Their operations are
    atomic, which locks are not for a signal handler: it may call `interrupt`,
    or raise, wherever its thread is.

    The thread ends with `end`, with the worker, or with the program, and never
    within a step: LiteRT and TensorFlow would take the process with them. The
    programs end with it.

    Args:
        steps: Dict from the names of signatures to programs, empty afterwards.
        manifest: The file's `Manifest`.
    """

    def __init__(self, steps, manifest):
        self._running = _Running()
        self._running.start(steps, manifest)
        weakref.finalize(self, self._running.end)

    def put(self, job) -> None:
        """Hands over a job, whose `run` is called in its turn."""
        self._running.jobs.put(job)

    def end(self) -> None:
        """Ends the thread after the jobs before; waits for it."""
        self._running.end()


class _Running:
    """What the thread and its owner share; it knows nothing of the owner."""

    def __init__(self):
        #: Jobs, and of each caller that waits for the end a queue to answer to.
        self.jobs: queue.SimpleQueue = queue.SimpleQueue()
        self._ended = False
        self._process = os.getpid()

    def start(self, steps, manifest):
        self._thread = threading.Thread(
            target=self._work,
            args=(steps, manifest),
            name="anytime",
            daemon=True,
        )
        self._thread.start()

    def _work(self, steps, manifest):
        features: dict = {}  # What the steps of the last call left.
        while not isinstance(job := self.jobs.get(), queue.SimpleQueue):
            job.run(steps, manifest, features)
            del job  # It must not outlive its caller until the next one comes.
        features.clear()
        # Not where a signal handler could raise: Python would drop its
        # exception.
        steps.clear()
        self._ended = True
        waiting = [job]
        while not self.jobs.empty():
            waiting.append(self.jobs.get())
        for one in waiting:
            if isinstance(one, queue.SimpleQueue):
                one.put(None)

    def end(self):
        # A collection of garbage may end the worker from within its thread.
        inside = threading.current_thread() is self._thread
        answer: queue.SimpleQueue = queue.SimpleQueue()
        self.jobs.put(answer)
        # The thread does not live on in a process that was forked.
        if self._ended or inside or os.getpid() != self._process:
            return
        # `Thread.join` takes a thread for ended if a signal handler raises.
        answer.get()
        self._thread.join()
