"""TFRecord files and examples, read without TensorFlow."""

import pathlib
import shutil
import struct

import numpy as np
import pytest

from keras_anytime.data import crc32c
from keras_anytime.data import tfrecords
from keras_anytime.data.tf_examples import parse_example
from tests.data.prepared import example
from tests.data.prepared import record
from tests.data.prepared import varint

PACKED = b"\x1a\x05\x0a\x03\x01\xac\x02"


@pytest.mark.parametrize(
    ("data", "checksum"),
    [
        (b"", 0),
        # Check value of the catalogue of CRCs, and examples of RFC 3720, B.4.
        (b"123456789", 0xE3069283),
        (bytes(32), 0x8A9136AA),
        (b"\xff" * 32, 0x62A8AB43),
        (bytes(range(32)), 0x46DD794E),
        (bytes(range(31, -1, -1)), 0x113FDB5C),
    ],
)
def test_checksums_are_those_of_the_standard(data, checksum):
    assert crc32c.crc32c(data) == checksum


def _bit_by_bit(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def test_checksums_of_all_lengths_are_those_of_the_definition(monkeypatch):
    # Parts of 1,024 bytes: the longest is taken in three.
    monkeypatch.setattr(crc32c, "_CHUNK_SIZE", 1 << 10)
    data = np.random.default_rng(0).bytes(2100)
    lengths = (*range(1, 140, 7), 511, 512, 513, 1023, 1024, 1025, 1028, 2100)
    for length in lengths:
        part = data[:length]
        assert crc32c.crc32c(part) == _bit_by_bit(part), length


def test_an_example_has_bytes_and_integers():
    data = example(
        text=b"abc",
        number=300,
        minus=-1,
        packed=(b"\x1a\x04\x0a\x02\xac\x02",),
        floats=(b"\x12\x06\x0a\x04\x00\x00\x80\x3f",),
        two=(PACKED,),
        empty=(b"",),
    )
    wanted = {"text": bytes, "number": int, "minus": int, "packed": int}
    assert parse_example(data, wanted) == {
        "text": b"abc",
        "number": 300,
        "minus": -1,
        "packed": 300,
    }
    for name, kind in (
        ("text", int),
        ("number", bytes),
        ("floats", int),
        ("two", int),
        ("empty", bytes),
    ):
        message = f"'{name}' is not one value of {kind.__name__}"
        with pytest.raises(ValueError, match=message):
            parse_example(data, {name: kind})
    with pytest.raises(ValueError, match="no feature 'label'"):
        parse_example(data, {"label": int})


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (example(one=b"abc")[:-1], "cut off"),
        (b"\x0a", "does not end"),
        (b"\x0a" + b"\xff" * 12, "does not end"),
        (b"\x0a" + varint(2**62) + b"x", "cut off"),
        (b"\x0b", "field of kind 3"),
        # A number is no length: not so many zeros.
        (example(one=(b"\x0a\x07\x08" + varint(2**36),)), "a number where"),
        (b"\x08\x05", "a number where"),
        (b"\x10\x00" * 1001, "more than 1000 fields"),
    ],
)
def test_damaged_examples_are_refused(data, message):
    with pytest.raises(ValueError, match=message):
        parse_example(data, {"one": bytes})


def test_records_are_picked_by_their_numbers(tmp_path):
    path = tmp_path / "some.tfrecord"
    parts = [bytes([number]) * number for number in range(6)]
    path.write_bytes(b"".join(map(record, parts)))
    tfrecords.check_records(path, 6)
    assert list(tfrecords.read_records(path, [0, 3, 5])) == [
        parts[0],
        parts[3],
        parts[5],
    ]
    with pytest.raises(ValueError, match="ends within record 6"):
        list(tfrecords.read_records(path, [4, 6]))


def _damage(content, place, value):
    return content[:place] + value + content[place + len(value) :]


TWO = record(b"first") + record(b"second")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (TWO[:-1], "ends within record 1"),
        (TWO[:33], "ends within record 1"),
        (TWO[:5], "2 records|ends within record 0"),
        (_damage(TWO, 0, b"\x06"), "length of record 0 is wrong"),
        (_damage(TWO, 8, b"xxxx"), "length of record 0 is wrong"),
        (record(b"first", 2**32 + 5) + TWO, "ends within record 0"),
        (record(b"first", 2**63), "2 records|ends within record 0"),
        (record(b"first", 2**64 - 4) + TWO, "ends within record 0"),
    ],
)
def test_files_whose_lengths_are_wrong_are_refused(tmp_path, content, message):
    path = tmp_path / "some.tfrecord"
    path.write_bytes(content)
    for read in (
        lambda: tfrecords.check_records(path, 2),
        lambda: list(tfrecords.read_records(path, [0, 1])),
    ):
        with pytest.raises(ValueError, match=f"some.*damaged.*({message})"):
            read()


def test_a_flipped_bit_is_noticed(tmp_path):
    path = tmp_path / "some.tfrecord"
    for place in range(0, 8 * len(TWO), 3):
        content = bytearray(TWO)
        content[place // 8] ^= 1 << (place % 8)
        path.write_bytes(content)
        with pytest.raises(ValueError, match="damaged"):
            list(tfrecords.read_records(path, [0, 1]))


def test_a_file_has_as_many_records_as_its_folder_says(tmp_path):
    path = tmp_path / "some.tfrecord"
    path.write_bytes(TWO[:21] + record(bytes(50)))
    for count, message in (
        (1, "goes on after its 1 records"),
        (3, "ends within record 2"),
        (10**18, f"bytes cannot hold {10**18} records"),
    ):
        with pytest.raises(ValueError, match=message):
            tfrecords.check_records(path, count)


def test_a_record_longer_than_any_image_is_not_read(tmp_path):
    path = tmp_path / "some.tfrecord"
    with path.open("wb") as file:
        # Takes no room on the disk.
        file.write(record(b"", 1 << 40)[:12])
        file.truncate((1 << 40) + 100)
    with pytest.raises(ValueError, match="longer than an image may be"):
        list(tfrecords.read_records(path, [0]))


def test_records_are_those_of_tensorflow(tmp_path, cifar10_dir):
    pytest.importorskip("tensorflow")
    import tensorflow as tf

    (path,) = list(
        (pathlib.Path(cifar10_dir) / "cifar10").glob(
            "*/cifar10-test.tfrecord-00000-*"
        )
    )
    copy = tmp_path / path.name
    shutil.copy(path, copy)
    theirs = [data.numpy() for data in tf.data.TFRecordDataset(str(copy))]
    tfrecords.check_records(copy, len(theirs))
    ours = list(tfrecords.read_records(copy, range(len(theirs))))
    assert ours == theirs
    for data in ours[:20]:
        known = tf.train.Example.FromString(data).features.feature
        got = parse_example(data, {"image": bytes, "label": int})
        assert [got["label"]] == list(known["label"].int64_list.value)
        assert [got["image"]] == list(known["image"].bytes_list.value)


def test_records_are_written_as_tensorflow_does(tmp_path):
    # What other tests write is what they mean to write.
    pytest.importorskip("tensorflow")
    import tensorflow as tf

    path = tmp_path / "some.tfrecord"
    data = tf.train.Example(
        features=tf.train.Features(
            feature={
                "label": tf.train.Feature(
                    int64_list=tf.train.Int64List(value=[300])
                )
            }
        )
    ).SerializeToString()
    with tf.io.TFRecordWriter(str(path)) as file:
        file.write(data)
    assert path.read_bytes() == record(data)
    assert tf.train.Example.FromString(
        example(label=300)
    ) == tf.train.Example.FromString(data)
    assert struct.unpack("<Q", path.read_bytes()[:8]) == (len(data),)
