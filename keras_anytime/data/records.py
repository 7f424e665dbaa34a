"""Reads TFRecord files of `tf.train.Example`s without TensorFlow.

Both formats are small and fixed: a record is its length, a checksum, the data
and another checksum; an example is a protocol buffer that maps names to lists
of byte strings or of integers.
"""

import struct

_HEADER = struct.Struct("<QI")  # The length, and its checksum.
_FOOTER = 4  # The checksum of the data.
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


def read_records(path, wanted):
    """Yields some records of a TFRecord file.

    Args:
        path: A `pathlib.Path`.
        wanted: Sequence of integers in increasing order, the numbers of the
            records from 0.

    Yields:
        Bytes of each.

    Raises:
        ValueError: If the file ends before the last of them.
    """
    wanted = iter(wanted)
    next_wanted = next(wanted, None)
    number = 0
    with path.open("rb") as file:
        while next_wanted is not None:
            header = file.read(_HEADER.size)
            if len(header) < _HEADER.size:
                raise _ends_early(path, number)
            length, _ = _HEADER.unpack(header)
            if number < next_wanted:
                file.seek(length + _FOOTER, 1)
            else:
                data = file.read(length)
                if len(data) < length or len(file.read(_FOOTER)) < _FOOTER:
                    raise _ends_early(path, number)
                yield data
                next_wanted = next(wanted, None)
            number += 1


def parse_example(data):
    """Returns the features of a serialised `tf.train.Example`.

    Args:
        data: Bytes.

    Returns:
        Dict from names to lists of bytes or integers. Features of floats are
        left out.
    """
    features = {}
    for _, part in _fields(data):  # Example.features
        for _, entry in _fields(part):  # Features.feature, a map
            pair = dict(_fields(entry))
            values = _values(pair.get(2, b""))
            if values is not None:
                features[bytes(pair[1]).decode()] = values
    return features


def _values(feature):
    """Returns what one feature holds; `None` of floats."""
    for kind, part in _fields(feature):
        if kind == 1:  # BytesList
            return [bytes(value) for _, value in _fields(part)]
        if kind == 3:  # Int64List, packed or not
            numbers = []
            for _, value in _fields(part):
                if isinstance(value, int):
                    numbers.append(value)
                    continue
                position = 0
                while position < len(value):
                    number, position = _varint(value, position)
                    numbers.append(number)
            return [one - (1 << 64) if one >> 63 else one for one in numbers]
    return None


def _fields(data):
    """Yields the fields of a protocol buffer: numbers and raw values."""
    data = memoryview(data)
    position = 0
    while position < len(data):
        key, position = _varint(data, position)
        kind = key & 7
        if kind == _VARINT:
            value, position = _varint(data, position)
        else:
            if kind == _BYTES:
                length, position = _varint(data, position)
            elif kind in (_FIXED64, _FIXED32):
                length = 8 if kind == _FIXED64 else 4
            else:
                raise ValueError(f"The record is damaged: field kind {kind}")
            value = data[position : position + length]
            if len(value) < length:
                raise ValueError("The record is damaged: a field is cut off")
            position += length
        yield key >> 3, value


def _varint(data, position):
    """Returns an integer of 7 bits a byte, and the position after it."""
    number = shift = 0
    while True:
        if position >= len(data):
            raise ValueError("The record is damaged: a number is cut off")
        byte = data[position]
        position += 1
        number |= (byte & 127) << shift
        if byte < 128:
            return number, position
        shift += 7


def _ends_early(path, number):
    return ValueError(
        f"{str(path)!r} is damaged: it ends within record {number}; fetch it "
        "again."
    )
