"""Thousands of damaged and hostile files, each made at random of a right one.

Whatever is in a file, it is read or refused, by one of the documented errors
and in few words.
"""

import json
import random
import tracemalloc

import numpy as np
import pytest

from keras_anytime import manifest as manifest_lib
from keras_anytime.manifest.manifest import MAX_BYTES
from keras_anytime.runtime import AnytimePredictor
from keras_anytime.runtime import StepLatency
from keras_anytime.runtime import latency as latency_lib
from tests import mutations
from tests.testing import copied

SEVERAL = [
    pytest.param(250, 0),
    pytest.param(20_000, 1, marks=pytest.mark.slow),
]
IMAGE = np.full((8, 8, 1), 0.5, "float32")
LONGEST_MESSAGE = 1000


@pytest.fixture(name="path")
def _path(tiny_file, tmp_path):
    return copied(tiny_file, tmp_path)


def _full_manifest(path):
    """The JSON object of a manifest with every field, and no checksum."""
    content = json.loads(manifest_lib.manifest_path(path).read_bytes())
    del content["checksum"]
    about = {"scale": 255.0, "mean": [0.5], "std": [0.25]}
    return content | {
        "class_names": [str(digit) for digit in range(10)],
        "preprocessing": about,
        "pixels": {**about, "size": [8, 8]},
        "verified": {"examples": 3, "agreement": [1.0, 1.0, 0.5]},
    }


def _run(path):
    """Opens a file and asks for all that depends on its manifest."""
    with AnytimePredictor(path) as predictor:
        confidence = predictor.manifest.thresholds and "manifest"
        predictor.predict(IMAGE, confidence=confidence)
        predictor.predict(predictor.prepare(np.zeros((9, 9, 3), "uint8")))
        assert predictor.predict(np.stack([IMAGE] * 3)).ready
        assert len(predictor.blank()) == 1


@pytest.mark.parametrize(("count", "seed"), SEVERAL)
def test_manifests_are_read_or_refused(path, count, seed):
    rng = random.Random(seed)
    text = manifest_lib.manifest_path(path).read_bytes()
    content = _full_manifest(path)
    refused = 0
    for _ in range(count):
        other = (
            mutations.damaged(text, rng)
            if rng.random() < 0.4
            else mutations.as_bytes(mutations.changed(content, rng))
        )
        manifest_lib.manifest_path(path).write_bytes(other)
        try:
            # What is read can be written again.
            manifest_lib.read_manifest(path).to_json()
            _run(path)
        except ValueError as error:  # All others would fail the test.
            assert len(str(error)) < LONGEST_MESSAGE
            refused += 1
    assert 0.8 * count < refused < count


@pytest.mark.parametrize(("count", "seed"), SEVERAL)
def test_latencies_are_read_or_as_good_as_none(tmp_path, count, seed):
    rng = random.Random(seed)
    path = tmp_path / "net.tflite.latency.json"
    device = latency_lib.Device("abc", 1)
    right = StepLatency((1.0, 2.0), (3.0, 4.0), (1.0, 3.5), 5)
    for written_on in (device, latency_lib.Device("abc", 2)):
        latency_lib.write_latency(path, written_on, right)
    text = path.read_bytes()
    found = []
    for _ in range(count):
        other = (
            mutations.damaged(text, rng)
            if rng.random() < 0.4
            else mutations.as_bytes(mutations.changed(json.loads(text), rng))
        )
        path.write_bytes(other)
        found.append(latency_lib.read_latency(path, device, 2))
        if rng.random() < 0.1:
            latency_lib.write_latency(path, device, right)
            assert latency_lib.read_latency(path, device, 2) == right
    assert 0.5 * count < found.count(None) < count
    for latency in set(found) - {None}:
        for values in (latency.median_ms, latency.p99_ms, latency.answer_ms):
            assert len(values) == 2
            assert all(0 <= value < 1e7 for value in values)


@pytest.mark.slow
@pytest.mark.parametrize(
    "unit", ["[],", "{},", '"",', "1,", "0.1,", '{"a":1},', '"\u1234",']
)
@pytest.mark.parametrize("within", ["manifest", "field", "latency"])
def test_the_largest_files_take_little_memory(path, unit, within):
    largest = MAX_BYTES
    if within == "latency":
        where, largest = latency_lib.latency_path(path), 2**20
    else:
        where = manifest_lib.manifest_path(path)
    before, after = "[", "0]"
    if within == "field":
        text = json.dumps(_full_manifest(path))
        before, after = text.split("0.25", 1)
    room = largest - len(before) - len(after)
    text = before + unit * (room // len(unit.encode())) + "1" + after
    where.write_text(text[:largest])
    tracemalloc.start()
    try:
        if within == "latency":
            device = latency_lib.Device("abc", 1)
            assert latency_lib.read_latency(where, device, 2) is None
        else:
            with pytest.raises(manifest_lib.ManifestError):
                manifest_lib.read_manifest(path)
        assert tracemalloc.get_traced_memory()[1] < 150e6
    finally:
        tracemalloc.stop()
