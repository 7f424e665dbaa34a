"""Folders of images, good and bad, each refused before training."""

import os
import pathlib

import keras
import numpy as np
import pytest

import keras_anytime as ka
from keras_anytime.data.image_folders import list_folder
from keras_anytime.experiments.training_data import named_damage
from keras_anytime.files import ContentError
from tests.data import prepared
from tests.data.prepared import encoded
from tests.data.prepared import pixels

HAS_TENSORFLOW = keras.backend.backend() == "tensorflow"


def write(root, *names, data=None):
    for number, name in enumerate(names):
        path = pathlib.Path(root, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        form = "JPEG" if path.suffix == ".jpg" else "PNG"
        path.write_bytes(
            encoded(pixels(seed=number), form) if data is None else data
        )


def load(root, **arguments):
    return ka.data.load(f"folder:{root}", 4, image_size=8, **arguments)


def test_subfolders_are_classes(tmp_path):
    names = [f"{of}/{k}.jpg" for of in ("bee", "ant", "train") for k in "12345"]
    write(tmp_path, *names, "bee/.hidden.jpg")
    write(tmp_path, "ant/README.txt", data=b"words")
    folder = list_folder(f"folder:{tmp_path}")
    assert folder.class_names == ("ant", "bee", "train")
    assert folder.sizes == {"train": 15}
    files = [file for file, _ in folder.splits["train"]]
    assert sorted(files) == sorted(names)
    for file, label in folder.splits["train"]:
        assert file.startswith(folder.class_names[label])
    # The classes are mixed, and a new file changes the place of no other.
    assert files != sorted(files)
    write(tmp_path, "ant/9.jpg")
    again = [
        file for file, _ in list_folder(f"folder:{tmp_path}").splits["train"]
    ]
    assert [file for file in again if file != "ant/9.jpg"] == files
    train, rest = load(tmp_path)
    assert sum(len(y) for _, y in train) == 13
    assert sum(len(y) for _, y in rest) == 3
    assert train.info.class_names == folder.class_names


@pytest.mark.parametrize("held_out", ["test", "validation", "val"])
def test_subfolders_may_be_splits(tmp_path, held_out):
    write(tmp_path, "train/a/1.png", "train/b/1.png", "train/b/2.webp")
    write(tmp_path, f"{held_out}/b/1.png")
    train, held = load(tmp_path)
    assert sum(len(y) for _, y in train) == 3
    assert [np.asarray(y).tolist() for _, y in held] == [[1]]
    _, both = load(tmp_path, splits=("train", f"train[:2]+{held_out}"))
    assert sum(len(y) for _, y in both) == 3
    with pytest.raises(ValueError, match=rf"{held_out} \(1 images\)"):
        load(tmp_path, splits=("train", "dev"))


def test_a_home_folder_may_be_written_short(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    write(tmp_path, "photos/a/1.png", "photos/b/1.png")
    assert ka.data.info("folder:~/photos", image_size=8).classes == 2


def _truncated(form):
    return encoded(pixels(64, 64), form)[:-400]


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("ant/2.jpg", _truncated("JPEG"), "2.jpg' cannot be used: .*truncated"),
        ("ant/2.png", _truncated("PNG"), "2.png' cannot be used"),
        ("ant/2.jpg", b"<html>not found</html>", "2.jpg' cannot be used"),
        ("ant/2.jpg", b"", "2.jpg' cannot be used"),
        ("ant/2.heic", b"1", "convert or move others.*2.heic"),
        ("ant/more/2.jpg", None, "convert or move others.*more"),
        ("wasp/notes.txt", b"none yet", "needs images; .*wasp"),
    ],
)
def test_what_is_wrong_with_a_file_is_said_before_training(
    tmp_path, name, data, message
):
    write(tmp_path, "ant/1.jpg", "bee/1.jpg")
    write(tmp_path, name, data=data)
    with pytest.raises(ValueError, match=message) as refused:
        load(tmp_path)
    assert "\n" not in str(refused.value)


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    write(tmp_path, "ant/1.jpg", "bee/1.jpg")
    os.symlink(tmp_path / "nowhere.jpg", tmp_path / "ant" / "2.jpg")
    with pytest.raises(OSError, match=r"2.jpg' cannot be read \(No such file"):
        load(tmp_path)


def test_a_pipe_is_not_waited_for(tmp_path):
    write(tmp_path, "ant/1.jpg", "bee/1.jpg")
    os.mkfifo(tmp_path / "ant" / "2.jpg")
    with pytest.raises(ValueError, match="2.jpg' is not a regular file"):
        load(tmp_path)


def test_folders_without_classes_are_refused(tmp_path):
    with pytest.raises(ValueError, match="a subfolder for each class"):
        load(tmp_path)
    with pytest.raises(FileNotFoundError, match="There is no folder"):
        load(tmp_path / "none")
    write(tmp_path, "train/a/1.png", "test/b/1.png")
    with pytest.raises(ValueError, match="'b' .* not in the training images"):
        load(tmp_path)
    write(tmp_path, "train/b/1.png", "extra/a/1.png")
    with pytest.raises(ValueError, match="either splits.*'extra'"):
        load(tmp_path)


@pytest.mark.parametrize("image_size", [0, -1, 2.5, "64", True, 10**6])
def test_wrong_sizes_are_refused(tmp_path, image_size):
    write(tmp_path, "a/1.png", "b/1.png")
    for read in (ka.data.info, ka.data.load):
        with pytest.raises(ValueError, match="`image_size` must be an integer"):
            read(f"folder:{tmp_path}", image_size=image_size)


def test_a_size_is_asked_for_where_it_is_needed(tmp_path):
    write(tmp_path, "a/1.png", "b/1.png")
    records = [prepared.record(prepared.photo(k)) for k in range(3)]
    prepared.folder_of(tmp_path, records, shape=(-1, -1, 3))
    for read in (ka.data.info, ka.data.load):
        with pytest.raises(ValueError, match="such as image_size=224"):
            read(f"folder:{tmp_path}")
        with pytest.raises(ValueError, match="such as image_size=224"):
            read(prepared.NAME, data_dir=tmp_path)


@pytest.mark.parametrize("name", ["digits", "some.npz"])
def test_arrays_are_not_resized(name):
    with pytest.raises(ValueError, match="leave it out for 'digits' and .npz"):
        ka.data.load(name, image_size=32)


def test_a_folder_is_suggested_where_a_name_is_one(tmp_path):
    # Close to the name of a data set, which is not meant.
    folder = tmp_path / "cifar-10"
    folder.mkdir()
    with pytest.raises(ValueError, match=f"'folder:{folder}'") as refused:
        ka.data.info(str(folder), data_dir=tmp_path / "none")
    assert "Did you mean" not in str(refused.value)


def _read_all(data):
    """Reads batches, and returns the message of the error."""
    import contextlib

    kinds: tuple = (ValueError,)
    if HAS_TENSORFLOW:
        import tensorflow as tf

        kinds = (tf.errors.OpError,)
    with contextlib.ExitStack() as stack:
        refused = stack.enter_context(pytest.raises(kinds))
        for _ in data:
            pass
    return str(refused.value)


def test_a_file_that_is_damaged_inside_is_named_when_it_is_read(tmp_path):
    write(tmp_path, "ant/1.png", "bee/1.png")
    whole = encoded(pixels(64, 64))
    damaged = whole[:200] + bytes(2000) + whole[2200:]
    write(tmp_path, "ant/2.png", data=damaged)
    data = load(tmp_path, splits=("train", "train"))
    for batches in data:
        assert "2.png' cannot be used" in _read_all(batches)
        with pytest.raises(ContentError, match=".*2.png' .* data set.$"):
            with named_damage():
                for _ in batches:
                    pass


@pytest.mark.parametrize(
    ("label", "image", "message"),
    [(7, None, "its 'label' is 7"), (1, b"no image", "is not a PNG")],
)
def test_a_record_that_is_damaged_is_named(tmp_path, label, image, message):
    records = [prepared.record(prepared.photo(k)) for k in range(3)]
    records.append(prepared.record(prepared.photo(label, image)))
    prepared.folder_of(tmp_path, records, shape=(-1, -1, 3))
    (train,) = ka.data.load(
        prepared.NAME, 4, ("train",), data_dir=tmp_path, image_size=8
    )
    told = _read_all(train)
    assert f"Record 3 of '{tmp_path}" in told
    assert message in told


def test_records_that_are_cut_off_are_refused_before_training(tmp_path):
    records = [prepared.record(prepared.photo(k)) for k in range(3)]
    folder = prepared.folder_of(tmp_path, records, shape=(-1, -1, 3))
    path = folder / prepared.FILE
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(ValueError, match="is damaged: it ends within record 2"):
        ka.data.load(
            prepared.NAME, 4, ("train",), data_dir=tmp_path, image_size=8
        )
