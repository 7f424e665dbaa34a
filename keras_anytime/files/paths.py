"""Paths that users give, and files that others may have written."""

import errno
import os
import pathlib
import stat
from typing import BinaryIO


class ContentError(ValueError):
    """An existing file is damaged or belongs to something else."""


def user_path(path: str | os.PathLike) -> pathlib.Path:
    """Returns a path that a user gave, with `~` as the home folder."""
    return pathlib.Path(os.path.expanduser(path))


def picture_path(path: str | os.PathLike) -> pathlib.Path:
    """Returns the path of a picture after checking its suffix.

    Args:
        path: String or path that a user gave.

    Raises:
        ValueError: If the path ends in neither `.png` nor `.svg`.
    """
    path = user_path(path)
    if path.suffix not in (".png", ".svg"):
        raise ValueError(
            "A plot is written as '.png' or '.svg'. "
            f"Received: path={str(path)!r}"
        )
    return path


def open_regular(path: str | os.PathLike) -> BinaryIO:
    """Opens a regular file for reading, and refuses pipes and devices.

    Reading a pipe could wait forever, and reading a device could never end.

    Args:
        path: String or path of the file.

    Returns:
        The open binary file.

    Raises:
        OSError: If the file cannot be read or is not a regular file.
    """

    def open_without_waiting(name: str, flags: int) -> int:
        return os.open(name, flags | getattr(os, "O_NONBLOCK", 0))

    path = user_path(path)
    file = open(path, "rb", opener=open_without_waiting)
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise OSError(errno.EINVAL, "It is not a regular file", str(path))
    return file


def read_small(path: str | os.PathLike, max_bytes: int) -> bytes:
    """Reads a regular file of limited size.

    Args:
        path: String or path of the file.
        max_bytes: Integer. The largest allowed size in bytes.

    Returns:
        The content of the file.

    Raises:
        OSError: If the file cannot be read, is not a regular file, or is
            larger than `max_bytes`.
    """
    with open_regular(path) as file:
        content = file.read(max_bytes + 1)
    if len(content) > max_bytes:
        raise OSError(
            errno.EFBIG, f"It is larger than {max_bytes} bytes", str(path)
        )
    return content
