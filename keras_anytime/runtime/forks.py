"""Support for processes that are forked, which lose the parent's threads.

LiteRT can open a file again in a forked process. TensorFlow cannot run there,
because the threads of the parent process do all its work.
"""

import ctypes
import os
import pathlib
import weakref
from typing import Protocol


class ForkWatcher(Protocol):
    """An object that must know when its process was forked."""

    def forked(self) -> None:
        """Gives up the parent's resources; called in the forked process."""


class _Process:
    """The state of this process."""

    def __init__(self) -> None:
        self.ran_tensorflow = False
        self.lost_tensorflow = False
        self.watchers: weakref.WeakSet = weakref.WeakSet()

    def forked(self) -> None:
        self.lost_tensorflow |= self.ran_tensorflow
        for watcher in self.watchers:
            watcher.forked()


_process = _Process()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_process.forked)


def watch(watcher: ForkWatcher) -> None:
    """Calls `watcher.forked()` in each process that this process forks.

    Args:
        watcher: The object. It is held by a weak reference.
    """
    _process.watchers.add(watcher)


def check_tensorflow(path: pathlib.Path) -> None:
    """Records that TensorFlow runs in this process, if it can.

    Args:
        path: The folder that is opened, for errors.

    Raises:
        RuntimeError: If this process was forked from one that ran TensorFlow.
    """
    if _process.lost_tensorflow:
        raise RuntimeError(
            "TensorFlow does not run in a process that was forked from one "
            "that ran it. Start processes with the method 'spawn', open "
            "SavedModels only after the fork, or export a .tflite file. "
            f"Received: path={str(path)!r}"
        )
    _process.ran_tensorflow = True


def keep_forever(resource: object) -> None:
    """Keeps an object and all that it refers to, even when Python ends.

    An interpreter of LiteRT waits for its threads when it is freed. In a forked
    process, which does not have these threads, it would wait forever.

    Args:
        resource: The object.
    """
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(resource))
