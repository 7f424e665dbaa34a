import io
import zipfile

import numpy as np
import pytest

import keras_anytime as ka
from keras_anytime.data import npz


def _write(path, **changes):
    rng = np.random.default_rng(0)
    arrays = {
        "x_train": rng.integers(0, 256, (40, 6, 5, 3)).astype("uint8"),
        "y_train": np.arange(40).reshape(-1, 1) % 4,
        "x_test": rng.integers(0, 256, (10, 6, 5, 3)).astype("uint8"),
        "y_test": np.arange(10) % 4,
        **changes,
    }
    arrays = {
        name: array for name, array in arrays.items() if array is not None
    }
    np.savez(path, **arrays)
    return str(path), arrays


def test_a_file_is_a_data_set(tmp_path):
    path, arrays = _write(tmp_path / "some.npz")
    about = ka.data.info(path)
    assert about.image_shape == (6, 5, 3)
    assert about.class_names == ("0", "1", "2", "3")
    pixels = arrays["x_train"] / 255
    np.testing.assert_allclose(about.mean, pixels.mean((0, 1, 2)), rtol=1e-6)
    np.testing.assert_allclose(about.std, pixels.std((0, 1, 2)), rtol=1e-6)
    train, test = ka.data.load(path, batch_size=4, augment=False)
    assert (len(train), len(test)) == (10, 3)
    images = np.concatenate([np.asarray(x) for x, _ in test])
    wanted = (arrays["x_test"] / 255 - about.mean) / about.std
    np.testing.assert_allclose(images, wanted, atol=1e-5)
    labels = np.concatenate([np.asarray(y) for _, y in test])
    np.testing.assert_array_equal(labels, arrays["y_test"])
    parts = ka.data.load(path, splits=("train[:75%]", "train[75%:]+test"))
    assert sum(len(y) for _, y in parts[1]) == 20


def test_gray_images_may_lack_their_axis(tmp_path):
    path, _ = _write(
        tmp_path / "gray.npz",
        x_train=np.zeros((40, 6, 5), "uint8"),
        x_test=None,
        y_test=None,
    )
    about = ka.data.info(path, labels={"digit": "label"})
    assert about.image_shape == (6, 5, 1)
    assert about.std == (1.0,)
    assert about.classes == {"digit": 4}
    with pytest.raises(ValueError, match="Received: split='test'"):
        ka.data.load(path)


RNG = np.random.default_rng(0)
X = RNG.integers(0, 256, (40, 28, 28, 3)).astype("uint8")
Y = np.arange(40) % 4
CHANNELS_FIRST = np.moveaxis(X, -1, 1)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        # Layouts of images.
        ({"x_train": CHANNELS_FIRST}, r"numpy.moveaxis\(x_train, 1, -1\)"),
        ({"x_train": X[:, None, :, :, 0]}, "channels seem to come before"),
        ({"x_test": CHANNELS_FIRST[:10]}, r"numpy.moveaxis\(x_test, 1, -1\)"),
        ({"x_train": np.moveaxis(X, 0, -1)}, r"moveaxis\(x_train, -1, 0\)"),
        ({"x_train": X.reshape(40, -1)}, r"reshape\(-1, height, width"),
        ({"x_train": X[:0], "y_train": Y[:0]}, "x_train is empty"),
        ({"x_train": X[:, :0]}, "x_train is empty"),
        ({"x_train": X[..., :2, :]}, "have one size"),
        # Their pixels.
        ({"x_train": X / 255}, r"\(255 \* x_train\).round"),
        ({"x_train": X > 99}, r"\(255 \* x_train\).round"),
        ({"x_train": X.astype("int64")}, r"x_train.round\(\).astype\('uint8'"),
        ({"x_train": X / 100 - 1}, "before they were normalized"),
        ({"x_train": np.full(X.shape, np.nan)}, "nan to nan"),
        ({"x_train": X.astype(str)}, "whole numbers from 0 to 255"),
        # Labels.
        ({"y_train": np.eye(4)[Y]}, r"y_train.argmax\(axis=-1\)"),
        ({"y_train": np.eye(4, dtype="uint8")[Y]}, "one-hot"),
        ({"y_train": Y[:39]}, "40 images and 39 labels"),
        ({"y_train": np.zeros(40)}, r"y_train.astype\('int64'\)"),
        ({"y_train": np.linspace(0, 1, 40)}, "labels of both splits"),
        ({"y_train": np.array(["cat", "dog"] * 20)}, "numpy.unique"),
        ({"y_train": Y - 1}, "smallest label is -1"),
        # Each class up to the largest would be named, and be an output.
        ({"y_train": np.full(40, 2**62)}, f"largest label is {2**62}. Number"),
        ({"y_train": np.full(40, 2**63 + 3, "uint64")}, f"is {2**63 + 3}. Nu"),
        ({"y_test": np.full(10, 10**7)}, "largest label is 10000000"),
        ({"y_train": Y + 0.5}, "labels of both splits"),
        ({"y_train": np.where(Y == 1, np.nan, Y)}, "not finite: leave"),
        ({"y_train": np.full(40, np.inf)}, "not finite: leave"),
        ({"y_train": Y.astype("M8[D]")}, "numpy.unique"),
        ({"y_train": Y + 0j}, "numpy.unique"),
        ({"y_train": Y > 1}, "labels of both splits"),
        ({"y_train": np.int64(3)}, "Give y_train one axis"),
        # Names.
        ({"x_train": None}, "arrays x_train, y_train"),
        ({"y_test": None}, "x_test, y_test. Several inputs"),
        ({"x_train": None, "images": X}, r"\['images', 'x_test'"),
        # Python objects, of which arrays of several sizes are made.
        ({"x_train": np.array([X[0], X[1, 1:]], "object")}, "numpy.stack"),
    ],
)
def test_arrays_that_may_mean_something_else_are_refused(
    tmp_path, changes, message
):
    good = {"x_train": X, "y_train": Y, "x_test": X[:10], "y_test": Y[:10]}
    path, _ = _write(tmp_path / "bad.npz", **{**good, **changes})
    for read in (ka.data.load, ka.data.info):
        with pytest.raises(ValueError, match=message) as refused:
            read(path)
        assert "Received: " in str(refused.value)


def test_images_of_many_channels_are_no_channels_first(tmp_path):
    path, _ = _write(
        tmp_path / "spectra.npz",
        x_train=np.zeros((40, 8, 8, 13), "uint8"),
        x_test=None,
        y_test=None,
        unused=np.array([{}], "object"),
    )
    assert ka.data.info(path).image_shape == (8, 8, 13)


@pytest.mark.parametrize("damage", ["cut", "array", "empty", "text"])
def test_a_file_that_is_no_archive_is_refused(tmp_path, damage):
    path = tmp_path / "bad.npz"
    _write(path)
    content = path.read_bytes()
    if damage == "array":
        with path.open("wb") as file:
            np.save(file, X)
    else:
        bad = {"cut": content[:-99], "empty": b"", "text": b"<html>"}
        path.write_bytes(bad[damage])
    for read in (ka.data.load, ka.data.info):
        with pytest.raises(ValueError, match=r"numpy.savez.*bad\.npz"):
            read(path)


def test_a_file_that_expands_to_far_more_is_refused_unread(
    tmp_path, monkeypatch
):
    path = tmp_path / "bomb.npz"
    bomb = np.zeros((2000, 64, 64), "uint8")
    for name, array in (("x_train", bomb), ("y_test", bomb.reshape(-1))):
        np.savez_compressed(path, **{**_write(path)[1], name: array})
        with monkeypatch.context() as patch:
            # As if megabytes were gigabytes, and nothing could be read.
            patch.setattr(npz, "_MIN_LIMIT", 1 << 20)
            patch.setattr(np.lib.npyio.NpzFile, "__getitem__", None)
            for read in (ka.data.load, ka.data.info):
                with pytest.raises(ValueError, match="expands to 819") as no:
                    read(path)
                assert "`numpy.savez`, which does not" in str(no.value)
    monkeypatch.setattr(npz, "_MIN_LIMIT", 1 << 20)
    # What it takes of the disk it may take of memory.
    np.savez(path, x_train=bomb, y_train=np.zeros(2000, int))
    assert ka.data.info(path).classes == 1


@pytest.mark.parametrize("kind", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_compression_than_that_of_numpy_is_refused(tmp_path, kind):
    path = tmp_path / "some.npz"
    _write(path)
    with zipfile.ZipFile(path) as file:
        content = {name: file.read(name) for name in file.namelist()}
    with zipfile.ZipFile(path, "w", kind) as file:
        for name, data in content.items():
            file.writestr(name, data)
    with pytest.raises(ValueError, match=f"compression of kind {kind}"):
        ka.data.info(path)


def test_an_array_that_claims_more_than_is_there_is_refused(tmp_path):
    path = tmp_path / "some.npz"
    _write(path)
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header,
        {"descr": "|u1", "fortran_order": False, "shape": (2**50, 8, 8, 3)},
    )
    with zipfile.ZipFile(path) as file:
        content = {name: file.read(name) for name in file.namelist()}
    with zipfile.ZipFile(path, "w") as file:
        for name, data in (
            content | {"x_train.npy": header.getvalue()}
        ).items():
            file.writestr(name, data)
    with pytest.raises(ValueError, match="x_train cannot be read"):
        ka.data.info(path)


def test_a_missing_file_is_named(tmp_path):
    path = str(tmp_path / "none.npz")
    for read in (ka.data.load, ka.data.info):
        with pytest.raises(FileNotFoundError, match=r"none\.npz"):
            read(path)
