"""Writing files so that nothing is ever half-written."""

import contextlib
import os
import pathlib
import shutil
import tempfile
from collections.abc import Callable


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
    path = pathlib.Path(path)
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
        if path.is_dir():
            # A folder cannot be replaced in one move: set the old one aside.
            os.replace(path, room / "old")
            try:
                os.replace(beside, path)
            except OSError:
                os.replace(room / "old", path)
                raise
        else:
            os.replace(beside, path)
    finally:
        with contextlib.suppress(OSError):
            shutil.rmtree(room)
