"""What a forked process must not touch: the threads are its parent's.

LiteRT can open a file anew there. TensorFlow cannot: all that it does is done
by threads of the process in which it began.
"""

import ctypes
import os
import weakref


class _Process:
    """What is to be known of this process."""

    def __init__(self):
        self.ran_tensorflow = False
        self.lost_tensorflow = False
        self.watchers: weakref.WeakSet = weakref.WeakSet()

    def forked(self):
        self.lost_tensorflow |= self.ran_tensorflow
        for watcher in self.watchers:
            watcher.forked()


_process = _Process()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_process.forked)


def watch(one) -> None:
    """Calls `one.forked()` in each process that this one forks."""
    _process.watchers.add(one)


def check_tensorflow(path) -> None:
    """Notes that TensorFlow runs in this process, if it can.

    Args:
        path: What is opened, for the message.

    Raises:
        RuntimeError: If this process was forked from one where it ran.
    """
    if _process.lost_tensorflow:
        raise RuntimeError(
            "TensorFlow does not run in a process that was forked from one "
            "where it ran. Start processes by the method 'spawn', or open "
            "SavedModels after the fork only, or export a .tflite file. "
            f"Received: path={str(path)!r}"
        )
    _process.ran_tensorflow = True


def keep_forever(one) -> None:
    """Keeps an object, and all that it refers to, even when Python ends.

    Where an interpreter of LiteRT is freed it waits for its threads, and in a
    forked process, which does not have them, for ever.
    """
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(one))
