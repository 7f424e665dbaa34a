"""Atomic writing: a file is written completely or not at all."""

import contextlib
import ctypes
import errno
import glob
import json
import math
import os
import pathlib
import shutil
import sys
import tempfile
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping

from keras_anytime.files.locks import try_lock_folder
from keras_anytime.files.paths import user_path

# Error numbers of a system whose disk is full.
_DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def check_writable(path: str | os.PathLike) -> None:
    """Raises an error if a file cannot be written, before work is spent on it.

    Args:
        path: String or path of the file. Its folder is created if needed.

    Raises:
        OSError: If the folder cannot be created or written to, or if `path` is
            a folder.
    """
    path = user_path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _staging_folder(path):
            pass
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    except OSError as error:
        number = error.errno or errno.EIO
        if isinstance(error, FileExistsError):
            # A file has the name of the folder.
            number = errno.ENOTDIR
        raise OSError(
            number,
            f"{os.strerror(number)}: the file cannot be written there, use "
            f"another place. Received: path={str(path)!r}",
        ) from error


def atomic_write(
    path: str | os.PathLike, write: Callable[[pathlib.Path], object]
) -> None:
    """Writes a file or folder next to its destination, then moves it there.

    A reader sees either the old content or the new content, each complete. If
    writing fails, the old content stays and no other file is left.

    Args:
        path: String or path of the destination. Its folder is created if
            needed.
        write: Function that is called with a temporary path of the same suffix
            and writes the file or folder there.

    Raises:
        OSError: If the destination cannot be written, if a file would replace
            a folder, or if the disk is full.
    """
    path = user_path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with _staging_folder(path) as staging:
            staged = staging / path.name
            write(staged)
            _replace(staged, path, staging / "old")
    except Exception as error:
        number = disk_full_errno(error)
        if number is None:
            raise
        raise OSError(
            number,
            f"{os.strerror(number)}: nothing was written, and an earlier file "
            f"is unchanged. Received: path={str(path)!r}",
        ) from error


def write_text(path: str | os.PathLike, text: str) -> None:
    """Writes a text file in UTF-8 atomically; see `atomic_write`."""
    content = text.encode()
    atomic_write(path, lambda staged: staged.write_bytes(content))


def write_json(path: str | os.PathLike, content: object) -> None:
    """Writes plain values as a JSON file atomically; see `atomic_write`.

    Infinities and NaN become `null`, because JSON cannot represent them.
    """
    text = json.dumps(_without_nonfinite(content), indent=2, allow_nan=False)
    write_text(path, text + "\n")


def disk_full_errno(error: BaseException) -> int | None:
    """Returns the system's error number if an error means that a disk is full.

    Args:
        error: An exception of any library. TensorFlow's exceptions contain
            only the text of the system's error.

    Returns:
        Integer as in `OSError.errno`, or `None` for any other error.
    """
    if isinstance(error, OSError):
        return error.errno if error.errno in _DISK_FULL else None
    text = str(error)
    return next(
        (number for number in _DISK_FULL if os.strerror(number) in text), None
    )


def delete_leftovers(folder: pathlib.Path, names: str) -> None:
    """Deletes temporary files of processes that were killed while writing.

    Files that a living process is writing are locked and stay.

    Args:
        folder: The folder of the destinations.
        names: String. Pattern of the destinations' names, as for
            `pathlib.Path.glob`.
    """
    for leftover in folder.glob(f".{names}.{'?' * 8}.part"):
        with try_lock_folder(leftover) as locked:
            if locked:
                shutil.rmtree(leftover, ignore_errors=True)


@contextlib.contextmanager
def _staging_folder(path: pathlib.Path) -> Iterator[pathlib.Path]:
    """Makes a temporary folder next to a path, and deletes it at the end."""
    delete_leftovers(path.parent, glob.escape(path.name))
    while True:
        staging = pathlib.Path(
            tempfile.mkdtemp(
                prefix=f".{path.name}.", suffix=".part", dir=path.parent
            )
        )
        with try_lock_folder(staging):
            # Before it was locked, another process may have taken it for a
            # leftover and deleted it.
            if staging.exists():
                try:
                    yield staging
                finally:
                    shutil.rmtree(staging, ignore_errors=True)
                return


def _replace(
    staged: pathlib.Path, path: pathlib.Path, backup: pathlib.Path
) -> None:
    """Moves a file or folder to its destination, over the old one."""
    if path.is_dir() and not staged.is_dir():
        raise IsADirectoryError(
            f"{str(path)!r} is a folder, and a file was to be written there"
        )
    if not path.is_dir():
        try:
            os.replace(staged, path)
            return
        except OSError:
            # Another program may just have put a folder there.
            if not (path.is_dir() and staged.is_dir()):
                raise
    if not _exchange(staged, path):
        # Systems that cannot exchange two folders move the old one away first.
        os.replace(path, backup)
        try:
            os.replace(staged, path)
        except OSError:
            os.replace(backup, path)
            raise


def _exchange(first: pathlib.Path, second: pathlib.Path) -> bool:
    """Exchanges two folders in one move; returns False if it cannot.

    Only Linux has this operation.
    """
    if sys.platform != "linux":
        return False
    rename = getattr(ctypes.CDLL(None), "renameat2", None)
    here, exchange = -100, 2  # AT_FDCWD and RENAME_EXCHANGE of its headers.
    return rename is not None and not rename(
        here, os.fsencode(first), here, os.fsencode(second), exchange
    )


def _without_nonfinite(content: object) -> object:
    if isinstance(content, Mapping):
        return {
            key: _without_nonfinite(value) for key, value in content.items()
        }
    if isinstance(content, (list, tuple)):
        return [_without_nonfinite(value) for value in content]
    if isinstance(content, float) and not math.isfinite(content):
        return None
    return content
