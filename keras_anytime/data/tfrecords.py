"""Reads TFRecord files without TensorFlow.

A record is its length, a checksum, the data and another checksum. Nothing is
believed before its checksum is right, and no length that goes beyond the file.
"""

import functools
import os
import stat
import struct

from keras_anytime.data.crc32c import masked_crc32c

_LENGTH = struct.Struct("<Q")
_CHECKSUM = struct.Struct("<I")
_HEADER = _LENGTH.size + _CHECKSUM.size
# Of an empty record, the least that a file has of each.
_SMALLEST = _HEADER + _CHECKSUM.size
# No image needs more, compressed. A protocol buffer may have 2 GiB.
_LONGEST = 1 << 28


def check_records(path, count):
    """Raises an error if a file does not consist of so many records.

    Their data are passed over, and may still be damaged.

    Args:
        path: A `pathlib.Path`.
        count: Integer.

    Raises:
        ValueError: If the file is damaged, or has other than `count` records.
        FileNotFoundError: If there is no such file.
    """
    with _opened(path) as file:
        size = os.fstat(file.fileno()).st_size
        if count > size // _SMALLEST:
            raise _damaged(path, f"{size} bytes are no {count} records")
        for number in range(count):
            length = _length_of_next(file, path, number, size)
            file.seek(length + _CHECKSUM.size, os.SEEK_CUR)
        if file.tell() != size:
            raise _damaged(path, f"it goes on after its {count} records")


def read_records(path, wanted):
    """Yields some records of a TFRecord file.

    Args:
        path: A `pathlib.Path`.
        wanted: Sequence of integers in increasing order, the numbers of the
            records from 0.

    Yields:
        Bytes of each.

    Raises:
        ValueError: If the file is damaged, or ends before the last of them.
        FileNotFoundError: If there is no such file.
    """
    number = 0
    with _opened(path) as file:
        size = os.fstat(file.fileno()).st_size
        for next_wanted in wanted:
            while number < next_wanted:
                length = _length_of_next(file, path, number, size)
                file.seek(length + _CHECKSUM.size, os.SEEK_CUR)
                number += 1
            length = _length_of_next(file, path, number, size)
            data = file.read(length)
            found = file.read(_CHECKSUM.size)
            if found != _CHECKSUM.pack(masked_crc32c(data)):
                raise _damaged(path, f"record {number} has a wrong checksum")
            yield data
            number += 1


def _opened(path):
    """Returns an open file, if it is one: a pipe would be waited for."""
    if not stat.S_ISREG(path.stat().st_mode):
        raise ValueError(f"{str(path)!r} is no file of records.")
    return path.open("rb")


def _length_of_next(file, path, number, size):
    """Reads the length of a record, which is within the file."""
    header = file.read(_HEADER)
    if len(header) < _HEADER:
        raise _damaged(path, f"it ends within record {number}")
    length = _length(header)
    if length is None:
        raise _damaged(path, f"the length of record {number} is wrong")
    if file.tell() + length + _CHECKSUM.size > size:
        raise _damaged(path, f"it ends within record {number}")
    if length > _LONGEST:
        raise ValueError(
            f"Record {number} of {str(path)!r} is longer than an image may be: "
            f"{length} bytes of {_LONGEST}."
        )
    return length


@functools.lru_cache(4096)  # Many records are of one length.
def _length(header):
    """Returns the length of a record; `None` if its checksum is wrong."""
    length, checksum = header[: _LENGTH.size], header[_LENGTH.size :]
    if checksum != _CHECKSUM.pack(masked_crc32c(length)):
        return None
    return _LENGTH.unpack(length)[0]


def _damaged(path, how):
    return ValueError(f"{str(path)!r} is damaged: {how}; fetch it again.")
