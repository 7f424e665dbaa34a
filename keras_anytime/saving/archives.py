"""Looking into saved models before Keras loads them."""

import io
import math
import os
import stat
import zipfile

import h5py

from keras_anytime.files import user_path

# Keras stores what it saves as it is. Someone may have compressed a file anew,
# whose weights may be mostly zeros; but what takes a hundred times its size is
# there to fill a memory.
_EXPANSION = 100


def check_archive(path):
    """Raises an error for a `.keras` file that is damaged or would explode.

    All of it is read once, and held against its checksums. What it expands to
    is known before anything is expanded: the members of the archive, and the
    arrays of weights in it, which may be compressed on their own.

    Args:
        path: String or path. Folders, to which Keras can save models too, are
            left to it.

    Raises:
        OSError: If it cannot be read.
        ValueError: If it is no whole archive, or holds more than 100 times as
            many bytes as the file has.
    """
    path = user_path(path)
    mode = os.stat(path).st_mode
    if stat.S_ISDIR(mode):
        return
    if not stat.S_ISREG(mode):
        raise ValueError(
            "A saved model is a file; this is a pipe or a device. "
            f"Received: path={str(path)!r}"
        )
    bytes_in_file = path.stat().st_size
    with path.open("rb") as file:
        try:
            expanded = _expanded(file, _EXPANSION * bytes_in_file)
        except Exception as error:
            # What zipfile and h5py raise is different for each way to be
            # damaged.
            raise ValueError(
                "The file is damaged, or no saved model. "
                f"Received: path={str(path)!r}, {type(error).__name__}: {error}"
            ) from error
    if expanded > _EXPANSION * bytes_in_file:
        raise ValueError(
            f"The file holds more than {_EXPANSION} times as much as it has "
            "bytes, as no model does: it is not loaded. "
            f"Received: path={str(path)!r} of {bytes_in_file:,} bytes, with "
            f"{expanded:,} bytes in it"
        )


def _expanded(file, most):
    """Returns how many bytes are in an archive, of which it reads `most`."""
    with zipfile.ZipFile(file) as archive:
        size = sum(member.file_size for member in archive.infolist())
        if size > most:
            return size
        if "model.weights.npz" in archive.namelist():
            # That would be an archive in the archive.
            raise ValueError("its weights are not in HDF5")
        damaged = archive.testzip()
        if damaged is not None:
            raise zipfile.BadZipFile(f"its part {damaged!r} is damaged")
        return max(
            size,
            sum(
                _size_of_arrays(archive.read(name))
                for name in archive.namelist()
                if name.endswith(".h5")
            ),
        )


def _size_of_arrays(content):
    """Returns how many bytes the arrays of an HDF5 file take."""
    size = 0

    def add(name, item):
        nonlocal size
        if isinstance(item, h5py.Dataset):
            # Of objects, which may all be one string, it is not known.
            if item.dtype.hasobject:
                raise ValueError(f"{name!r} is no array of numbers")
            size += math.prod(item.shape or ()) * item.dtype.itemsize

    with h5py.File(io.BytesIO(content), "r") as file:
        file.visititems(add)
    return size
