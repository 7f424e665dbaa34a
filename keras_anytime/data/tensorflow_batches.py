"""Batches of prepared images as `tf.data` pipelines, for TensorFlow."""

from collections.abc import Callable
from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from keras_anytime.data.augmentation import parse_augmentation
from keras_anytime.data.epoch_order import EpochCounter
from keras_anytime.data.epoch_order import sample_epoch
from keras_anytime.data.image_stream import ImageStream
from keras_anytime.data.info import DatasetInfo
from keras_anytime.data.label_sets import Labels

# Batches of a stream that are prepared at a time, and that wait to be used.
# Fixed numbers, because TensorFlow would fill the memory with large images.
_STREAMED_AT_A_TIME = 2
_STREAMED_WAITING = 2
# The number of the epoch of images that are not augmented.
_NO_EPOCH = -1


def training_batches(
    images: np.ndarray | ImageStream,
    labels: Labels | None,
    info: DatasetInfo,
    batch_size: int,
    seed: int,
    drop_remainder: bool = False,
) -> tf.data.Dataset:
    """Returns shuffled, augmented batches, in a new order in each epoch.

    Images are normalized by channel and augmented as `info.augmentation` says:
    blurred, padded by zeros (the mean color) and cropped at random to their
    size, and mirrored at random.

    Args:
        images: Uint8 array `(examples, height, width, channels)`, or an
            `ImageStream`.
        labels: Integer array `(examples,)`, or a dict from label sets to such
            arrays. `None` with an `ImageStream`, which has them.
        info: A `DatasetInfo`.
        batch_size: Integer.
        seed: Integer.
        drop_remainder: Boolean. Whether a smaller last batch is dropped.

    Returns:
        A `tf.data.Dataset` of pairs of a float32 tensor `(batch, height, width,
        channels)` and an int64 tensor `(batch,)`, or a dict from label sets to
        such tensors. Its attribute `epochs` is the `EpochCounter` that numbers
        its epochs, and its attribute `info` is the `DatasetInfo`.

    Reference:
        [He et al., 2016, Section 4.2](https://arxiv.org/abs/1512.03385)
    """
    count = len(images)
    select = _selector(images, labels)
    epochs = EpochCounter()
    augmentation = parse_augmentation(info.augmentation)

    def sample_next_epoch() -> Iterator[tuple[Any, ...]]:
        epoch = epochs.advance()
        sample = sample_epoch(seed, epoch, count, augmentation)
        yield (
            epoch,
            sample.order,
            sample.crop_offsets,
            sample.flips,
            sample.blurs,
        )

    def epoch_batches(
        epoch: Any, order: Any, crop_offsets: Any, flips: Any, blurs: Any
    ) -> Any:
        def batch(index: Any) -> Any:
            pixels, batch_labels = select(index, epoch)
            x = normalize(pixels, info)
            if augmentation.blur:
                x = blur(x, tf.gather(blurs, index))
            if augmentation.pad:
                x = crop(x, tf.gather(crop_offsets, index), augmentation.pad)
            if augmentation.flip:
                flip = tf.gather(flips, index)[:, None, None, None]
                x = tf.where(flip, tf.reverse(x, axis=[2]), x)
            return x, batch_labels

        return (
            tf.data.Dataset.from_tensor_slices(order)
            .batch(batch_size, drop_remainder=drop_remainder)
            .map(batch, num_parallel_calls=_at_a_time(images))
        )

    radius = augmentation.blur_radius if augmentation.blur else -1
    samples = tf.data.Dataset.from_generator(
        sample_next_epoch,
        output_signature=(
            tf.TensorSpec((), tf.int64),
            tf.TensorSpec((count,), tf.int64),
            tf.TensorSpec((count, 2), tf.int32),
            tf.TensorSpec((count,), tf.bool),
            tf.TensorSpec((count, radius + 1), tf.float32),
        ),
    )
    size = count // batch_size if drop_remainder else -(-count // batch_size)
    batches = samples.flat_map(epoch_batches).apply(
        tf.data.experimental.assert_cardinality(size)
    )
    batches = _shard_batches(batches.prefetch(_waiting(images)))
    batches.epochs = epochs
    batches.info = info
    return batches


def evaluation_batches(
    images: np.ndarray | ImageStream,
    labels: Labels | None,
    info: DatasetInfo,
    batch_size: int,
) -> tf.data.Dataset:
    """Returns normalized batches in the order of the data.

    Args:
        images: As in `training_batches`.
        labels: As in `training_batches`.
        info: A `DatasetInfo`.
        batch_size: Integer.

    Returns:
        A `tf.data.Dataset` of pairs as in `training_batches`.
    """
    if isinstance(images, ImageStream):
        select = _selector(images, labels)
        data = tf.data.Dataset.range(len(images)).batch(batch_size)
        data = data.map(
            lambda index: select(index, tf.constant(_NO_EPOCH, tf.int64)),
            num_parallel_calls=_at_a_time(images),
        )
    else:
        data = tf.data.Dataset.from_tensor_slices((images, _as_int64(labels)))
        data = data.batch(batch_size)
    data = data.map(
        lambda x, y: (normalize(x, info), y),
        num_parallel_calls=_at_a_time(images),
    )
    batches = _shard_batches(data.prefetch(_waiting(images)))
    batches.info = info
    return batches


def _selector(
    images: np.ndarray | ImageStream, labels: Labels | None
) -> Callable[[Any, Any], Any]:
    """Returns a function that selects the pixels and labels of a batch.

    It takes the indices of the images and the number of the epoch.
    """
    if isinstance(images, ImageStream):
        return _stream_selector(images)
    tensors = (tf.convert_to_tensor(images), _as_int64(labels))
    return lambda index, _: tf.nest.map_structure(
        lambda values: tf.gather(values, index), tensors
    )


def _stream_selector(stream: ImageStream) -> Callable[[Any, Any], Any]:
    """Returns a function that reads the pixels and labels of a batch."""
    label_sets = stream.label_sets

    def read(indices: np.ndarray, epoch: np.ndarray) -> list[np.ndarray]:
        number = None if epoch == _NO_EPOCH else int(epoch)
        pixels, labels = stream.read(indices, number)
        if isinstance(labels, dict):
            return [pixels, *(labels[label_set] for label_set in label_sets)]
        return [pixels, labels]

    def select(index: Any, epoch: Any) -> Any:
        kinds = [tf.uint8] + [tf.int64] * max(1, len(label_sets))
        pixels, *labels = tf.numpy_function(read, [index, epoch], kinds)
        pixels.set_shape((index.shape[0], *stream.info.image_shape))
        for values in labels:
            values.set_shape(index.shape)
        if label_sets:
            return pixels, dict(zip(label_sets, labels, strict=True))
        return pixels, labels[0]

    return select


def _at_a_time(images: Any) -> int:
    streamed = isinstance(images, ImageStream)
    return _STREAMED_AT_A_TIME if streamed else tf.data.AUTOTUNE


def _waiting(images: Any) -> int:
    streamed = isinstance(images, ImageStream)
    return _STREAMED_WAITING if streamed else tf.data.AUTOTUNE


def normalize(pixels: Any, info: DatasetInfo) -> Any:
    """Returns `(pixels / 255 - mean) / std`, channel by channel.

    Args:
        pixels: Uint8 tensor `(..., channels)`.
        info: A `DatasetInfo`.

    Returns:
        Float32 tensor of the same shape.
    """
    x = tf.cast(pixels, tf.float32) / info.preprocessing["scale"]
    return (x - tf.constant(info.mean)) / tf.constant(info.std)


def crop(images: Any, crop_offsets: Any, pad: int) -> Any:
    """Pads images with zeros and crops each back to its size.

    Args:
        images: Tensor `(batch, height, width, channels)`.
        crop_offsets: Int tensor `(batch, 2)`. The top left corner of each crop
            in the padded image, 0 to 2 * pad.
        pad: Integer. Zeros added on each side.

    Returns:
        Tensor of the shape of `images`.
    """
    height, width = images.shape[1:3]
    padded = tf.pad(images, [[0, 0], [pad, pad], [pad, pad], [0, 0]])
    rows = crop_offsets[:, :1] + tf.range(height)
    columns = crop_offsets[:, 1:] + tf.range(width)
    cropped = tf.gather(padded, rows, axis=1, batch_dims=1)
    return tf.gather(cropped, columns, axis=2, batch_dims=1)


def blur(images: Any, blurs: Any) -> Any:
    """Blurs columns, then rows, with the images' edges mirrored outside.

    Args:
        images: Tensor `(batch, height, width, channels)`.
        blurs: Float tensor `(batch, radius + 1)`, as in `EpochSample.blurs`.

    Returns:
        Tensor of the shape of `images`.
    """
    radius = blurs.shape[1] - 1
    weights = blurs[:, :, None, None, None]
    for axis in (1, 2):
        size = images.shape[axis]
        margins = [[0, 0]] * 4
        margins[axis] = [radius, radius]
        padded = tf.pad(images, margins, mode="SYMMETRIC")
        images = tf.add_n(
            [
                weights[:, abs(shift)]
                * tf.gather(
                    padded,
                    tf.range(radius + shift, radius + shift + size),
                    axis=axis,
                )
                for shift in range(-radius, radius + 1)
            ]
        )
    return images


def _as_int64(labels: Any) -> Any:
    return tf.nest.map_structure(
        lambda values: tf.convert_to_tensor(values, tf.int64), labels
    )


def _shard_batches(batches: tf.data.Dataset) -> tf.data.Dataset:
    """Lets the workers of a distributed training share each batch.

    TensorFlow would shard files, and there are none.
    """
    options = tf.data.Options()
    options.experimental_distribute.auto_shard_policy = (
        tf.data.experimental.AutoShardPolicy.DATA
    )
    return batches.with_options(options)
