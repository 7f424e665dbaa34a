"""Damaged and hostile JSON, made at random of what is right."""

import copy
import json

# What no field expects: other types, and numbers that are too large or none.
HOSTILE = (
    *(None, True, "", "image", [], {}, [[]], {"": None}, -1, 0, 1, 0.5, -5),
    *(2**31, 2**40, 2**62, 2**63, 10**400, -(10**400), 1e-320, 1e308, 1e9),
    *(float("nan"), float("inf"), float("-inf"), "\udcff", "\0", "a" * 10_000),
    *([0] * 1000, ["a"] * 1000, [None] * 9, {"scale": 0, "zero_point": 0}),
)


def nested(depth, brackets="[]"):
    """Returns the text of lists, or of objects, within each other."""
    begin, end = ("[", "]") if brackets == "[]" else ('{"a":', "}")
    return begin * depth + "1" + end * depth


def changed(content, rng):
    """Returns a JSON value of which a few parts have become others.

    Args:
        content: Lists, dicts and values; it stays as it is.
        rng: A `random.Random`.
    """
    holder = {"all": copy.deepcopy(content)}
    for _ in range(rng.choice((1, 1, 1, 2, 5))):
        container, key = rng.choice(list(_places(holder)))
        change = rng.random()
        if change < 0.6:
            container[key] = copy.copy(rng.choice(HOSTILE))
        elif change < 0.7:
            other, place = rng.choice(list(_places(holder)))
            container[key] = copy.deepcopy(other[place])
        elif change < 0.85 and container is not holder:
            del container[key]
        elif isinstance(container, list):
            container.insert(key, copy.deepcopy(container[key]))
        else:
            container[f"{key}2"] = copy.deepcopy(container[key])
    return holder["all"]


def damaged(text, rng):
    """Returns bytes of a text of which a few have become others.

    Args:
        text: Bytes.
        rng: A `random.Random`.
    """
    found = bytearray(text)
    for _ in range(rng.choice((1, 1, 2, 10))):
        start = rng.randrange(len(found) + 1)
        end = min(len(found), start + rng.choice((0, 1, 1, 2, 50)))
        found[start:end] = rng.choice(
            (
                *(b"", b"0", b"9" * 5000, b"-", b"e999", b'"', b"\\", b"\xff"),
                *(
                    b"NaN",
                    b"null",
                    b"[",
                    b"{",
                    b"," * 3,
                    bytes(rng.randbytes(4)),
                ),
                bytes(found[start:end] * 2),
                nested(rng.choice((10, 900, 988, 100_000))).encode(),
            )
        )
    return bytes(found[: rng.choice((len(found), len(found), 10, 1000))])


def as_bytes(content):
    """Returns the JSON text of a value, numbers that JSON lacks included."""
    return json.dumps(content).encode()


def _places(content):
    """Yields each dict and list in a value, and each of its keys."""
    entries = (
        list(content.items())
        if isinstance(content, dict)
        else list(enumerate(content))
    )
    for key, value in entries:
        yield content, key
        if isinstance(value, (dict, list)):
            yield from _places(value)
