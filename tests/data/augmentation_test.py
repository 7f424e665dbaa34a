"""The augmentation of each data set, and the blur against NumPy."""

import keras
import numpy as np
import pytest

import keras_anytime as ka
from keras_anytime.data.augmentation import Augmentation
from keras_anytime.data.augmentation import parse_augmentation
from keras_anytime.data.epoch_order import sample_epoch
from keras_anytime.data.info import build_info

if keras.backend.backend() == "tensorflow":
    from keras_anytime.data import tensorflow_batches as batches
else:
    from keras_anytime.data import jax_batches as batches

SHAPE = (7, 6, 3)


def test_names_stand_for_an_augmentation():
    assert parse_augmentation(()) == Augmentation()
    assert parse_augmentation(("flip", "crop")) == Augmentation(4, True)
    assert parse_augmentation(["crop=8", "blur=.5"]) == Augmentation(
        pad=8, blur=0.5
    )
    everything = parse_augmentation(("crop", "flip", "blur", "resized_crop"))
    assert everything == Augmentation(4, True, 1.0, True)
    text = str(everything)
    for word in ("4 pixels", "mirrored", "blurred by up to 1", "part resized"):
        assert word in text
    assert str(Augmentation()) == "not augmented"


@pytest.mark.parametrize(
    "augment",
    [
        "crop",
        ("rotate",),
        ("crop", "crop"),
        ("crop=1.5",),
        ("crop=0",),
        ("flip=1",),
        ("blur=99",),
        ("blur=",),
        (4,),
        None,
        1,
    ],
)
def test_other_names_are_refused(augment):
    with pytest.raises(ValueError, match="Received: augment="):
        ka.data.load("digits", augment=augment)


@pytest.mark.parametrize(
    ("name", "channels", "augmentation", "mean"),
    [
        ("cifar10", 3, ("crop", "flip"), 0.4914),
        ("cifar100:3.0.2", 3, ("crop", "flip"), 0.5071),
        ("svhn_cropped", 3, ("crop",), 0.4377),
        ("svhn_cropped:3.1.0", 3, ("crop",), 0.4377),
        ("mnist", 1, ("crop",), 0.1307),
        ("kmnist", 1, ("crop",), 0.1918),
        ("emnist/letters", 1, ("crop",), 0.5),
        ("mnist_corrupted/fog", 1, ("crop",), 0.5),
        ("fashion_mnist", 1, ("crop", "flip"), 0.2860),
        ("stl10", 3, ("crop", "flip"), 0.485),
    ],
)
def test_what_a_data_set_gets_by_default(name, channels, augmentation, mean):
    info = build_info(name, (32, 32, channels), "uint8", ("a", "b"))
    assert info.augmentation == augmentation
    assert info.mean[0] == mean
    assert len(info.mean) == len(info.std) == channels
    resized = build_info(name, (32, 32, channels), "uint8", ("a", "b"), 64)
    assert resized.image_shape == (64, 64, channels)
    # Parts of a digit are other digits.
    if "flip" not in augmentation:
        assert resized.augmentation == augmentation
    else:
        assert resized.augmentation == ("resized_crop", "flip")
    # Images that have the size already stay whole.
    same = build_info(name, (32, 32, channels), "uint8", ("a", "b"), 32)
    assert same.augmentation == augmentation


@pytest.mark.parametrize(
    ("augment", "expected"),
    [(True, ()), (False, ()), (("crop=1", "blur"), ("crop=1", "blur"))],
)
def test_a_loaded_set_says_what_its_images_get(augment, expected):
    train, test = ka.data.load("digits", 600, augment=augment)
    assert train.info.augmentation == expected
    plain, _ = ka.data.load("digits", 600)
    (x, y), (plain_x, plain_y) = next(iter(train)), next(iter(plain))
    np.testing.assert_array_equal(y, plain_y)
    assert np.array_equal(x, plain_x) == (not expected)
    # The other splits are never augmented.
    np.testing.assert_array_equal(
        next(iter(test))[0],
        next(iter(ka.data.load("digits", 600, augment=False)[1]))[0],
    )


def test_only_streamed_images_have_parts_to_take():
    with pytest.raises(ValueError, match="give image_size"):
        ka.data.load("digits", augment=("resized_crop",))


def test_a_blur_fits_into_the_images():
    with pytest.raises(ValueError, match="blur reaches over"):
        ka.data.load("digits", augment=("blur=5",))


@pytest.mark.parametrize("sigma", [0.4, 1.0, 1.6])
def test_a_blur_is_a_gaussian_of_its_own_for_each_image(sigma):
    rng = np.random.default_rng(0)
    count = 12
    images = rng.integers(0, 256, (count, *SHAPE)).astype("uint8")
    info = ka.data.DatasetInfo(
        "made_up", SHAPE, ("a",), (0.5,) * 3, (0.2,) * 3, (f"blur={sigma}",)
    )
    data = batches.training_batches(images, np.arange(count), info, 5, seed=2)
    got = np.concatenate([np.asarray(x) for x, _ in data])
    sample = sample_epoch(2, 0, count, Augmentation(blur=sigma))
    radius = sample.blurs.shape[1] - 1
    assert radius >= 2 * sigma > radius - 1
    both_sides = np.concatenate([sample.blurs[:, :0:-1], sample.blurs], axis=1)
    np.testing.assert_allclose(both_sides.sum(axis=1), 1, atol=1e-6)
    # The deviations lie between 0 and the largest, and differ.
    deviations = np.sqrt(both_sides @ np.arange(-radius, radius + 1) ** 2)
    assert deviations.max() <= sigma
    assert len(np.unique(deviations)) > count / 2
    for image, index in zip(got, sample.order, strict=True):
        normal = (images[index] / 255 - 0.5) / 0.2
        margins = [(radius, radius), (radius, radius), (0, 0)]
        padded = np.pad(normal, margins, mode="symmetric")
        kernel = np.outer(both_sides[index], both_sides[index])
        want = np.array(
            [
                [
                    np.tensordot(
                        kernel,
                        padded[
                            row : row + 2 * radius + 1,
                            column : column + 2 * radius + 1,
                        ],
                        2,
                    )
                    for column in range(SHAPE[1])
                ]
                for row in range(SHAPE[0])
            ]
        )
        np.testing.assert_allclose(image, want, atol=1e-4)


def test_a_blur_changes_nothing_else():
    # So that a run with it sees the same crops in the same order.
    plain = sample_epoch(5, 3, 30, Augmentation(pad=4, flip=True))
    blurred = sample_epoch(5, 3, 30, Augmentation(pad=4, flip=True, blur=1.0))
    for name in ("order", "crop_offsets", "flips"):
        np.testing.assert_array_equal(
            getattr(plain, name), getattr(blurred, name)
        )
    assert plain.blurs.shape == (30, 0)
