"""Manifests and other JSON for web pages, and what Python says of them."""

import copy
import json
import random

from keras_anytime.manifest import Manifest
from keras_anytime.manifest import manifest_path
from keras_anytime.manifest.manifest import content_checksum
from tests.mutations import HOSTILE

# Together they have all fields, with inputs and tasks of all kinds.
BASES = ("products", "photos_int8", "label_sets", "two_inputs", "tokens")
FIELDS = {
    "products": {
        "thresholds": [0.5, 0.75],
        "temperatures": [1.5, 0.5, 1.0],
        "risk": {"risk": 0.01, "level": 0.9, "examples": 100},
        "verified": {"examples": 20, "top1_error": [0.5, 0.25, 0.25]},
    },
    "photos_int8": {"product_answers": False},
    "label_sets": {
        "class_names": {"fine": [*"0123456789"], "coarse": ["low", "high"]},
        "task": {"fine": None, "coarse": "multi_label"},
    },
}
# A page cannot tell 1.0 from 1, because JavaScript has floats only.
WRONG = [
    *(
        value
        for value in HOSTILE
        if not (isinstance(value, float) and 1e308 > value == value // 1)
    ),
    *("1", "0.5", "false", False, [1], {"scale": "1"}, {"length": 3}, 1.5),
]
# Each place outside of signatures, which are many alike, gets so many of them.
SAMPLED = 5
KEYS = [
    *("", "a", "b", "aa", "1", "10", "__proto__", "constructor", "\x7f", '"'),
    *("\\", "\n", "é", "\u2028", "\ud800", "\udbff", "\udc00", "\udfff"),
    *("\ud7ff", "\ue000", "\ufffd", "\uffff", "\U00010000", "\U0001f600"),
    "\U0010ffff",
]


def write(folder):
    """Writes `manifests.json` and `canonical.json`.

    The first has manifests, and changes of a field each: the manifest, the
    place, the JSON text there or `None` where it is left out, and whether
    Python refuses it. The second has JSON texts and their checksums.

    Args:
        folder: `pathlib.Path` with exported files.
    """
    rng = random.Random(0)
    bases = {name: _base(folder, name) for name in BASES}
    changes = [
        change for name in BASES for change in _changes(name, bases[name], rng)
    ]
    (folder / "manifests.json").write_text(
        json.dumps({"bases": bases, "changes": changes})
    )
    (folder / "canonical.json").write_text(
        json.dumps([_checksum(rng) for _ in range(500)])
    )


def _base(folder, name):
    path = manifest_path(folder / f"{name}.tflite")
    content = {**json.loads(path.read_text()), **FIELDS.get(name, {})}
    for field in ("checksum", "format", "format_version"):
        del content[field]
    Manifest.from_fields(content)
    return content


def _changes(name, content, rng):
    for place in _places(content):
        another = (*place[:-1], f"{place[-1]}2")
        found = [(place, [value]) for value in rng.sample(WRONG, SAMPLED)]
        found.append((place, []))
        if isinstance(place[-1], str):
            found.append((another, [1]))
        if place[0] == "signatures":
            found = [rng.choice(found)]
        for where, values in found:
            text = json.dumps(values[0]) if values else None
            yield name, where, text, _is_refused(content, where, *values)


def _places(value, before=()):
    """Yields the keys that lead to each value within another."""
    entries = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    for key, entry in entries:
        yield (*before, key)
        yield from _places(entry, (*before, key))


def _is_refused(content, place, *values):
    """Returns whether Python refuses fields with another value, or without."""
    fields = copy.deepcopy(content)
    container = fields
    for key in place[:-1]:
        container = container[key]
    if values:
        container[place[-1]] = copy.deepcopy(values[0])
    else:
        del container[place[-1]]
    try:
        Manifest.from_fields(fields)
    except ValueError:
        return True
    return False


def _checksum(rng):
    """Returns the JSON text of a random object, and its checksum."""
    text = json.dumps(
        _value(rng, 3),
        ensure_ascii=rng.random() < 0.5,
        indent=rng.choice((None, 2)),
    )
    text = json.loads(json.dumps(text))  # Surrogates that meet are one.
    return text, content_checksum(json.loads(text))


def _value(rng, depth):
    if depth:
        keys = [
            "".join(rng.choices(KEYS, k=rng.choice((1, 2)))) for _ in "1234"
        ]
        entries = [_value(rng, rng.randrange(depth)) for _ in keys]
        return dict(zip(keys, [*entries[1:], entries[:2]], strict=True))
    return rng.choice(
        (None, True, 0, -1, 2**62, 1.0, 1e300, -2.5e-7, "é\ud800")
    )
