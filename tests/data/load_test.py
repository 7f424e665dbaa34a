import keras
import numpy as np
import pytest
from sklearn.datasets import load_digits

import keras_anytime as ka
from keras_anytime.data import digits
from keras_anytime.data import tfds_folders


def test_the_digits_are_scikit_learns_each_once():
    (train, test) = digits.read_digits(("train[:80%]", "train[80%:]"))
    assert len(train[1]) + len(test[1]) == 1797
    assert len(test[1]) == pytest.approx(1797 / 5, abs=1)
    images = np.concatenate([train[0], test[0]])[..., 0]
    ours = sorted(
        np.round(images / (255 / 16)).astype(int).reshape(1797, -1).tolist()
    )
    theirs = sorted(load_digits().data.astype(int).tolist())
    assert ours == theirs
    # A fair fifth: every digit is in it about as often as in the rest.
    assert np.bincount(test[1], minlength=10).min() >= 25


def test_splits_of_digits_in_the_notation_of_tfds():
    whole, first, last, middle = digits.read_digits(
        ("train", "train[:100]", "train[-100:]", "train[50%:75%]")
    )
    assert len(whole[1]) == 1797
    np.testing.assert_array_equal(first[1], whole[1][:100])
    np.testing.assert_array_equal(last[1], whole[1][-100:])
    assert len(middle[1]) == pytest.approx(449, abs=1)


def test_statistics_of_the_digits():
    ((images, _),) = digits.read_digits(("train",))
    assert np.mean(images) / 255 == pytest.approx(
        digits.DIGITS.mean[0], abs=1e-3
    )
    assert np.std(images) / 255 == pytest.approx(digits.DIGITS.std[0], abs=1e-3)


@pytest.mark.parametrize(
    "split",
    ["test", "train[:5000]", "train[", "train[-1:-5]x", "", "train[:0]"],
)
def test_wrong_splits_are_refused(split):
    with pytest.raises(ValueError, match="Received: split="):
        ka.data.load("digits", splits=("train", split))


def test_one_string_is_no_sequence_of_splits():
    with pytest.raises(ValueError, match="training split first"):
        ka.data.load("digits", splits="train")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("/my/photos", "'digits', the path of an .npz file, a data set"),
        ("cifar-10", "Did you mean 'cifar10'"),
        ("CIFAR 10", "Did you mean 'cifar10'"),
        ("photos.zip", "an .npz file"),
        ("Digits!", "Did you mean 'digits'"),
        ("digits[:80%]", "Did you mean 'digits'"),
        ("", "Received: name=''"),
        (None, "Received: name=None"),
        (10, "Received: name=10"),
    ],
)
def test_what_no_data_set_is_called_is_refused_in_one_line(
    tmp_path, name, message
):
    prepared = tmp_path / "cifar10" / "1.0.0"
    prepared.mkdir(parents=True)
    (prepared / "dataset_info.json").write_text("{}")
    refused = (ValueError, FileNotFoundError)
    for read in (ka.data.load, ka.data.info):
        with pytest.raises(refused, match=message) as error:
            read(name, data_dir=str(tmp_path))
        assert "\n" not in str(error.value)
        assert f"{str(tmp_path)!r}" in str(error.value)
        assert "'cifar10'" in str(error.value)


def test_a_folder_of_images_says_what_to_make_of_it(tmp_path):
    with pytest.raises(ValueError, match=r"in an .npz file with `numpy.savez`"):
        ka.data.load(tmp_path, data_dir=str(tmp_path / "none"))


def test_an_unknown_data_set_is_refused():
    # Without TensorFlow Datasets, nobody knows but what is there.
    refused = (ValueError, FileNotFoundError)
    with pytest.raises(refused, match="no_such_data") as error:
        ka.data.load("no_such_data")
    assert "\n" not in str(error.value)


def test_a_split_beyond_the_data_says_how_many_images_there_are(cifar10_dir):
    for splits in (("train[:60000]", "test"), ("train", "test+train[:60000]")):
        with pytest.raises(ValueError, match="60000 of the 50000 images"):
            ka.data.load("cifar10", splits=splits, data_dir=cifar10_dir)


def test_the_spelling_of_a_frequent_name_is_known_without_any_data(tmp_path):
    with pytest.raises(ValueError, match="Did you mean 'cifar10'"):
        ka.data.load("cifar-10", data_dir=tmp_path)


def test_a_folder_of_data_that_does_not_exist_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="which does not exist"):
        ka.data.load("cifar10", data_dir=tmp_path / "tdfs")


def test_a_data_set_that_is_not_there_says_how_to_get_it(tmp_path):
    with pytest.raises(FileNotFoundError, match="download=True") as info:
        ka.data.load("cifar10", data_dir=str(tmp_path))
    assert "TFDS_DATA_DIR" in str(info.value)
    assert str(tmp_path) in str(info.value)


def test_what_is_there_is_not_fetched(cifar10_dir, tmp_path):
    (batches,) = ka.data.load(
        "cifar10", 5, ("test[:5]",), data_dir=cifar10_dir, download=True
    )
    assert len(batches) == 1
    assert ka.data.info("cifar10", cifar10_dir, download=True).classes == 10
    if keras.backend.backend() != "tensorflow":
        with pytest.raises(ImportError, match="with the TensorFlow backend"):
            ka.data.load("cifar10", data_dir=str(tmp_path), download=True)


def test_cifar10_comes_through_tfds(cifar10_dir):
    about = ka.data.info("cifar10", cifar10_dir)
    assert about.image_shape == (32, 32, 3)
    assert about.classes == 10
    assert about.class_names[0] == "airplane"
    train, test = ka.data.load(
        "cifar10",
        batch_size=100,
        splits=("train[:200]", "train[45000:45300]"),
        data_dir=cifar10_dir,
    )
    assert (len(train), len(test)) == (2, 3)
    images = np.concatenate([x for x, _ in test])
    assert images.shape == (300, 32, 32, 3)
    assert images.dtype == "float32"
    # Normalized by channel, within what 300 images vary.
    np.testing.assert_allclose(images.mean((0, 1, 2)), 0, atol=0.15)
    np.testing.assert_allclose(images.std((0, 1, 2)), 1, atol=0.1)
    labels = np.concatenate([y for _, y in test])
    assert set(labels) == set(range(10))


@pytest.mark.slow
def test_cifar10_statistics(cifar10_dir):
    ((images, _),) = tfds_folders.read_folder(
        "cifar10", ("train[:5000]",), cifar10_dir
    )
    about = ka.data.info("cifar10", cifar10_dir)
    pixels = images / 255
    np.testing.assert_allclose(pixels.mean((0, 1, 2)), about.mean, atol=0.01)
    np.testing.assert_allclose(pixels.std((0, 1, 2)), about.std, atol=0.01)


SETS = {"fine": "label", "coarse": "coarse_label"}


def test_cifar100_has_two_label_sets(cifar100_dir):
    about = ka.data.info("cifar100", cifar100_dir, labels=SETS)
    assert about.classes == {"fine": 100, "coarse": 20}
    assert about.class_names["coarse"][0] == "aquatic_mammals"
    settings = {"batch_size": 300, "data_dir": cifar100_dir}
    splits = ("train[:10]", "test[:300]")
    _, test = ka.data.load("cifar100", splits=splits, labels=SETS, **settings)
    _, plain = ka.data.load("cifar100", splits=splits, **settings)
    ((x, y),) = test
    ((same_x, fine),) = plain
    np.testing.assert_array_equal(x, same_x)
    np.testing.assert_array_equal(y["fine"], fine)
    # A taxonomy: each fine label is in one coarse label, five in each.
    parents = {}
    for child, parent in zip(y["fine"], y["coarse"], strict=True):
        child, parent = int(child), int(parent)
        assert parents.setdefault(child, parent) == parent
    assert max(np.bincount(list(parents.values()))) <= 5
    names = about.class_names
    beaver = names["fine"].index("beaver")
    assert names["coarse"][parents[beaver]] == "aquatic_mammals"


@pytest.mark.parametrize(
    "labels",
    [
        {"fine": "label", "coarse": "superclass"},
        {"fine": "label", "coarse": "id"},
        {"fine": "image"},
        {},
        ["label"],
        "label",
    ],
)
def test_features_that_are_no_labels_are_refused(cifar100_dir, labels):
    message = r"\['coarse_label', 'label'\]. Received: labels="
    for read in (ka.data.load, ka.data.info):
        with pytest.raises(ValueError, match=message):
            read("cifar100", data_dir=cifar100_dir, labels=labels)


def test_digits_by_label_sets():
    both = {"digit": "label", "again": "label"}
    assert ka.data.info("digits", labels=both).classes == {
        "digit": 10,
        "again": 10,
    }
    _, test = ka.data.load("digits", batch_size=400, labels=both)
    ((_, y),) = test
    _, plain = ka.data.load("digits", batch_size=400)
    ((_, want),) = plain
    for name in both:
        np.testing.assert_array_equal(y[name], want)
    for read in (ka.data.load, ka.data.info):
        with pytest.raises(ValueError, match="'digits' has .'label'"):
            read("digits", labels={"digit": "label", "odd": "parity"})
