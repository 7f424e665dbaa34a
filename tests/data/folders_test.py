"""Prepared folders, read without TensorFlow as TFDS reads them."""

import json
import pathlib
import shutil
import struct

import numpy as np
import pytest

from keras_anytime.data import folders
from keras_anytime.data import records
from keras_anytime.data import sources

LABELS = {"fine": "label", "coarse": "coarse_label"}


def test_a_folder_tells_its_classes(cifar10_dir):
    about = folders.folder_info("cifar10", cifar10_dir)
    assert about.image_shape == (32, 32, 3)
    assert about.class_names[0] == "airplane"
    assert about.classes == 10


def test_the_latest_version_is_read(cifar10_dir, tmp_path):
    (source,) = pathlib.Path(cifar10_dir, "cifar10").iterdir()
    for version, name in (("3.10.0", "jet"), ("3.9.0", "kite")):
        folder = tmp_path / "cifar10" / version
        folder.mkdir(parents=True)
        for path in (*source.glob("*.json"), *source.glob("*.txt")):
            shutil.copy(path, folder)
        labels = folder / "label.labels.txt"
        labels.write_text(labels.read_text().replace("airplane", name))
    about = folders.folder_info("cifar10", str(tmp_path))
    assert about.class_names[0] == "jet"
    about = folders.folder_info("cifar10:3.9.0", str(tmp_path))
    assert about.class_names[0] == "kite"


def test_a_split_over_two_files_is_what_tfds_reads(cifar10_dir):
    pytest.importorskip("tensorflow_datasets")
    # The first file ends at 12,500.
    splits = ("train[12480:12520]", "test[:5]+train[:7]")
    ours = folders.read_folder("cifar10", splits, cifar10_dir)
    theirs = sources.read_tfds("cifar10", splits, cifar10_dir)
    for (images, labels), (want_images, want_labels) in zip(
        ours, theirs, strict=True
    ):
        np.testing.assert_array_equal(images, want_images)
        np.testing.assert_array_equal(labels, want_labels)
        assert labels.dtype == "int64"


def test_two_label_sets(cifar100_dir):
    ((images, labels),) = folders.read_folder(
        "cifar100", ("train[:50]",), cifar100_dir, LABELS
    )
    assert images.shape == (50, 32, 32, 3)
    assert set(labels) == {"fine", "coarse"}
    about = folders.folder_info("cifar100", cifar100_dir, LABELS)
    assert about.classes == {"fine": 100, "coarse": 20}


def test_images_of_many_sizes_are_refused(hymenoptera_dir):
    with pytest.raises(ValueError, match="one size"):
        folders.folder_info("hymenoptera_subset", hymenoptera_dir)


def test_a_missing_folder_says_how_to_get_it(tmp_path):
    with pytest.raises(FileNotFoundError, match="download=True"):
        folders.read_folder("cifar10", ("train",), str(tmp_path))


def _example(**features):
    """A `tf.train.Example`, written by hand."""

    def field(number, data):
        assert len(data) < 128
        return bytes([number << 3 | 2, len(data)]) + data

    entries = b"".join(
        field(1, field(1, name.encode()) + field(2, value))
        for name, value in features.items()
    )
    return field(1, entries)


def test_an_example_has_bytes_and_integers():
    data = _example(
        text=b"\x0a\x05\x0a\x03abc",
        packed=b"\x1a\x05\x0a\x03\x01\xac\x02",
        unpacked=b"\x1a\x04\x08\x07\x08\x09",
        floats=b"\x12\x06\x0a\x04\x00\x00\x80\x3f",
        empty=b"",
    )
    assert records.parse_example(data) == {
        "text": [b"abc"],
        "packed": [1, 300],
        "unpacked": [7, 9],
    }
    minus_one = b"\x1a\x0b\x08" + b"\xff" * 9 + b"\x01"
    assert records.parse_example(_example(one=minus_one)) == {"one": [-1]}


@pytest.mark.parametrize("cut", [1, 5, 12])
def test_a_cut_example_is_damaged(cut):
    data = _example(text=b"\x0a\x05\x0a\x03abc")
    with pytest.raises(ValueError, match="damaged"):
        records.parse_example(data[:-cut])


def test_records_are_picked_by_their_numbers(tmp_path):
    path = tmp_path / "some.tfrecord"
    parts = [bytes([number]) * number for number in range(6)]
    path.write_bytes(
        b"".join(
            struct.pack("<QI", len(one), 0) + one + bytes(4) for one in parts
        )
    )
    assert list(records.read_records(path, [0, 3, 5])) == [
        parts[0],
        parts[3],
        parts[5],
    ]
    with pytest.raises(ValueError, match="ends within record 6"):
        list(records.read_records(path, [4, 6]))
    path.write_bytes(path.read_bytes()[:-6])
    with pytest.raises(ValueError, match="ends within record 5"):
        list(records.read_records(path, [5]))


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
    theirs = [one.numpy() for one in tf.data.TFRecordDataset(str(copy))]
    ours = list(records.read_records(copy, range(len(theirs))))
    assert ours == theirs
    for data in ours[:20]:
        wanted = tf.train.Example.FromString(data).features.feature
        got = records.parse_example(data)
        assert set(got) == set(wanted)
        assert got["label"] == list(wanted["label"].int64_list.value)
        assert got["image"] == list(wanted["image"].bytes_list.value)


def test_other_file_formats_are_refused(tmp_path, cifar10_dir):
    (folder,) = (pathlib.Path(cifar10_dir) / "cifar10").iterdir()
    copy = tmp_path / "cifar10" / folder.name
    copy.mkdir(parents=True)
    for name in ("features.json", "label.labels.txt"):
        shutil.copy(folder / name, copy / name)
    about = json.loads((folder / "dataset_info.json").read_text())
    about["fileFormat"] = "array_record"
    (copy / "dataset_info.json").write_text(json.dumps(about))
    with pytest.raises(ValueError, match="array_record"):
        folders.read_folder("cifar10", ("train",), str(tmp_path))
