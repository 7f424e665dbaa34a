"""Writing files so that nothing is ever half-written."""

import contextlib
import ctypes
import errno
import glob
import json
import math
import os
import pathlib
import shutil
import stat
import sys
import tempfile
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from typing import BinaryIO
from typing import TextIO

# What a disk says that has no room left.
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class ContentError(ValueError):
    """A file from earlier is damaged, or of something else."""


def user_path(path: str | os.PathLike) -> pathlib.Path:
    """Returns a path that a user gave, with `~` as the home folder."""
    return pathlib.Path(os.path.expanduser(path))


def check_writable(path: str | os.PathLike) -> None:
    """Raises an error where a file cannot be written, before there is work.

    Args:
        path: Where the file shall be. Its folder is made if needed.

    Raises:
        OSError: If its folder cannot be made or written to, or a folder is
            where the file shall be.
    """
    path = user_path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _room(path):
            pass
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    except OSError as error:
        number = error.errno or errno.EIO
        if isinstance(error, FileExistsError):
            # A file stands where its folder should be.
            number = errno.ENOTDIR
        raise OSError(
            number,
            f"{os.strerror(number)}: nothing can be written there, use another "
            f"place. Received: path={str(path)!r}",
        ) from error


def atomic_write(
    path: str | os.PathLike, write: Callable[[pathlib.Path], object]
) -> None:
    """Writes a file or folder beside its place, then moves it there.

    A reader sees the old one or the new one, whole. If writing fails, the old
    one stays and nothing else is left.

    Args:
        path: Where the file or folder shall be. Its folder is made if needed.
        write: Called with a path beside it, of the same suffix, to write to.

    Raises:
        OSError: If the place cannot be written, a file was to replace a
            folder, or there is no room left on the disk.
    """
    path = user_path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with _room(path) as room:
            beside = room / path.name
            write(beside)
            _move(beside, path, room / "old")
    except Exception as error:
        number = no_room(error)
        if number is None:
            raise
        raise OSError(
            number,
            f"{os.strerror(number)}: the file was not written, and what was "
            f"there before is as it was. Received: path={str(path)!r}",
        ) from error


def no_room(error: BaseException) -> int | None:
    """Returns the number of the system's error if a disk had no room left.

    Args:
        error: An exception of any library: TensorFlow's have the text of the
            system's error alone.

    Returns:
        Integer as of `OSError.errno`, or `None` for another error.
    """
    if isinstance(error, OSError):
        return error.errno if error.errno in _NO_ROOM else None
    text = str(error)
    return next((one for one in _NO_ROOM if os.strerror(one) in text), None)


def delete_left(folder: pathlib.Path, names: str) -> None:
    """Deletes what processes left that were killed while they wrote.

    What a process writes is locked, and stays.

    Args:
        folder: Where the files were to be.
        names: Pattern of their names, as for `pathlib.Path.glob`.
    """
    for left in folder.glob(f".{names}.{'?' * 8}.part"):
        with _locked(left) as locked:
            if locked:
                shutil.rmtree(left, ignore_errors=True)


@contextlib.contextmanager
def _room(path: pathlib.Path) -> Iterator[pathlib.Path]:
    """A new folder beside a path, which ends with the context."""
    delete_left(path.parent, glob.escape(path.name))
    while True:
        room = pathlib.Path(
            tempfile.mkdtemp(
                prefix=f".{path.name}.", suffix=".part", dir=path.parent
            )
        )
        with _locked(room):
            # Until it was locked, it may have been taken for one that is left.
            if room.exists():
                try:
                    yield room
                finally:
                    shutil.rmtree(room, ignore_errors=True)
                return


@contextlib.contextmanager
def _locked(folder: pathlib.Path) -> Iterator[bool]:
    """Locks a folder, if no process has; gives whether it did.

    Windows and some network drives have no such locks.
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


def _move(
    beside: pathlib.Path, path: pathlib.Path, aside: pathlib.Path
) -> None:
    """Moves a file or folder in place of what is there."""
    if path.is_dir() and not beside.is_dir():
        raise IsADirectoryError(
            f"{str(path)!r} is a folder, and a file was to be written there"
        )
    if not path.is_dir():
        try:
            os.replace(beside, path)
            return
        except OSError:
            # Another program may have put a folder there at this moment.
            if not (path.is_dir() and beside.is_dir()):
                raise
    if not _exchange(beside, path):
        # Without such a move the old folder is set aside for a moment.
        os.replace(path, aside)
        try:
            os.replace(beside, path)
        except OSError:
            os.replace(aside, path)
            raise


def _exchange(first: pathlib.Path, second: pathlib.Path) -> bool:
    """Swaps two folders in one move; whether the system can (Linux)."""
    if sys.platform != "linux":
        return False
    rename = getattr(ctypes.CDLL(None), "renameat2", None)
    here, exchange = -100, 2  # AT_FDCWD and RENAME_EXCHANGE of its headers.
    return rename is not None and not rename(
        here, os.fsencode(first), here, os.fsencode(second), exchange
    )


@contextlib.contextmanager
def alone_in(folder: str | os.PathLike) -> Iterator[None]:
    """Lets one program or thread at a time replace files of a folder.

    It is for files that belong together, which no single move replaces. Where
    the system has no such locks (Windows, some network drives), nobody waits.

    Args:
        folder: An existing folder.
    """
    if sys.platform == "win32":
        yield
        return
    import fcntl

    lock = os.open(user_path(folder), os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):  # A drive without locks.
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        # Closed alone, it would still be held by processes forked meanwhile.
        with contextlib.suppress(OSError):
            fcntl.flock(lock, fcntl.LOCK_UN)
        os.close(lock)


def open_regular(path: str | os.PathLike) -> BinaryIO:
    """Opens a file to read, which others may have put there.

    A pipe would let its reader wait for ever, and a device never end.

    Raises:
        OSError: If it cannot be read, or is no regular file.
    """

    def opener(name, flags):
        return os.open(name, flags | getattr(os, "O_NONBLOCK", 0))

    path = user_path(path)
    file = open(path, "rb", opener=opener)
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise OSError(errno.EINVAL, "It is no regular file", str(path))
    return file


def read_small(path: str | os.PathLike, largest: int) -> bytes:
    """Reads a file of a size that is bounded.

    Args:
        path: The file.
        largest: Integer, the bytes that it may have.

    Raises:
        OSError: If it cannot be read, is no regular file, or is larger.
    """
    with open_regular(path) as file:
        content = file.read(largest + 1)
    if len(content) > largest:
        raise OSError(
            errno.EFBIG, f"It is larger than {largest} bytes", str(path)
        )
    return content


def lock_file(path: str | os.PathLike, wait: bool = False) -> TextIO:
    """Holds a file that one process at a time can hold, until it ends.

    Where the system has no such locks (Windows, some network drives), nothing
    is held.

    Args:
        path: A file beside what is to be one's own; made if needed, and left
            there. Its folder must exist.
        wait: Whether to wait for a process that holds it.

    Returns:
        The open file; closed, it is held no more.

    Raises:
        BlockingIOError: If another process holds it.
        OSError: If it cannot be written.
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
            pass  # A drive without locks.
    return file


def write_text(path: str | os.PathLike, text: str) -> None:
    """Writes a text file in UTF-8, whole or not at all; see `atomic_write`."""
    content = text.encode()
    atomic_write(path, lambda beside: beside.write_bytes(content))


def write_json(path: str | os.PathLike, content: object) -> None:
    """Writes plain values as a JSON file, whole or not at all.

    What is infinite or not a number becomes `null`: JSON knows neither.
    """
    text = json.dumps(_finite(content), indent=2, allow_nan=False)
    write_text(path, text + "\n")


def _finite(content):
    if isinstance(content, Mapping):
        return {key: _finite(value) for key, value in content.items()}
    if isinstance(content, (list, tuple)):
        return [_finite(value) for value in content]
    if isinstance(content, float) and not math.isfinite(content):
        return None
    return content


def picture_path(path: str | os.PathLike) -> pathlib.Path:
    """Returns where a picture is to be written.

    Args:
        path: What the user gave.

    Raises:
        ValueError: If it ends in neither `.png` nor `.svg`.
    """
    path = user_path(path)
    if path.suffix not in (".png", ".svg"):
        raise ValueError(
            "A plot is written as '.png' or '.svg'. "
            f"Received: path={str(path)!r}"
        )
    return path
