"""Data sets of users' arrays other than images with one class each."""

import keras
import numpy as np
import pytest

import keras_anytime as ka

RNG = np.random.default_rng(0)
PHOTOS = RNG.integers(0, 256, (40, 6, 5, 3), "uint8")
TABLE = RNG.normal(3, 2, (40, 4)).astype("float32")
SERIES = RNG.normal(-1, 5, (40, 7, 2)).astype("float32")
TOKENS = RNG.integers(0, 9, (40, 7))
CLASSES = np.arange(40) % 3
NUMBERS = RNG.normal(size=40)
MASKS = RNG.integers(0, 3, (40, 6, 5), "uint8")


def _write(path, test=10, **arrays):
    """Writes a file whose test split is the last examples."""
    parts = {}
    for name, array in arrays.items():
        array = np.asarray(array)
        if not array.ndim:
            parts[name] = array
            continue
        head, _, tail = name.partition("_")
        tail = f"_{tail}" if tail else ""
        parts[f"{head}_train{tail}"] = array[:-test]
        parts[f"{head}_test{tail}"] = array[-test:]
    np.savez(path, **parts)
    return str(path)


def _whole(batches):
    """All examples of a data set, as NumPy arrays."""
    batches = [keras.tree.map_structure(np.asarray, b) for b in batches]
    return keras.tree.map_structure(lambda *a: np.concatenate(a), *batches)


@pytest.mark.parametrize("x", [TABLE, SERIES])
def test_features_are_normalized_by_the_training_split(tmp_path, x):
    path = _write(tmp_path / "own.npz", x=x, y=CLASSES)
    info = ka.data.info(path)
    assert info.image_shape == x.shape[1:]
    assert (info.classes, info.augmentation) == (3, ())
    axes = tuple(range(x.ndim - 1))
    mean, std = x[:-10].mean(axes), x[:-10].std(axes)
    assert info.preprocessing["scale"] == 1
    np.testing.assert_allclose(info.mean, mean, rtol=1e-5)
    train, test = ka.data.load(path, batch_size=8)
    found, labels = _whole(test)
    np.testing.assert_allclose(found, (x[-10:] - mean) / std, atol=1e-5)
    np.testing.assert_array_equal(labels, CLASSES[-10:])
    found, _ = _whole(train)
    np.testing.assert_allclose(found.mean(axes), 0, atol=1e-5)
    with pytest.raises(ValueError, match="Images are augmented"):
        ka.data.load(path, augment=("flip",))


def test_tokens_stay_as_they_are(tmp_path):
    path = _write(tmp_path / "own.npz", x=TOKENS, y=CLASSES)
    assert ka.data.info(path).preprocessing is None
    found, _ = _whole(ka.data.load(path, batch_size=8)[1])
    assert found.dtype == "int32"
    np.testing.assert_array_equal(found, TOKENS[-10:])


@pytest.mark.parametrize(
    ("x", "y", "more", "task", "dtype"),
    [
        (TABLE, NUMBERS, {}, ka.tasks.Regression(), "float32"),
        (
            TABLE,
            RNG.normal(size=(40, 3)),
            {},
            ka.tasks.Regression(3),
            "float32",
        ),
        (
            TABLE,
            CLASSES.astype("float32"),
            {"task": "regression"},
            ka.tasks.Regression(),
            "float32",
        ),
        (TABLE, CLASSES > 1, {}, ka.tasks.Binary(), "float32"),
        (
            TABLE,
            RNG.normal(size=(40, 3)) > 0,
            {},
            ka.tasks.MultiLabel(3),
            "float32",
        ),
        (PHOTOS, MASKS, {}, ka.tasks.Segmentation(3), "int32"),
        (
            PHOTOS,
            np.where(MASKS == 2, 255, MASKS).astype("uint8"),
            {"ignore_class": 255},
            ka.tasks.Segmentation(2, 255),
            "int32",
        ),
        (PHOTOS, MASKS / 7, {}, ka.tasks.Regression(1), "float32"),
        (SERIES, TOKENS % 2, {}, ka.tasks.Segmentation(2), "int32"),
        (TOKENS, TOKENS % 4, {}, ka.tasks.Segmentation(4), "int32"),
    ],
)
def test_labels_tell_their_task(tmp_path, x, y, more, task, dtype):
    path = _write(tmp_path / "own.npz", x=x, y=y, **more)
    info = ka.data.info(path)
    assert info.task == info.classes == task
    _, labels = _whole(ka.data.load(path, batch_size=8)[1])
    assert labels.dtype == dtype
    np.testing.assert_allclose(labels, y[-10:], rtol=1e-6)
    axes = labels.shape[1:-1] if y.ndim == 2 and task.size == 3 else y.shape[1:]
    task.check_labels(labels, (None, *axes, task.size))


ONE_HOT = np.eye(7, dtype="int64")[np.arange(40) % 7]


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        (
            {"x": TABLE, "y": CLASSES.astype("float32")},
            "save task='regression'",
        ),
        (
            {"x": TABLE, "y": CLASSES, "task": "guess"},
            "must be one of.*'guess'",
        ),
        ({"x": TABLE, "y": np.eye(3)[CLASSES]}, "argmax"),
        ({"x": SERIES, "y": ONE_HOT}, "argmax.*astype.bool"),
        ({"x": PHOTOS, "y": MASKS > 1}, "masks as integers"),
        (
            {"x": PHOTOS, "y": MASKS[:, :4]},
            "one axis, or that of the positions",
        ),
        ({"x": PHOTOS, "y": MASKS.astype("int8") - 1}, "Or save ignore_class"),
        ({"x": TOKENS - 1, "y": CLASSES}, "Store measurements as floats"),
        ({"x": TABLE * np.nan, "y": CLASSES}, "not finite: fill"),
        ({"x": TABLE, "x_more": TABLE, "y": CLASSES}, "or several of them"),
        ({"x": TABLE, "y": NUMBERS * np.inf}, "not finite: leave"),
    ],
)
def test_what_could_mean_two_things_is_refused(tmp_path, arrays, message):
    path = _write(tmp_path / "own.npz", **arrays)
    for read in (ka.data.info, ka.data.load):
        with pytest.raises(ValueError, match=message) as refused:
            read(path)
        assert "Received: " in str(refused.value)


def test_label_sets_are_of_classes(tmp_path):
    path = _write(tmp_path / "own.npz", x=TABLE, y=NUMBERS)
    with pytest.raises(ValueError, match="Label sets are for.*Regression"):
        ka.data.load(path, labels={"fine": "label"})


def test_several_inputs_go_by_their_names(tmp_path):
    path = _write(
        tmp_path / "own.npz", x_photo=PHOTOS, x_facts=TABLE, y=CLASSES
    )
    info = ka.data.info(path)
    assert info.image_shape == {"photo": (6, 5, 3), "facts": (4,)}
    assert info.augmentation == ()
    train, test = ka.data.load(path, batch_size=8, augment=("flip",))
    found, labels = _whole(test)
    for name, x in (("photo", PHOTOS), ("facts", TABLE)):
        about = info.preprocessing[name]
        wanted = (x[-10:] / about["scale"] - about["mean"]) / about["std"]
        np.testing.assert_allclose(found[name], wanted, atol=1e-5)
    # Examples of training stay together: each fact tells its photo.
    found, labels = _whole(train)
    wanted = (TABLE[:-10] - info.mean["facts"]) / info.std["facts"]
    for photo, facts, label in zip(*found.values(), labels, strict=True):
        index = np.abs(wanted - facts).sum(axis=1).argmin()
        assert label == CLASSES[index]
        about = info.preprocessing["photo"]
        own = (PHOTOS[index] / 255 - about["mean"]) / about["std"]
        flipped = np.abs(photo - own[:, ::-1]).max() < 1e-4
        assert flipped or np.abs(photo - own).max() < 1e-4


@pytest.mark.parametrize(
    "augment", [("flip",), ("crop=2",), ("crop=2", "flip")]
)
def test_masks_are_augmented_with_their_images(tmp_path, augment):
    # The mask is the image: it stays so.
    shades = RNG.integers(0, 2, (40, 6, 5), "uint8")
    path = _write(tmp_path / "own.npz", x=255 * shades, y=shades)
    train, _ = ka.data.load(path, batch_size=8, augment=augment)
    moved = 0
    for _ in range(2):
        images, masks = _whole(train)
        np.testing.assert_array_equal(images[..., 0] > 0, masks == 1)
        own = {mask.tobytes() for mask in shades.astype("int32")}
        moved += sum(mask.tobytes() not in own for mask in masks)
    assert moved > 10


def test_other_images_than_masks_are_mirrored_only_if_asked(tmp_path):
    path = _write(tmp_path / "own.npz", x=PHOTOS, y=NUMBERS)
    assert ka.data.info(path).augmentation == ()
    path = _write(tmp_path / "own.npz", x=PHOTOS, y=MASKS)
    assert ka.data.info(path).augmentation == ("crop", "flip")
    with pytest.raises(ValueError, match="padding reaches over"):
        ka.data.load(path, augment=("crop=6",))


def test_pixels_may_be_prepared_for_a_network(tmp_path):
    path = _write(tmp_path / "own.npz", x=PHOTOS, y=CLASSES)
    given = {"scale": 127.5, "mean": 1, "std": [1, 1, 2]}
    _, test = ka.data.load(path, batch_size=8, preprocessing=given)
    found, _ = _whole(test)
    wanted = (PHOTOS[-10:] / 127.5 - 1) / np.array([1, 1, 2])
    np.testing.assert_allclose(found, wanted, atol=1e-5)
    assert ka.data.info(path, preprocessing=given).preprocessing == {
        "scale": 127.5,
        "mean": [1.0, 1.0, 1.0],
        "std": [1.0, 1.0, 2.0],
    }
    for wrong in ({"scale": 1}, {**given, "std": 0}, {**given, "mean": [1, 2]}):
        with pytest.raises(ValueError, match="must be a dict with scale"):
            ka.data.load(path, preprocessing=wrong)
    path = _write(tmp_path / "table.npz", x=TABLE, y=CLASSES)
    with pytest.raises(ValueError, match="data sets of images"):
        ka.data.load(path, preprocessing=given)
