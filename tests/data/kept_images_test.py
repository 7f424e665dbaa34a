"""Resized images that fit are kept in memory, and are those of the stream."""

import os

import keras
import numpy as np
import pytest

import keras_anytime as ka
from keras_anytime.data import image_stream
from keras_anytime.data.image_stream import ImageStream
from keras_anytime.files import ContentError
from tests.data import prepared
from tests.testing import sampled

COUNT, SIZE = 20, 12
BYTES = COUNT * SIZE * SIZE * 3
# Nothing random is done before images are resized.
WITHOUT_PARTS = (False, ("flip",), ("crop=2", "flip", "blur"))


@pytest.fixture(name="folder")
def _folder(tmp_path):
    """A folder of images of several sizes in two classes."""
    folder = tmp_path / "photos"
    for number in range(COUNT):
        shape = [(20, 30), (31, 17), (24, 24), (12, 12)][number % 4]
        path = folder / ("ants", "bees")[number % 2] / f"{number:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = prepared.pixels(*shape, seed=number)
        path.write_bytes(prepared.encoded(pixels))
    return folder


def load(folder, augment=(), **options):
    return ka.data.load(
        f"folder:{folder}",
        6,
        ("train", "train[:11]"),
        augment=augment,
        image_size=SIZE,
        **options,
    )


def batches_of(data, epochs=2):
    return [
        keras.tree.map_structure(np.asarray, batch)
        for _ in range(epochs)
        for batch in data
    ]


def streamed(monkeypatch, *arguments, **options):
    """The data sets as they are where images do not fit."""
    with monkeypatch.context() as patch:
        patch.setattr(image_stream, "_KEPT_BYTES", 0)
        return load(*arguments, **options)


def is_kept(data, folder):
    """Whether an epoch needs no files any longer."""
    away = folder.with_name("away")
    os.rename(folder, away)
    try:
        batches_of(data, 1)
    except Exception:
        return False
    finally:
        os.rename(away, folder)
    return True


@pytest.mark.parametrize("augment", WITHOUT_PARTS)
@pytest.mark.parametrize("with_sets", sampled([False, True], [True]))
def test_kept_images_are_those_of_the_stream(
    folder, monkeypatch, augment, with_sets
):
    table = folder.with_suffix(".csv")
    table.write_text("kind,group\nants,insects\nbees,others\n")
    options = {"seed": 3, "labels": table if with_sets else None}
    kept = load(folder, augment, **options)
    read = streamed(monkeypatch, folder, augment, **options)
    for left, right in zip(kept, read, strict=True):
        assert left.info == right.info
        got, want = batches_of(left), batches_of(right)
        assert len(got) == len(want) == 2 * len(left) == 2 * len(right)
        for batch, wanted in zip(got, want, strict=True):
            keras.tree.map_structure(
                np.testing.assert_array_equal, batch, wanted
            )
        assert with_sets == isinstance(got[0][1], dict)


def test_images_are_kept_where_they_fit(folder, monkeypatch):
    for limit, training_fits in ((BYTES, True), (BYTES - 1, False)):
        monkeypatch.setattr(image_stream, "_KEPT_BYTES", limit)
        train, test = load(folder)
        assert is_kept(train, folder) == training_fits
        # The other split has 11 of the 20 images.
        assert is_kept(test, folder)


def test_images_are_decoded_once(folder, monkeypatch):
    decoded = []
    of_stream = ImageStream.read

    def read(stream, indices, epoch=None):
        decoded.extend(indices)
        return of_stream(stream, indices, epoch)

    monkeypatch.setattr(ImageStream, "read", read)
    train, test = load(folder)
    for data in (train, test):
        batches_of(data, 3)
    assert sorted(decoded) == sorted([*range(20), *range(11)])


def test_random_parts_are_read_in_each_epoch(folder):
    train, _ = load(folder, ("resized_crop", "flip"))
    assert not is_kept(train, folder)
    first, second = batches_of(train, 1), batches_of(train, 1)
    assert not np.array_equal(first[0][0], second[0][0])


def test_a_damaged_image_is_told_before_training(folder, monkeypatch):
    damaged = folder / "bees" / "07.png"
    data = damaged.read_bytes()
    # Its ends are those of an image, as folders are checked.
    damaged.write_bytes(data[:60] + bytes(len(data) - 80) + data[-20:])
    with pytest.raises(ContentError, match=r"07\.png' cannot be used"):
        load(folder)
    # A stream meets it when it is read.
    train, _ = streamed(monkeypatch, folder)
    with pytest.raises(Exception, match=r"07\.png' cannot be used"):
        batches_of(train, 1)
    # Images that no split has are not read.
    (few,) = ka.data.load(
        f"folder:{folder}", 6, ("train[:0]+train[:1]",), image_size=SIZE
    )
    assert len(few) == 1
