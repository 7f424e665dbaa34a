"""Locks between processes, which end with the process that holds them.

Windows and some network drives have no such locks. There, every lock is
granted at once and nothing is locked.
"""

import contextlib
import os
import pathlib
import sys
from collections.abc import Iterator
from typing import TextIO

from keras_anytime.files.paths import user_path


def lock_file(path: str | os.PathLike, wait: bool = False) -> TextIO:
    """Locks a file until the returned file is closed or the process ends.

    Args:
        path: String or path of the lock file. It is created if needed and
            stays after the lock ends. Its folder must exist.
        wait: Boolean. Whether to wait while another process holds the lock.

    Returns:
        The open file. Closing it ends the lock.

    Raises:
        BlockingIOError: If another process holds the lock and `wait` is False.
        OSError: If the file cannot be written.
    """
    file = user_path(path).open("a")
    if sys.platform != "win32":
        import fcntl

        try:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            file.close()
            raise
        except OSError:
            pass  # The drive has no locks.
    return file


@contextlib.contextmanager
def lock_folder(folder: str | os.PathLike) -> Iterator[None]:
    """Lets one process or thread at a time replace files of a folder.

    It protects files that belong together, which no single move replaces.
    Others wait until the lock ends.

    Args:
        folder: String or path of an existing folder.
    """
    if sys.platform == "win32":
        yield
        return
    import fcntl

    lock = os.open(user_path(folder), os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):  # The drive has no locks.
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        # Processes that were forked in the meantime inherited the lock, so
        # closing the folder would not end it.
        with contextlib.suppress(OSError):
            fcntl.flock(lock, fcntl.LOCK_UN)
        os.close(lock)


@contextlib.contextmanager
def try_lock_folder(folder: pathlib.Path) -> Iterator[bool]:
    """Locks a folder if no other process holds it; never waits.

    Unlike the other locks, this one reports where a system has no locks.

    Args:
        folder: An existing folder.

    Yields:
        Boolean. Whether the folder is locked now.
    """
    if sys.platform == "win32":
        yield False
        return
    import fcntl

    handle = None
    try:
        try:
            handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield False
        else:
            yield True
    finally:
        if handle is not None:
            os.close(handle)
