"""Batches of prepared images as `tf.data` pipelines, for TensorFlow."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from keras_anytime.data.epoch_order import EpochCounter
from keras_anytime.data.epoch_order import sample_epoch
from keras_anytime.data.info import DatasetInfo
from keras_anytime.data.label_sets import Labels


def training_batches(
    images: np.ndarray,
    labels: Labels,
    info: DatasetInfo,
    batch_size: int,
    seed: int,
    drop_remainder: bool = False,
) -> tf.data.Dataset:
    """Returns shuffled, augmented batches, in a new order in each epoch.

    Images are normalized by channel, padded by `info.pad` zeros (the mean
    color), cropped at random to their size, and mirrored at random if
    `info.flip` is True.

    Args:
        images: Uint8 array `(examples, height, width, channels)`.
        labels: Integer array `(examples,)`, or a dict from label sets to such
            arrays.
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
    images = tf.convert_to_tensor(images)
    labels = _as_int64(labels)
    epochs = EpochCounter()

    def sample_next_epoch() -> Iterator[tuple[np.ndarray, ...]]:
        sample = sample_epoch(seed, epochs.advance(), count, info.pad)
        yield sample.order, sample.crop_offsets, sample.flips

    def epoch_batches(order: Any, crop_offsets: Any, flips: Any) -> Any:
        def batch(index: Any) -> Any:
            x = normalize(tf.gather(images, index), info)
            x = crop(x, tf.gather(crop_offsets, index), info.pad)
            if info.flip:
                flip = tf.gather(flips, index)[:, None, None, None]
                x = tf.where(flip, tf.reverse(x, axis=[2]), x)
            return x, tf.nest.map_structure(
                lambda values: tf.gather(values, index), labels
            )

        return (
            tf.data.Dataset.from_tensor_slices(order)
            .batch(batch_size, drop_remainder=drop_remainder)
            .map(batch, num_parallel_calls=tf.data.AUTOTUNE)
        )

    samples = tf.data.Dataset.from_generator(
        sample_next_epoch,
        output_signature=(
            tf.TensorSpec((count,), tf.int64),
            tf.TensorSpec((count, 2), tf.int32),
            tf.TensorSpec((count,), tf.bool),
        ),
    )
    size = count // batch_size if drop_remainder else -(-count // batch_size)
    batches = samples.flat_map(epoch_batches).apply(
        tf.data.experimental.assert_cardinality(size)
    )
    batches = _shard_batches(batches.prefetch(tf.data.AUTOTUNE))
    batches.epochs = epochs
    batches.info = info
    return batches


def evaluation_batches(
    images: np.ndarray, labels: Labels, info: DatasetInfo, batch_size: int
) -> tf.data.Dataset:
    """Returns normalized batches in the order of the data.

    Args:
        images: Uint8 array `(examples, height, width, channels)`.
        labels: Integer array `(examples,)`, or a dict from label sets to such
            arrays.
        info: A `DatasetInfo`.
        batch_size: Integer.

    Returns:
        A `tf.data.Dataset` of pairs as in `training_batches`.
    """
    data = tf.data.Dataset.from_tensor_slices((images, _as_int64(labels)))
    data = data.batch(batch_size)
    data = data.map(
        lambda x, y: (normalize(x, info), y),
        num_parallel_calls=tf.data.AUTOTUNE,
    )
    batches = _shard_batches(data.prefetch(tf.data.AUTOTUNE))
    batches.info = info
    return batches


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


def _as_int64(labels: Labels) -> Any:
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
