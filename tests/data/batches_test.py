"""The batches of the backend that there is, against NumPy."""

import keras
import numpy as np
import pytest

import keras_anytime as ka
from keras_anytime.data.augmentation import Augmentation
from keras_anytime.data.epoch_order import sample_epoch

if keras.backend.backend() == "tensorflow":
    from keras_anytime.data import tensorflow_batches as batches
else:
    from keras_anytime.data import jax_batches as batches

INFO = ka.data.DatasetInfo(
    name="made_up",
    image_shape=(6, 5, 2),
    class_names=("a", "b"),
    mean=(0.5, 0.25),
    std=(0.5, 0.1),
    augmentation=("crop=2", "flip"),
)


def _examples(count=40):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (count, 6, 5, 2)).astype("uint8")
    return images, np.arange(count)


def _passes(data, count=1):
    return [
        [(np.asarray(x), np.asarray(y)) for x, y in data] for _ in range(count)
    ]


def _labels(epoch):
    return np.concatenate([y for _, y in epoch])


def test_each_pass_has_every_example_once_in_another_order():
    data = batches.training_batches(*_examples(), INFO, 16, seed=3)
    first, second = _passes(data, 2)
    assert [len(y) for _, y in first] == [16, 16, 8]
    assert len(data) == 3
    for epoch in (first, second):
        np.testing.assert_array_equal(np.sort(_labels(epoch)), np.arange(40))
    assert not np.array_equal(_labels(first), _labels(second))
    assert not np.array_equal(_labels(first), np.arange(40))


def test_a_pass_depends_on_seed_and_number_alone():
    first, second = _passes(
        batches.training_batches(*_examples(), INFO, 16, seed=3), 2
    )
    later = batches.training_batches(*_examples(), INFO, 16, seed=3)
    next(iter(later))  # Somebody looked.
    later.epochs.next = 1
    (resumed,) = _passes(later)
    for (x, y), (again_x, again_y) in zip(second, resumed, strict=True):
        np.testing.assert_array_equal(x, again_x)
        np.testing.assert_array_equal(y, again_y)
    (other,) = _passes(batches.training_batches(*_examples(), INFO, 16, seed=4))
    assert not np.array_equal(_labels(first), _labels(other))


def test_training_images_are_shifted_and_mirrored_originals():
    images, labels = _examples()
    originals = (images / 255 - INFO.mean) / INFO.std
    padded = np.pad(originals, [(0, 0), (2, 2), (2, 2), (0, 0)])
    data = batches.training_batches(images, labels, INFO, 16, seed=0)
    seen = set()
    for x, y in _passes(data)[0]:
        for image, label in zip(x, y, strict=True):
            matches = [
                (row, column, mirrored)
                for row in range(5)
                for column in range(5)
                for mirrored in (False, True)
                if np.allclose(
                    image[:, ::-1] if mirrored else image,
                    padded[label, row : row + 6, column : column + 5],
                    atol=1e-5,
                )
            ]
            assert len(matches) == 1
            seen.add(matches[0])
    assert len(seen) > 20
    assert {mirrored for *_, mirrored in seen} == {False, True}


def test_evaluation_images_are_normalized_and_in_order():
    images, labels = _examples()
    data = batches.evaluation_batches(images, labels, INFO, 16)
    x, y = (
        np.concatenate(parts) for parts in zip(*_passes(data)[0], strict=True)
    )
    np.testing.assert_array_equal(y, labels)
    expected = (images / 255 - INFO.mean) / INFO.std
    np.testing.assert_allclose(x, expected, atol=1e-5)
    about = INFO.preprocessing
    np.testing.assert_allclose(
        x,
        (images / about["scale"] - about["mean"]) / about["std"],
        atol=1e-5,
    )


def test_labels_of_several_sets_stay_with_their_images():
    images, labels = _examples()
    both = {"fine": labels, "coarse": labels // 20}
    data = batches.training_batches(images, both, INFO, 16, seed=3)
    alone = batches.training_batches(images, labels, INFO, 16, seed=3)
    for (x, y), (same_x, same_y) in zip(data, alone, strict=True):
        np.testing.assert_array_equal(x, same_x)
        np.testing.assert_array_equal(y["fine"], same_y)
        np.testing.assert_array_equal(y["coarse"], same_y // 20)
    data = batches.evaluation_batches(images, both, INFO, 16)
    for name, values in both.items():
        got = np.concatenate([y[name] for _, y in data])
        np.testing.assert_array_equal(got, values)
        assert got.dtype == "int64"


def test_a_pass_is_the_one_that_is_drawn():
    # So it is the same on every backend.
    images, labels = _examples()
    originals = (images / 255 - INFO.mean) / INFO.std
    padded = np.pad(originals, [(0, 0), (2, 2), (2, 2), (0, 0)])
    data = batches.training_batches(images, labels, INFO, 16, seed=3)
    for number, epoch in enumerate(_passes(data, 2)):
        sample = sample_epoch(3, number, 40, Augmentation(pad=2))
        np.testing.assert_array_equal(_labels(epoch), sample.order)
        got = np.concatenate([x for x, _ in epoch])
        for image, index in zip(got, sample.order, strict=True):
            row, column = sample.crop_offsets[index]
            want = padded[index, row : row + 6, column : column + 5]
            if sample.flips[index]:
                want = want[:, ::-1]
            np.testing.assert_allclose(image, want, atol=1e-5)


def test_a_smaller_last_batch_may_be_left_out():
    data = batches.training_batches(
        *_examples(), INFO, 16, seed=3, drop_remainder=True
    )
    assert len(data) == 2
    assert [len(y) for _, y in _passes(data)[0]] == [16, 16]


@pytest.mark.parametrize("batch_size", [0, -1, 2.5])
def test_batch_sizes_must_be_whole(batch_size):
    with pytest.raises(ValueError, match=f"batch_size={batch_size}"):
        ka.data.load("digits", batch_size=batch_size)
