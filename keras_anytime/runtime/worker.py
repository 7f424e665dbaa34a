"""The thread that runs the steps of one file, call after call."""

import queue
import threading
import weakref


class Worker:
    """Runs jobs in a thread of its own, in the order in which they come.

    Callers and thread meet in `queue.SimpleQueue`s only. Their operations are
    atomic, which locks are not for a signal handler: it may call `interrupt`,
    or raise, wherever its thread is.

    The thread ends with `end`, with the worker, or with the program, and never
    within a step: LiteRT and TensorFlow would take the process with them.

    Args:
        steps: Dict from the names of signatures to programs.
        manifest: The file's `Manifest`.
    """

    def __init__(self, steps, manifest):
        self._jobs: queue.SimpleQueue = queue.SimpleQueue()
        self._thread = threading.Thread(
            target=_work,
            args=(self._jobs, steps, manifest),
            name="anytime",
            daemon=True,
        )
        self._thread.start()
        weakref.finalize(self, _end, self._jobs, self._thread)

    def put(self, job) -> None:
        """Hands over a job, whose `run` is called in its turn."""
        self._jobs.put(job)

    def end(self) -> None:
        """Ends the thread after the jobs before; waits for it."""
        _end(self._jobs, self._thread)


def _work(jobs, steps, manifest):
    features: dict = {}  # What the steps of the last call left.
    while (job := jobs.get()) is not None:
        job.run(steps, manifest, features)
        del job  # It must not outlive its caller until the next one comes.


def _end(jobs, thread):
    jobs.put(None)
    # A collection of garbage may end the worker from within its thread.
    if thread is not threading.current_thread():
        thread.join()
