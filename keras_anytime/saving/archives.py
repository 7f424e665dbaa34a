"""Checks of saved model files before Keras loads them."""

import io
import math
import os
import stat
import zipfile
from typing import BinaryIO

import h5py

from keras_anytime.files import user_path

# Keras stores members without compression. A user may have compressed the
# archive, and its weights may be mostly zeros, but a file that expands to more
# than 100 times its size was made to exhaust memory.
_MAX_EXPANSION = 100


def check_archive(path: str | os.PathLike) -> None:
    """Raises an error for a `.keras` file that is damaged or a zip bomb.

    All members are read once and compared with their checksums. The expanded
    size is known before anything is expanded. It counts both the members of
    the archive and the arrays of weights, which may be compressed inside their
    HDF5 file.

    Args:
        path: String or path of a `.keras` file. Folders are not checked; Keras
            can save models as folders too.

    Raises:
        OSError: If the file cannot be read.
        ValueError: If the file is damaged, or expands to more than 100 times
            its size.
    """
    path = user_path(path)
    mode = os.stat(path).st_mode
    if stat.S_ISDIR(mode):
        return
    if not stat.S_ISREG(mode):
        raise ValueError(
            "A saved model must be a regular file, not a pipe or a device. "
            f"Received: path={str(path)!r}"
        )
    file_size = path.stat().st_size
    max_size = _MAX_EXPANSION * file_size
    with path.open("rb") as file:
        try:
            expanded_size = _expanded_size(file, max_size)
        except Exception as error:
            # zipfile and h5py raise many types of errors for damaged files.
            hint = ""
            if path.suffix == ".tflite":
                hint = (
                    "`keras_anytime.runtime.AnytimePredictor` opens exports. "
                )
            raise ValueError(
                f"The file is damaged, or is not a saved model. {hint}"
                f"Received: path={str(path)!r}, {type(error).__name__}: {error}"
            ) from error
    if expanded_size > max_size:
        raise ValueError(
            f"The file expands to more than {_MAX_EXPANSION} times its size, "
            "which no saved model does, so it is not loaded. "
            f"Received: path={str(path)!r} of {file_size:,} bytes, which "
            f"expands to {expanded_size:,} bytes"
        )


def _expanded_size(file: BinaryIO, max_size: int) -> int:
    """Returns the expanded size of an archive in bytes.

    Members are read only if they take at most `max_size` bytes together.
    """
    with zipfile.ZipFile(file) as archive:
        size = sum(member.file_size for member in archive.infolist())
        if size > max_size:
            return size
        if "model.weights.npz" in archive.namelist():
            # It would be an archive inside the archive.
            raise ValueError("its weights are not in HDF5")
        damaged = archive.testzip()
        if damaged is not None:
            raise zipfile.BadZipFile(f"its member {damaged!r} is damaged")
        return max(
            size,
            sum(
                _size_of_arrays(archive.read(name))
                for name in archive.namelist()
                if name.endswith(".h5")
            ),
        )


def _size_of_arrays(content: bytes) -> int:
    """Returns the size in bytes of all arrays of an HDF5 file."""
    size = 0

    def add(name: str, item: object) -> None:
        nonlocal size
        if isinstance(item, h5py.Dataset):
            # The size of objects is unknown: each may be one long string.
            if item.dtype.hasobject:
                raise ValueError(f"{name!r} is not an array of numbers")
            size += math.prod(item.shape or ()) * item.dtype.itemsize

    with h5py.File(io.BytesIO(content), "r") as file:
        file.visititems(add)
    return size
