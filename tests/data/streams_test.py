"""Images that are read on demand: the same on both backends, and in order."""

import io
import os
import pathlib
import tracemalloc

import keras
import numpy as np
import PIL.Image
import pytest

import keras_anytime as ka
from keras_anytime.data.image_decoding import decode_resized
from keras_anytime.data.image_decoding import evaluation_box
from keras_anytime.data.image_decoding import sample_box
from keras_anytime.data.reading import open_streams
from tests.data import prepared

HAS_TENSORFLOW = keras.backend.backend() == "tensorflow"
SIZES = [(20, 30), (31, 17), (24, 24), (9, 40)]


def images_of(count):
    return [
        prepared.pixels(*SIZES[k % len(SIZES)], seed=k) for k in range(count)
    ]


@pytest.fixture(scope="module", name="photos")
def _photos(tmp_path_factory):
    """A folder of 20 images of several sizes in two classes."""
    folder = tmp_path_factory.mktemp("photos")
    for number, image in enumerate(images_of(20)):
        path = folder / ("ants", "bees")[number % 2] / f"{number:02}.png"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(prepared.encoded(image))
    return f"folder:{folder}"


def epochs_of(data, count=1):
    """The images and the labels of some epochs."""
    epochs = []
    for _ in range(count):
        batches = [(np.asarray(x), np.asarray(y)) for x, y in data]
        epochs.append(
            [np.concatenate(part) for part in zip(*batches, strict=True)]
        )
    return epochs


def pixels_of(x, info):
    """The pixels that were normalized."""
    return 255 * (x * np.array(info.std) + np.array(info.mean))


def test_a_stream_has_shapes_types_and_a_length(photos):
    train, test = ka.data.load(photos, 6, image_size=16)
    assert (len(train), len(test)) == (3, 1)
    ((x, y),) = epochs_of(train)
    assert (x.shape, x.dtype) == ((16, 16, 16, 3), "float32")
    assert y.dtype == "int64"
    assert set(y) == {0, 1}
    assert train.info.augmentation == ("resized_crop", "flip")
    assert train.info == ka.data.info(photos, image_size=16)
    for part in (x, epochs_of(test)[0][0]):
        pixels = pixels_of(part, train.info)
        assert pixels.min() > -0.01 and pixels.max() < 255.01
    short, _ = ka.data.load(photos, 6, image_size=16, drop_remainder=True)
    assert [len(y) for _, y in short] == [6, 6]


def test_images_are_those_of_pillow_on_every_backend(photos):
    # Both backends are compared with this, which uses neither.
    splits = ("train", "train")
    train, test = ka.data.load(photos, 7, splits, seed=3, image_size=12)
    stream, plain = open_streams(photos, splits, None, None, train.info, 3)
    (x, y), (next_x, _) = epochs_of(train, 2)
    order = np.random.default_rng([3, 0]).permutation(20)
    want, labels = stream.read(order, 0)
    got = pixels_of(x, train.info)
    mirrored = np.abs(got - want).max((1, 2, 3)) > 0.01
    assert 0 < mirrored.sum() < 20
    want[mirrored] = want[mirrored][:, :, ::-1]
    np.testing.assert_allclose(got, want, atol=0.01)
    np.testing.assert_array_equal(y, labels)
    assert not np.array_equal(x, next_x)
    ((x, y),) = epochs_of(test)
    want, labels = plain.read(np.arange(20))
    np.testing.assert_allclose(pixels_of(x, test.info), want, atol=0.01)
    np.testing.assert_array_equal(y, labels)


def test_an_image_does_not_depend_on_its_batch(photos):
    info = ka.data.info(photos, image_size=10)
    (stream,) = open_streams(photos, ("train",), None, None, info, 0)
    together, _ = stream.read(np.arange(20), 4)
    for index in (0, 7, 19):
        alone, _ = stream.read(np.array([index]), 4)
        np.testing.assert_array_equal(alone[0], together[index])
    other, _ = stream.read(np.arange(20), 5)
    assert not np.array_equal(together, other)


def test_an_epoch_depends_on_seed_and_number_alone(photos):
    first, second = epochs_of(
        ka.data.load(photos, 5, image_size=8, seed=1)[0], 2
    )
    resumed = ka.data.load(photos, 5, image_size=8, seed=1)[0]
    next(iter(resumed))  # Somebody looked.
    resumed.epochs.set_next(1)
    for got, want in zip(epochs_of(resumed)[0], second, strict=True):
        np.testing.assert_array_equal(got, want)
    (other,) = epochs_of(ka.data.load(photos, 5, image_size=8, seed=2)[0])
    assert not np.array_equal(first[0], other[0])


def test_a_training_that_was_stopped_sees_the_same_images(photos):
    def trained(*epochs):
        keras.utils.set_random_seed(0)
        data = ka.data.load(photos, 8, image_size=8)[0]
        inputs = keras.Input((8, 8, 3))
        outputs = keras.layers.Dense(2, name="stage_1")(
            keras.layers.Flatten()(inputs)
        )
        model = ka.AnytimeModel(inputs, [outputs])
        model.compile(
            optimizer="sgd",
            loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            run_eagerly=keras.backend.backend() == "tensorflow",
        )
        for initial_epoch, last in epochs:
            model.fit(data, initial_epoch=initial_epoch, epochs=last, verbose=0)
            data = ka.data.load(photos, 8, image_size=8)[0]
        return model.get_weights()

    for got, want in zip(trained((0, 1), (1, 3)), trained((0, 3)), strict=True):
        np.testing.assert_array_equal(got, want)


def test_streamed_images_of_the_right_size_are_those_in_memory(tmp_path):
    # Cropped, mirrored and blurred in the same way too.
    records = [
        prepared.record(
            prepared.photo(k % 4, prepared.encoded(prepared.pixels(seed=k)))
        )
        for k in range(12)
    ]
    prepared.folder_of(tmp_path, records)
    for augment in (True, ("crop=2", "flip", "blur")):
        arguments = {
            "splits": ("train[2:]+train[:1]", "train[3:]"),
            "augment": augment,
            "data_dir": tmp_path,
        }
        loaded = ka.data.load(prepared.NAME, 5, **arguments)
        streamed = ka.data.load(prepared.NAME, 5, **arguments, image_size=8)
        for left, right in zip(loaded, streamed, strict=True):
            assert left.info == right.info
            for got, want in zip(
                epochs_of(left, 2), epochs_of(right, 2), strict=True
            ):
                np.testing.assert_array_equal(got[0], want[0])
                np.testing.assert_array_equal(got[1], want[1])


def triangle(positions, edge_low, edge_high, size):
    """Weights of the pixels of an axis in those of a resized part."""
    scale = (edge_high - edge_low) / size
    width = max(scale, 1.0)
    weights = np.zeros((size, positions))
    for k in range(size):
        center = edge_low + (k + 0.5) * scale
        distance = np.abs(np.arange(positions) + 0.5 - center) / width
        weights[k] = np.maximum(1 - distance, 0)
    return weights / weights.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("size", [6, 16, 40])
@pytest.mark.parametrize("shape", SIZES)
def test_an_image_is_resized_with_linear_weights(shape, size):
    height, width = shape
    image = prepared.pixels(height, width)
    rng = np.random.default_rng(0)
    for box in (
        (0, 0, width, height),
        evaluation_box(height, width),
        sample_box(rng, height, width),
    ):
        left, upper, right, lower = box
        got = decode_resized(
            prepared.encoded(image), lambda *_, box=box: box, size, 3
        )
        rows = triangle(height, upper, lower, size)
        columns = triangle(width, left, right, size)
        want = np.einsum("ij,jkc,lk->ilc", rows, image, columns)
        # Pillow rounds after rows and after columns.
        np.testing.assert_allclose(got, want, atol=1.6)


def test_a_large_jpeg_is_decoded_at_a_part_of_its_size():
    # Smooth, so that the file is close to its pixels.
    y, x = np.mgrid[0:400, 0:600]
    image = np.stack([x * 255 / 600, y * 255 / 400, (x + y) / 4], -1)
    image = image.astype("uint8")
    file = io.BytesIO()
    PIL.Image.fromarray(image).save(file, "JPEG", quality=95)
    for size in (32, 100, 190, 300):
        jpeg, png = (
            decode_resized(data, evaluation_box, size, 3).astype(int)
            for data in (file.getvalue(), prepared.encoded(image))
        )
        assert np.abs(jpeg - png).max() <= 4


def test_parts_to_train_on_have_the_areas_and_ratios_of_the_paper():
    rng = np.random.default_rng(0)
    for height, width in ((300, 400), (50, 500)):
        boxes = np.array([sample_box(rng, height, width) for _ in range(2000)])
        left, upper, right, lower = boxes.T
        assert left.min() >= 0 and right.max() <= width
        assert upper.min() >= 0 and lower.max() <= height
        ratios = (right - left) / (lower - upper)
        assert 0.7 < ratios.min() and ratios.max() < 1.4
        if (height, width) == (300, 400):
            areas = (right - left) * (lower - upper) / (height * width)
            assert 0.07 < areas.min() < 0.1 and areas.max() > 0.9
            # Uniform, but for large parts that do not fit.
            assert 0.4 < np.median(areas) < 0.54


def test_a_part_to_measure_on_is_the_middle():
    assert evaluation_box(256, 256) == (16, 16, 240, 240)
    assert evaluation_box(256, 512) == (144, 16, 368, 240)
    assert evaluation_box(512, 256) == (16, 144, 240, 368)


@pytest.mark.skipif(not HAS_TENSORFLOW, reason="shards with TensorFlow")
def test_workers_share_the_images(photos):
    import tensorflow as tf

    train, test = ka.data.load(photos, 4, image_size=8)
    for data in (train, test):
        policy = data.options().experimental_distribute.auto_shard_policy
        assert policy == tf.data.experimental.AutoShardPolicy.DATA
        assert data.cardinality() == len(data)
        spec, _ = data.element_spec
        assert spec.shape.as_list() == [None, 8, 8, 3]
    strategy = tf.distribute.MirroredStrategy(
        ["CPU:0"], cross_device_ops=tf.distribute.ReductionToOneDevice()
    )
    whole = epochs_of(ka.data.load(photos, 4, image_size=8)[0])[0]
    shared = strategy.experimental_distribute_dataset(train)
    np.testing.assert_array_equal(
        np.concatenate([np.asarray(x) for x, _ in shared]), whole[0]
    )
    # What two workers of the policy take is everything, once.
    shards = [
        epochs_of(ka.data.load(photos, 4, image_size=8)[0].shard(2, k))[0][1]
        for k in range(2)
    ]
    assert sum(map(len, shards)) == len(whole[1])


def test_photographs_of_many_sizes(hymenoptera_dir):
    train, val = ka.data.load(
        "hymenoptera_subset",
        16,
        ("train[:32]", "validation[:16]"),
        data_dir=hymenoptera_dir,
        image_size=224,
    )
    for data in (train, val):
        for x, y in data:
            assert tuple(x.shape) == (16, 224, 224, 3)
            assert set(np.asarray(y)) <= {0, 1}
            # Normalized by channel, about.
            assert np.abs(np.asarray(x).mean((0, 1, 2))).max() < 1
            assert 0.7 < np.asarray(x).std() < 1.6
    # Without names, it is measured on the split that there is.
    _, val = ka.data.load(
        "hymenoptera_subset", 69, data_dir=hymenoptera_dir, image_size=16
    )
    assert [len(y) for _, y in val] == [69]


@pytest.mark.slow
def test_memory_does_not_grow_with_the_images():
    root = os.environ.get("TFDS_DATA_DIR", "")
    if not pathlib.Path(root, "tiny_imagenet_subset").is_dir():
        pytest.skip("needs tiny_imagenet_subset: set TFDS_DATA_DIR")
    info = ka.data.info("tiny_imagenet_subset", root, image_size=64)
    assert info.classes == 200
    (stream,) = open_streams(
        "tiny_imagenet_subset", ("train",), root, None, info, 0
    )
    assert len(stream) == 25_000
    order = np.random.default_rng(0).permutation(25_000)
    tracemalloc.start()
    peaks = []
    for start in range(0, 25_000, 1_000):
        tracemalloc.reset_peak()
        for part in np.split(order[start : start + 1_000], 10):
            pixels, _ = stream.read(part, 0)
            assert pixels.shape == (100, 64, 64, 3)
        peaks.append(tracemalloc.get_traced_memory()[1])
    tracemalloc.stop()
    assert peaks[-1] < 1.1 * peaks[1]
    # The images themselves would take 293 MiB.
    assert max(peaks) < 16 << 20
