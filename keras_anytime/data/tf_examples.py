"""Parsing of serialized `tf.train.Example`s without TensorFlow.

An example is a protocol buffer that maps names to lists of byte strings, of
integers or of floats. Only the wanted features are read, and each must hold
one value.
"""

from collections.abc import Mapping
from typing import Any

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_SIZES = {_FIXED64: 8, _FIXED32: 4}
_UINT64_MASK = (1 << 64) - 1
# The fields BytesList and Int64List of a Feature.
_LIST_FIELDS: dict[type, int] = {bytes: 1, int: 3}
# The most fields of a message. An example of an image has few features, and
# the limit bounds the memory that a malicious record can take.
_MAX_FIELDS = 1_000


def parse_example(data: bytes, wanted: Mapping[str, type]) -> dict[str, Any]:
    """Returns some features of a serialized `tf.train.Example`.

    Args:
        data: Bytes of the example.
        wanted: Dict from feature names to the type of their value, `bytes` or
            `int`.

    Returns:
        Dict from the wanted names to their values.

    Raises:
        ValueError: If the data are not an example, or a feature is missing or
            does not hold exactly one value of its type.
    """
    features: dict[bytes, memoryview] = {}
    for part in _submessages(memoryview(data), 1):  # Example.features
        for entry in _submessages(part, 1):  # Features.feature, a map
            pair = dict(_fields(entry))
            key, feature = (
                _as_bytes(pair.get(field, memoryview(b""))) for field in (1, 2)
            )
            features[bytes(key)] = feature
    values_by_name = {}
    for name, kind in wanted.items():
        content = features.get(name.encode())
        if content is None:
            raise ValueError(f"it has no feature {name!r}")
        values = [
            value
            for part in _submessages(content, _LIST_FIELDS[kind])
            for value in (
                _submessages(part, 1) if kind is bytes else _integers(part)
            )
        ]
        if len(values) != 1:
            raise ValueError(
                f"its feature {name!r} is not one value of {kind.__name__}"
            )
        values_by_name[name] = kind(values[0])
    return values_by_name


def _integers(data: memoryview) -> list[int]:
    """Returns the values of an Int64List, packed or not."""
    values = []
    for number, content in _fields(data):
        if number == 1 and isinstance(content, int):
            values.append(content)
        elif number == 1:
            position = 0
            # One value is wanted, so two are enough to refuse the list.
            while position < len(content) and len(values) < 2:
                value, position = _varint(content, position)
                values.append(value)
    return [value - (1 << 64) if value >> 63 else value for value in values]


def _submessages(data: memoryview, wanted: int) -> list[memoryview]:
    """Returns the contents of all fields with a number, which must be bytes."""
    return [
        _as_bytes(content)
        for number, content in _fields(data)
        if number == wanted
    ]


def _as_bytes(content: memoryview | int) -> memoryview:
    # `bytes(5)` would be five zeros.
    if isinstance(content, int):
        raise ValueError("it has a number where bytes belong")
    return content


def _fields(data: memoryview) -> list[tuple[int, Any]]:
    """Returns the fields of a message.

    Args:
        data: The message.

    Returns:
        List of pairs of the field's number and its content, which is an
        integer or a `memoryview`.
    """
    fields: list[tuple[int, Any]] = []
    position, end = 0, len(data)
    while position < end:
        key, position = _varint(data, position)
        kind = key & 7
        value: memoryview | int
        if kind == _VARINT:
            value, position = _varint(data, position)
        else:
            if kind == _BYTES:
                length, position = _varint(data, position)
            elif kind in _SIZES:
                length = _SIZES[kind]
            else:
                raise ValueError(f"it has a field of kind {kind}")
            if length > end - position:
                raise ValueError("a field is cut off")
            value = data[position : position + length]
            position += length
        fields.append((key >> 3, value))
        if len(fields) > _MAX_FIELDS:
            raise ValueError(f"it has more than {_MAX_FIELDS} fields")
    return fields


def _varint(data: memoryview, position: int) -> tuple[int, int]:
    """Returns an integer of 7 bits per byte, and the position after it."""
    number = shift = 0
    for byte in data[position : position + 10]:
        number |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return number & _UINT64_MASK, position + shift // 7
    raise ValueError("a number does not end")
