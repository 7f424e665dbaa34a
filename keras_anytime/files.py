"""Writing files so that nothing is ever half-written."""

import contextlib
import csv
import ctypes
import errno
import io
import json
import math
import os
import pathlib
import shutil
import sys
import tempfile
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import TextIO


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
        os.rmdir(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    except OSError as error:
        raise OSError(
            error.errno,
            f"Nothing can be written there ({error.strerror}): use another "
            "place. Received: path",
            str(path),
        ) from error


def write_beside(
    path: str | os.PathLike, write: Callable[[pathlib.Path], object]
) -> None:
    """Writes a file or folder beside its place, then moves it there.

    A reader sees the old one or the new one, whole. If writing fails, the old
    one stays and nothing else is left.

    Args:
        path: Where the file or folder shall be. Its folder is made if needed.
        write: Called with a path beside it, of the same suffix, to write to.

    Raises:
        OSError: If the place cannot be written, or a file was to replace a
            folder.
    """
    path = user_path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    room = pathlib.Path(
        tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent)
    )
    try:
        beside = room / path.name
        write(beside)
        if path.is_dir() and not beside.is_dir():
            raise IsADirectoryError(
                f"{str(path)!r} is a folder, and a file was to be written there"
            )
        if not path.is_dir():
            os.replace(beside, path)
        elif not _exchange(beside, path):
            # Without such a move the old folder is set aside for a moment.
            os.replace(path, room / "old")
            try:
                os.replace(beside, path)
            except OSError:
                os.replace(room / "old", path)
                raise
    finally:
        with contextlib.suppress(OSError):
            shutil.rmtree(room)


def _exchange(first: pathlib.Path, second: pathlib.Path) -> bool:
    """Swaps two folders in one move; whether the system can (Linux)."""
    if sys.platform != "linux":
        return False
    rename = getattr(ctypes.CDLL(None), "renameat2", None)
    here, exchange = -100, 2  # AT_FDCWD and RENAME_EXCHANGE of its headers.
    return rename is not None and not rename(
        here, os.fsencode(first), here, os.fsencode(second), exchange
    )


def hold(path: str | os.PathLike, wait: bool = False) -> TextIO:
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
    """Writes a text file in UTF-8, whole or not at all; see `write_beside`."""
    content = text.encode()
    write_beside(path, lambda beside: beside.write_bytes(content))


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


def write_csv(path: str | os.PathLike, rows: Sequence[Mapping]) -> None:
    """Writes a CSV file with a header, whole or not at all.

    Args:
        path: Where the file shall be.
        rows: Mappings from columns to values. A column that a row lacks is
            left empty.
    """
    columns = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text(path, text.getvalue())


def read_csv(path: str | os.PathLike) -> list[dict[str, str]]:
    """Returns the lines of a CSV file with a header, as dicts of strings.

    Raises:
        OSError: If it cannot be read.
        ValueError: If it is no text in UTF-8.
        csv.Error: If it is no CSV file.
    """
    text = user_path(path).read_text(encoding="utf-8")
    return list(csv.DictReader(io.StringIO(text, newline="")))


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
