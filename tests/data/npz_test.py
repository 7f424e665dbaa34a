import numpy as np
import pytest

import keras_anytime as ka


def _write(path, **changes):
    rng = np.random.default_rng(0)
    arrays = {
        "x_train": rng.integers(0, 256, (40, 6, 5, 3)).astype("uint8"),
        "y_train": np.arange(40).reshape(-1, 1) % 4,
        "x_test": rng.integers(0, 256, (10, 6, 5, 3)).astype("uint8"),
        "y_test": np.arange(10) % 4,
        **changes,
    }
    arrays = {name: one for name, one in arrays.items() if one is not None}
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


def test_grey_images_may_lack_their_axis(tmp_path):
    path, _ = _write(
        tmp_path / "grey.npz",
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


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"x_train": None}, "arrays x_train, y_train"),
        ({"x_train": np.zeros((40, 6, 5, 3))}, "float64"),
        ({"y_train": np.zeros(39, "int64")}, "shape .39,"),
        ({"y_train": np.zeros(40)}, "one integer label"),
    ],
)
def test_other_arrays_are_refused(tmp_path, changes, message):
    path, _ = _write(tmp_path / "bad.npz", **changes)
    for read in (ka.data.load, ka.data.info):
        with pytest.raises(ValueError, match=message):
            read(path)


def test_a_missing_file_is_named(tmp_path):
    path = str(tmp_path / "none.npz")
    for read in (ka.data.load, ka.data.info):
        with pytest.raises(FileNotFoundError, match=r"none\.npz"):
            read(path)
