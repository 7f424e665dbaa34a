"""Reads serialized `tf.train.Example`s without TensorFlow.

An example is a protocol buffer that maps names to lists of byte strings, of
integers or of floats. Only what is asked for is read, one value of each.
"""

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_SIZES = {_FIXED64: 8, _FIXED32: 4}
_ONES = (1 << 64) - 1
_KINDS = {bytes: 1, int: 3}  # The fields BytesList and Int64List of a Feature.
# Of one message; an example of an image has a handful of features. It bounds
# the memory that a record of nothing but names takes.
_MOST_FIELDS = 1_000


def parse_example(data, wanted):
    """Returns some features of a serialized `tf.train.Example`.

    Args:
        data: Bytes.
        wanted: Dict from names to what their features hold, `bytes` or `int`.

    Returns:
        Dict from the names to one such value each.

    Raises:
        ValueError: If the data are no example, or a feature is missing or
            holds anything but one value of its kind.
    """
    features = {}
    for part in _parts(memoryview(data), 1):  # Example.features
        for entry in _parts(part, 1):  # Features.feature, a map
            pair = dict(_fields(entry))
            name, feature = (_as_bytes(pair.get(one, b"")) for one in (1, 2))
            features[bytes(name)] = memoryview(feature)
    found = {}
    for name, kind in wanted.items():
        feature = features.get(name.encode())
        if feature is None:
            raise ValueError(f"it has no feature {name!r}")
        values = [
            value
            for part in _parts(feature, _KINDS[kind])
            for value in (_parts(part, 1) if kind is bytes else _numbers(part))
        ]
        if len(values) != 1:
            raise ValueError(
                f"its feature {name!r} is not one value of {kind.__name__}"
            )
        found[name] = kind(values[0])
    return found


def _numbers(data):
    """Returns what an Int64List holds, packed or not."""
    found = []
    for number, content in _fields(data):
        if number == 1 and isinstance(content, int):
            found.append(content)
        elif number == 1:
            position = 0
            # One is wanted: of more, it is known that there are more.
            while position < len(content) and len(found) < 2:
                value, position = _varint(content, position)
                found.append(value)
    return [one - (1 << 64) if one >> 63 else one for one in found]


def _parts(data, wanted):
    """Returns the contents of the fields of a number, which are bytes."""
    return [
        _as_bytes(content)
        for number, content in _fields(data)
        if number == wanted
    ]


def _as_bytes(content):
    # A number would be taken as how many zeros are meant.
    if isinstance(content, int):
        raise ValueError("it has a number where bytes belong")
    return content


def _fields(data):
    """Returns the fields of a message: numbers, and bytes or an integer.

    Args:
        data: A `memoryview`.

    Returns:
        List of pairs.
    """
    found = []
    position, end = 0, len(data)
    while position < end:
        key, position = _varint(data, position)
        kind = key & 7
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
        found.append((key >> 3, value))
        if len(found) > _MOST_FIELDS:
            raise ValueError(f"it has more than {_MOST_FIELDS} fields")
    return found


def _varint(data, position):
    """Returns an integer of 7 bits a byte, and the position after it."""
    number = shift = 0
    for byte in data[position : position + 10]:
        number |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return number & _ONES, position + shift // 7
    raise ValueError("a number does not end")
