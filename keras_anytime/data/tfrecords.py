"""Reading of TFRecord files without TensorFlow.

A record is its length, a checksum of the length, the data, and a checksum of
the data. Both checksums are verified, and a length must lie within the file.
"""

import functools
import os
import pathlib
import stat
import struct
from collections.abc import Iterable
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np

from keras_anytime.data.crc32c import masked_crc32c

_LENGTH = struct.Struct("<Q")
_CHECKSUM = struct.Struct("<I")
_HEADER_SIZE = _LENGTH.size + _CHECKSUM.size
# The size of an empty record.
_MIN_SIZE = _HEADER_SIZE + _CHECKSUM.size
# No compressed image is longer. A protocol buffer may have 2 GiB.
_MAX_LENGTH = 1 << 28


def check_records(path: pathlib.Path, count: int) -> None:
    """Raises an error if a file does not consist of `count` records.

    The data of the records are skipped, so they may still be damaged.

    Args:
        path: The file.
        count: Integer. The expected number of records.

    Raises:
        ValueError: If the file is damaged or has another number of records.
        FileNotFoundError: If the file does not exist.
    """
    find_records(path, count)


def find_records(path: pathlib.Path, count: int) -> np.ndarray:
    """Returns where the records of a file begin, without reading their data.

    Args:
        path: The file.
        count: Integer. The expected number of records.

    Returns:
        Int64 array `(count,)` of positions in the file, in bytes.

    Raises:
        ValueError: If the file is damaged or has another number of records.
        FileNotFoundError: If the file does not exist.
    """
    with _open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        if count > size // _MIN_SIZE:
            raise _damaged(path, f"{size} bytes cannot hold {count} records")
        positions = np.empty(count, "int64")
        for number in range(count):
            positions[number] = file.tell()
            length = _read_length(file, path, number, size)
            file.seek(length + _CHECKSUM.size, os.SEEK_CUR)
        if file.tell() != size:
            raise _damaged(path, f"it goes on after its {count} records")
    return positions


def read_record(path: pathlib.Path, position: int, number: int) -> bytes:
    """Returns a record whose position is known.

    Args:
        path: The file.
        position: Integer, as `find_records` returns it.
        number: Integer. The number of the record, for errors.

    Raises:
        ValueError: If the file is damaged there.
        FileNotFoundError: If the file does not exist.
    """
    with _open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        file.seek(position)
        return _read_data(file, path, number, size)


def read_records(path: pathlib.Path, wanted: Iterable[int]) -> Iterator[bytes]:
    """Yields some records of a TFRecord file.

    Args:
        path: The file.
        wanted: Integers in increasing order. The numbers of the records,
            counted from 0.

    Yields:
        The data of each wanted record.

    Raises:
        ValueError: If the file is damaged, or ends before the last record.
        FileNotFoundError: If the file does not exist.
    """
    number = 0
    with _open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        for next_wanted in wanted:
            while number < next_wanted:
                length = _read_length(file, path, number, size)
                file.seek(length + _CHECKSUM.size, os.SEEK_CUR)
                number += 1
            yield _read_data(file, path, number, size)
            number += 1


def _open_regular(path: pathlib.Path) -> BinaryIO:
    # Reading a pipe could wait forever.
    if not stat.S_ISREG(path.stat().st_mode):
        raise ValueError(f"{str(path)!r} is not a regular file of records.")
    return path.open("rb")


def _read_data(
    file: BinaryIO, path: pathlib.Path, number: int, size: int
) -> bytes:
    """Reads a whole record, and returns its data."""
    data = file.read(_read_length(file, path, number, size))
    if file.read(_CHECKSUM.size) != _CHECKSUM.pack(masked_crc32c(data)):
        raise _damaged(path, f"record {number} has a wrong checksum")
    return data


def _read_length(
    file: BinaryIO, path: pathlib.Path, number: int, size: int
) -> int:
    """Reads the length of a record, which must end within the file."""
    header = file.read(_HEADER_SIZE)
    if len(header) < _HEADER_SIZE:
        raise _damaged(path, f"it ends within record {number}")
    length = _parse_length(header)
    if length is None:
        raise _damaged(path, f"the length of record {number} is wrong")
    if file.tell() + length + _CHECKSUM.size > size:
        raise _damaged(path, f"it ends within record {number}")
    if length > _MAX_LENGTH:
        raise ValueError(
            f"Record {number} of {str(path)!r} is longer than an image may be: "
            f"{length} bytes, and {_MAX_LENGTH} are allowed."
        )
    return length


@functools.lru_cache(4096)  # Many records have the same length.
def _parse_length(header: bytes) -> int | None:
    """Returns the length of a record, or `None` if its checksum is wrong."""
    length, checksum = header[: _LENGTH.size], header[_LENGTH.size :]
    if checksum != _CHECKSUM.pack(masked_crc32c(length)):
        return None
    return _LENGTH.unpack(length)[0]


def _damaged(path: pathlib.Path, reason: str) -> ValueError:
    return ValueError(f"{str(path)!r} is damaged: {reason}; download it again.")
