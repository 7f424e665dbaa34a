"""Prepared folders that are damaged, or that somebody has made to do harm."""

import os

import keras
import numpy as np
import PIL.Image
import pytest

import keras_anytime as ka
from keras_anytime.data import tfds_folders
from tests.data import prepared
from tests.data.prepared import encoded
from tests.data.prepared import example
from tests.data.prepared import folder_of
from tests.data.prepared import photo
from tests.data.prepared import pixels
from tests.data.prepared import record
from tests.testing import sampled

HAS_TENSORFLOW = keras.backend.backend() == "tensorflow"


def _read(root, split="train"):
    return ka.data.load(
        prepared.NAME, 4, (split,), augment=False, data_dir=str(root)
    )


def _refused(root, message):
    """Asserts that all readers of this backend refuse a folder, in one line."""
    readers = [
        _read,
        lambda root: tfds_folders.read_folder("photos", ("train",), root),
    ]
    for read in readers if HAS_TENSORFLOW else readers[:1]:
        with pytest.raises(ValueError, match=message) as refused:
            read(root)
        assert "\n" not in str(refused.value)


def test_a_folder_written_by_hand_is_read(tmp_path):
    images = [pixels(seed=label) for label in range(4)]
    jpeg = encoded(images[0], "JPEG")
    records = [record(photo(label)) for label in range(4)]
    folder_of(tmp_path, [*records, record(photo(0, jpeg))])
    (batches,) = _read(tmp_path, "train[1:4]")
    about = ka.data.info(prepared.NAME, str(tmp_path))
    assert about.class_names == ("ant", "bee", "cat", "dog")
    ((x, y),) = batches
    order = np.argsort(np.asarray(y))
    assert np.asarray(y)[order].tolist() == [1, 2, 3]
    found = (np.asarray(x) * about.std + about.mean) * 255
    np.testing.assert_allclose(found[order], images[1:], atol=1e-3)
    assert len(_read(tmp_path)[0]) == 2


# Each is a way of its own by which TensorFlow, or the reader for JAX, would
# take other data than are meant, or end.
RECORDS = {
    "a flipped bit of a label": (
        [record(photo(1))[:-5] + b"\x00" + record(photo(1))[-4:]],
        "wrong checksum|corrupted record",
    ),
    "images of another size": (
        [record(photo(n % 4, encoded(pixels(4, 4)))) for n in range(40)],
        "4x4 pixels, not 8x8|an image has another size",
    ),
    "an image that says to be huge": (
        [record(photo(1, prepared.png_that_says(13_000, 13_000)))],
        "13000x13000 pixels, not 8x8|an image has another size",
    ),
    "no image": ([record(photo(1, b"<html>"))], "not a PNG or JPEG"),
    "an empty image": ([record(photo(1, b""))], "not a PNG or JPEG"),
    "a cut image": (
        [record(photo(1, encoded(pixels())[:-50]))],
        "cannot be decoded|Invalid PNG",
    ),
    "16-bit pixels": (
        [record(photo(1, encoded(np.full((8, 8), 40000, "uint16"))))],
        "not bytes",
    ),
    "no label": (
        [record(example(image=encoded(pixels())))],
        "no feature 'label'|label .* could not be found",
    ),
    "bytes as label": (
        [record(example(image=encoded(pixels()), label=b"1"))],
        "'label' is not one value of int|label.*types don't match",
    ),
    "a number as image": (
        [record(example(image=(b"\x0a\x06\x08" + b"\xff" * 4 + b"\x07",)))],
        "a number where bytes belong|image.*Can't parse",
    ),
    "an unknown class": ([record(photo(77))], "0 to 3.*'label'.*77 to 77"),
    "a secret class": ([record(photo(-1))], "0 to 3.*labels -1 to -1"),
    "a length beyond all memory": (
        [record(b"x", 2**40), record(photo(1))],
        "ends within record 0",
    ),
    "an empty example": ([record(b"")], "no feature|could not be found"),
    **{
        f"a {form} file": (
            [record(photo(1, encoded(pixels(), form)))],
            "not a PNG or JPEG",
        )
        for form in ("GIF", "BMP", "TIFF", "WEBP", "PPM")
    },
}


@pytest.mark.parametrize(
    "what",
    sampled(
        list(RECORDS),
        lambda what: (
            not HAS_TENSORFLOW
            or what.startswith(("a flipped", "images", "an image", "a length"))
        ),
    ),
)
# Pillow warns of the size too.
@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_records_that_are_no_examples_of_their_data_set_are_refused(
    tmp_path, what
):
    records, message = RECORDS[what]
    folder_of(tmp_path, records)
    _refused(tmp_path, message)


def test_a_huge_image_is_refused_before_its_pixels_are_decoded(
    tmp_path, monkeypatch
):
    folder_of(tmp_path, [record(photo(1, prepared.png_that_says(9000, 9000)))])
    monkeypatch.setattr(PIL.Image.Image, "convert", None)
    with pytest.raises(ValueError, match="9000x9000 pixels"):
        tfds_folders.read_folder(prepared.NAME, ("train",), str(tmp_path))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"shardLengths": ["5"]}, "ends within record 1"),
        ({"shardLengths": [str(10**12)]}, "cannot hold 1000000000000 records"),
        ({"shardLengths": ["0"]}, "contains no images|goes on after its 0"),
        ({"shardLengths": ["-3"]}, "-3 where 0"),
        ({"shardLengths": ["many"]}, "dataset_info.json"),
        ({"shardLengths": None}, "dataset_info.json"),
        ({"name": 7}, "dataset_info.json"),
        ({"filepathTemplate": "../{SHARD_X_OF_Y}"}, "not a file in the"),
        (
            {"filepathTemplate": "/etc/{SHARD_X_OF_Y}"},
            "not a file in the",
        ),
        ({"filepathTemplate": ".."}, "not a file in the"),
        (
            {"filepathTemplate": "one", "shardLengths": ["1", "1"]},
            "several files of one name",
        ),
    ],
)
def test_a_folder_that_says_wrong_things_of_its_files_is_refused(
    tmp_path, changes, message
):
    folder_of(tmp_path, [record(photo(1))], **changes)
    _refused(tmp_path, message)


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        ("features.json", '"4"', '"1000000000"', "1000000000 classes"),
        ("features.json", '"4"', '"5"', "names 4 classes of 5"),
        ("features.json", '"8", "8"', f'"{10**6}", "{10**6}"', "pixels and 1,"),
        ("features.json", '"3"', '"2"', "1, 3 or 4 channels"),
        ("features.json", "uint8", "uint16", "must be uint8"),
        ("features.json", "{", "[" * 99_999, "features.json"),
        ("features.json", '"4"', "NaN", "features.json"),
        ("dataset_info.json", "{", "", "dataset_info.json"),
        ("dataset_info.json", "{", "\ud800", "dataset_info.json"),
        ("label.labels.txt", "dog\n", "", "names 3 classes of 4"),
        (
            "label.labels.txt",
            "dog",
            " " * (1 << 24),
            "not a regular file of",
        ),
    ],
)
def test_a_damaged_description_is_named(tmp_path, name, old, new, message):
    folder = folder_of(tmp_path, [record(photo(1))])
    path = folder / name
    text = path.read_text()
    assert old in text
    path.write_bytes(text.replace(old, new).encode(errors="surrogatepass"))
    _refused(tmp_path, message)
    with pytest.raises(ValueError, match=message):
        ka.data.info(prepared.NAME, str(tmp_path))


def test_names_of_classes_are_in_the_folder(tmp_path):
    path = folder_of(tmp_path, [record(photo(1))]) / "features.json"
    path.write_text(path.read_text().replace('"label"', '"../label"'))
    (path.parent.parent / "label.labels.txt").write_text("some\nother\nfile\n")
    with pytest.raises(ValueError, match="not a file in the"):
        ka.data.info(prepared.NAME, str(tmp_path), {"fine": "../label"})


@pytest.mark.parametrize(
    "name",
    ["dataset_info.json", "features.json", "label.labels.txt", prepared.FILE],
)
def test_pipes_and_devices_are_not_waited_for(tmp_path, name):
    path = folder_of(tmp_path, [record(photo(1))]) / name
    path.unlink()
    os.mkfifo(path)
    _refused(tmp_path, f"{name}' is not a regular file")
    path.unlink()
    path.symlink_to("/dev/zero")
    _refused(tmp_path, f"{name}' is not a regular file")


def test_a_file_that_is_missing_is_named(tmp_path):
    (folder_of(tmp_path, [record(photo(1))]) / prepared.FILE).unlink()
    with pytest.raises(FileNotFoundError, match=prepared.FILE):
        _read(tmp_path)


def test_classes_without_names_are_numbered(tmp_path):
    folder = folder_of(tmp_path, [record(photo(1))])
    (folder / "label.labels.txt").unlink()
    about = tfds_folders.folder_info(prepared.NAME, str(tmp_path))
    assert about.class_names == ("0", "1", "2", "3")
    assert ka.data.info(prepared.NAME, str(tmp_path)) == about


def test_images_that_memory_does_not_hold_are_refused(tmp_path):
    # 20,000 images that say to have 256 MiB each, in a file of kilobytes.
    many = [record(b"")] * 20_000
    folder_of(tmp_path, many, shape=(8192, 8192, 4))
    _refused(tmp_path, "more than memory holds: read a part")
