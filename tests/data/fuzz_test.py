"""Thousands of damaged data sets: an error of one kind, or right arrays.

The damage is drawn from fixed seeds. Checksums are made right again where they
would otherwise hide what comes after them.
"""

import contextlib
import io
import json
import time
import tracemalloc
import zipfile
import zlib

import keras
import numpy as np
import pytest

import keras_anytime as ka
from keras_anytime.data import tfds_folders
from keras_anytime.data.image_decoding import decode_image
from keras_anytime.data.tf_examples import parse_example
from keras_anytime.data.tfrecords import check_records
from keras_anytime.data.tfrecords import read_records
from tests.data import prepared

# The quick part of a run, and the whole of it for `make test-all`.
RUNS = [1, pytest.param(50, marks=pytest.mark.slow)]
# What one damaged input may take; a good one takes a thousandth.
SECONDS, BYTES = 2.0, 1 << 26
EDGES = [bytes([byte]) for byte in (0, 1, 127, 128, 255)]


@pytest.fixture(name="bounded")
def _bounded():
    """A context in which an input takes bounded memory and time."""
    tracemalloc.start()

    @contextlib.contextmanager
    def bounded(damaged):
        tracemalloc.reset_peak()
        start = time.process_time()
        yield
        # Of what an error reports, for a failure to be repeated.
        assert time.process_time() - start < SECONDS, damaged
        assert tracemalloc.get_traced_memory()[1] < BYTES, damaged

    yield bounded
    tracemalloc.stop()


def mutated(data, rng):
    """Returns bytes with one to four places changed, cut out or put in."""
    data = bytearray(data)
    for _ in range(rng.integers(1, 5)):
        place = int(rng.integers(len(data) + 1))
        match rng.integers(6):
            case 0 if place < len(data):
                data[place] ^= 1 << int(rng.integers(8))
            case 1 if place < len(data):
                data[place] = int(rng.integers(256))
            case 2:
                data[place:place] = rng.bytes(int(rng.integers(1, 12)))
            case 3:
                del data[place : place + int(rng.integers(1, 12))]
            case 4:
                # Numbers of up to 64 bits, where lengths may be.
                data[place : place + 1] = prepared.varint(
                    1 << int(rng.integers(7, 64))
                )
            case _:
                edge = EDGES[rng.integers(len(EDGES))]
                data[place : place + 9] = edge * int(rng.integers(1, 10))
    return bytes(data)


@pytest.mark.parametrize("runs", RUNS)
def test_damaged_examples(runs, bounded):
    rng = np.random.default_rng(0)
    good = prepared.example(
        image=b"\x89PNG" * 3,
        id=b"train_1",
        label=3,
        sizes=(b"\x1a\x05\x0a\x03\x01\xac\x02",),
        floats=(b"\x12\x06\x0a\x04\x00\x00\x80\x3f",),
    )
    wanted = {"image": bytes, "label": int}
    read = 0
    for _ in range(1500 * runs):
        damaged = mutated(good, rng)
        with bounded(damaged), contextlib.suppress(ValueError):
            example = parse_example(damaged, wanted)
            assert {name: type(of) for name, of in example.items()} == wanted
            assert -(2**63) <= example["label"] < 2**63
            read += 1
    # Damage within a value is for the checksum to find.
    assert 0 < read < 1500 * runs


@pytest.mark.parametrize("runs", RUNS)
def test_damaged_records(runs, bounded, tmp_path):
    rng = np.random.default_rng(1)
    path = tmp_path / "some.tfrecord"
    parts = [bytes([n]) * n for n in (1, 40, 200)]
    good = b"".join(map(prepared.record, parts))
    for _ in range(200 * runs):
        damaged = mutated(good, rng)
        path.write_bytes(damaged)
        with bounded(damaged), contextlib.suppress(ValueError):
            check_records(path, 3)
        with bounded(damaged), contextlib.suppress(ValueError):
            for found, part in zip(
                read_records(path, range(3)), parts, strict=True
            ):
                assert found == part


@pytest.mark.parametrize("runs", RUNS)
# Pillow warns of sizes too.
@pytest.mark.filterwarnings("ignore")
def test_damaged_images(runs, bounded):
    rng = np.random.default_rng(2)
    shape = (8, 8, 3)
    for form in ("PNG", "JPEG"):
        good = prepared.encoded(prepared.pixels(), form)
        for _ in range(100 * runs):
            damaged = mutated(good, rng)
            if form == "PNG":
                damaged = _with_checksums(damaged)
            with bounded(damaged), contextlib.suppress(ValueError):
                image = decode_image(damaged, shape)
                assert (image.shape, image.dtype) == (shape, "uint8")


def _with_checksums(png):
    """Returns a PNG file whose chunks have right checksums, where they end."""
    parts, position = [png[:8]], 8
    while position + 12 <= len(png):
        length = int.from_bytes(png[position : position + 4], "big")
        end = position + 8 + length
        if end + 4 > len(png):
            break
        chunk = png[position + 4 : end]
        checksum = zlib.crc32(chunk).to_bytes(4, "big")
        parts += [png[position : position + 4], chunk, checksum]
        position = end + 4
    return b"".join([*parts, png[position:]])


@pytest.mark.parametrize("runs", RUNS)
def test_damaged_folders(runs, bounded, tmp_path):
    # Damaged in what they say of themselves.
    rng = np.random.default_rng(3)
    records = [prepared.record(prepared.photo(n)) for n in range(3)]
    folder = prepared.folder_of(tmp_path, records)
    good = {
        name: (folder / name).read_bytes()
        for name in ("dataset_info.json", "features.json", "label.labels.txt")
    }
    for _ in range(50 * runs):
        name = list(good)[rng.integers(3)]
        if name.endswith(".json") and rng.random() < 0.5:
            damaged = json.dumps(_odd(json.loads(good[name]), rng)).encode()
        else:
            damaged = mutated(good[name], rng)
        (folder / name).write_bytes(damaged)
        refused = (ValueError, FileNotFoundError)
        with bounded(damaged), contextlib.suppress(*refused):
            ((images, labels),) = tfds_folders.read_folder(
                prepared.NAME, ("train",), str(tmp_path)
            )
            # A split may say that it has no files.
            if len(labels):
                assert images.shape == (3, 8, 8, 3)
                assert labels.tolist() == [0, 1, 2]
        (folder / name).write_bytes(good[name])


def _odd(value, rng):
    """Returns plain values with one of them replaced by an odd one."""
    odd = [None, [], {}, "", "..", -1, 10**30, 1e400, True, "a\0b", [[]], "/"]
    if isinstance(value, dict | list) and value and rng.random() < 0.9:
        keys = list(value) if isinstance(value, dict) else range(len(value))
        key = keys[rng.integers(len(keys))]
        value[key] = _odd(value[key], rng)
        return value
    return odd[rng.integers(len(odd))]


@pytest.mark.parametrize("runs", RUNS)
# NumPy parses headers as Python does, with its warnings.
@pytest.mark.filterwarnings("ignore")
def test_damaged_npz_files(runs, bounded, tmp_path):
    rng = np.random.default_rng(4)
    path = tmp_path / "some.npz"
    arrays = {
        "x_train": np.arange(6 * 4 * 4).reshape(6, 4, 4).astype("uint8"),
        "y_train": np.arange(6) % 3,
    }
    members = {}
    for name, array in arrays.items():
        file = io.BytesIO()
        np.save(file, array)
        members[f"{name}.npy"] = file.getvalue()
    for number in range(100 * runs):
        # Either the archive, or an array within a good one.
        name = list(members)[rng.integers(2)]
        inside = {name: mutated(members[name], rng)} if number % 2 else {}
        kind = zipfile.ZIP_DEFLATED if number % 3 else zipfile.ZIP_STORED
        with zipfile.ZipFile(path, "w", kind) as file:
            for member, data in (members | inside).items():
                file.writestr(member, data)
        damaged = path.read_bytes()
        if not inside:
            damaged = mutated(damaged, rng)
            path.write_bytes(damaged)
        with bounded(damaged), contextlib.suppress(ValueError):
            about = ka.data.info(str(path))
            height, width, channels = about.image_shape
            assert height * width * channels <= 6 * 4 * 4
            assert about.classes < 1 << 18


@pytest.mark.slow
@pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="reads with TensorFlow"
)
def test_damaged_records_do_not_end_a_process_that_reads_with_tensorflow(
    tmp_path,
):
    rng = np.random.default_rng(5)
    good = [prepared.photo(n) for n in range(3)]
    folder = prepared.folder_of(
        tmp_path, [prepared.record(example) for example in good]
    )
    path = folder / prepared.FILE
    content = path.read_bytes()
    for number in range(300):
        if number % 3:
            damaged = [mutated(example, rng) for example in good]
            path.write_bytes(b"".join(map(prepared.record, damaged)))
        else:
            path.write_bytes(mutated(content, rng))
        with contextlib.suppress(ValueError):
            data = ka.data.load(
                prepared.NAME, 3, ("train",), data_dir=str(tmp_path)
            )
            ((images, labels),) = data[0]
            assert images.shape == (3, 8, 8, 3)
            assert set(labels.numpy()) <= {0, 1, 2, 3}
