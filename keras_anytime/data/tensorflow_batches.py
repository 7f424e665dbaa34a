"""Batches of prepared images as `tf.data` pipelines, for TensorFlow."""

import functools
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
from keras_anytime.data.info import InputInfo
from keras_anytime.data.label_sets import Inputs
from keras_anytime.data.label_sets import Labels
from keras_anytime.data.label_sets import count_examples
from keras_anytime.data.label_sets import has_dense_labels

# Batches of a stream that are prepared at a time. A fixed number, because
# TensorFlow would fill the memory with large images.
_STREAMED_AT_A_TIME = 2
# Batches that wait to be used.
_WAITING = 2
# The number of the epoch of images that are not augmented.
_NO_EPOCH = -1


def training_batches(
    images: Inputs | ImageStream,
    labels: Labels | None,
    info: DatasetInfo,
    batch_size: int,
    seed: int,
    drop_remainder: bool = False,
) -> tf.data.Dataset:
    """Returns shuffled, augmented batches, in a new order in each epoch.

    Images are normalized by channel and augmented as `info.augmentation` says:
    blurred, padded by zeros (the mean color) and cropped at random to their
    size, and mirrored at random. Labels at each pixel are cropped and mirrored
    with the image, and padding mirrors both.

    Args:
        images: Uint8 array `(examples, height, width, channels)`, another
            input or a dict of inputs as `info.inputs` describes them, or an
            `ImageStream`.
        labels: Array `(examples, ...)`, or a dict from label sets to such
            arrays. `None` with an `ImageStream`, which has them.
        info: A `DatasetInfo`.
        batch_size: Integer.
        seed: Integer.
        drop_remainder: Boolean. Whether a smaller last batch is dropped.

    Returns:
        A `tf.data.Dataset` of pairs of a float32 tensor `(batch, height, width,
        channels)` (several inputs: a dict of tensors, by name) and an int64
        tensor `(batch,)`, or a dict from label sets to such tensors. Labels
        that are no classes are float32. Its attribute `epochs` is the
        `EpochCounter` that numbers its epochs, and its attribute `info` is the
        `DatasetInfo`.

    Reference:
        [He et al., 2016, Section 4.2](https://arxiv.org/abs/1512.03385)
    """
    count = count_examples(images)
    dense = has_dense_labels(labels)
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
            x = prepare(pixels, info)
            if augmentation.blur:
                weights = tf.gather(blurs, index)
                x = _on_images(lambda image: blur(image, weights), x, info)
            if augmentation.pad:
                offsets = tf.gather(crop_offsets, index)
                cut = functools.partial(
                    crop,
                    crop_offsets=offsets,
                    pad=augmentation.pad,
                    mode="SYMMETRIC" if dense else "CONSTANT",
                )
                x = _on_images(cut, x, info)
                batch_labels = cut(batch_labels) if dense else batch_labels
            if augmentation.flip:
                turn = functools.partial(flip, flips=tf.gather(flips, index))
                x = _on_images(turn, x, info)
                batch_labels = turn(batch_labels) if dense else batch_labels
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
    batches = _with_options(batches.prefetch(_WAITING))
    batches.epochs = epochs
    batches.info = info
    return batches


def evaluation_batches(
    images: Inputs | ImageStream,
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
        data = tf.data.Dataset.from_tensor_slices((images, _as_tensors(labels)))
        data = data.batch(batch_size)
    data = data.map(
        lambda x, y: (prepare(x, info), y),
        num_parallel_calls=_at_a_time(images),
    )
    batches = _with_options(data.prefetch(_WAITING))
    batches.info = info
    return batches


def _selector(
    images: Inputs | ImageStream, labels: Labels | None
) -> Callable[[Any, Any], Any]:
    """Returns a function that selects the pixels and labels of a batch.

    It takes the indices of the images and the number of the epoch.
    """
    if isinstance(images, ImageStream):
        return _stream_selector(images)
    tensors = (
        tf.nest.map_structure(tf.convert_to_tensor, images),
        _as_tensors(labels),
    )
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


def prepare(inputs: Any, info: DatasetInfo) -> Any:
    """Returns the inputs of a batch, normalized.

    Args:
        inputs: Tensor, or a dict of tensors by the names of inputs.
        info: A `DatasetInfo`.
    """
    described = info.inputs
    if isinstance(inputs, dict):
        return {
            name: normalize(values, described[name])
            for name, values in inputs.items()
        }
    return normalize(inputs, described[None])


def normalize(values: Any, described: InputInfo) -> Any:
    """Returns `(values / scale - mean) / std`, channel by channel.

    Args:
        values: Tensor `(..., channels)`; or tokens, which stay as they are.
        described: An `InputInfo`.

    Returns:
        Float32 tensor of the same shape; of tokens int32.
    """
    if not described.mean:
        return tf.cast(values, tf.int32)
    x = tf.cast(values, tf.float32) / described.scale
    return (x - tf.constant(described.mean)) / tf.constant(described.std)


def crop(
    images: Any, crop_offsets: Any, pad: int, mode: str = "CONSTANT"
) -> Any:
    """Pads images and crops each back to its size.

    Args:
        images: Tensor `(batch, height, width, ...)`.
        crop_offsets: Int tensor `(batch, 2)`. The top left corner of each crop
            in the padded image, 0 to 2 * pad.
        pad: Integer. Pixels added on each side.
        mode: String, as in `tf.pad`: what the pixels are.

    Returns:
        Tensor of the shape of `images`.
    """
    height, width = images.shape[1:3]
    margins = [[0, 0], [pad, pad], [pad, pad]]
    margins += [[0, 0]] * (len(images.shape) - 3)
    padded = tf.pad(images, margins, mode)
    rows = crop_offsets[:, :1] + tf.range(height)
    columns = crop_offsets[:, 1:] + tf.range(width)
    cropped = tf.gather(padded, rows, axis=1, batch_dims=1)
    return tf.gather(cropped, columns, axis=2, batch_dims=1)


def flip(images: Any, flips: Any) -> Any:
    """Mirrors some of the images.

    Args:
        images: Tensor `(batch, height, width, ...)`.
        flips: Boolean tensor `(batch,)`.

    Returns:
        Tensor of the shape of `images`.
    """
    for _ in images.shape[1:]:
        flips = flips[..., None]
    return tf.where(flips, tf.reverse(images, axis=[2]), images)


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


def _on_images(change: Callable, inputs: Any, info: DatasetInfo) -> Any:
    """Returns the inputs of a batch with the images changed."""
    if not isinstance(inputs, dict):
        return change(inputs)
    return {
        name: change(values) if info.inputs[name].is_image else values
        for name, values in inputs.items()
    }


def _as_tensors(labels: Any) -> Any:
    """Returns labels as float32, or as int64; of pixels as int32."""

    def as_tensor(values):
        if np.asarray(values).dtype.kind == "f":
            return tf.convert_to_tensor(values, tf.float32)
        per_example = np.ndim(values) == 1
        return tf.convert_to_tensor(
            values, tf.int64 if per_example else tf.int32
        )

    return tf.nest.map_structure(as_tensor, labels)


def _with_options(batches: tf.data.Dataset) -> tf.data.Dataset:
    """Lets workers share each batch, and turns the autotuner off.

    The workers of a distributed training share batches, because TensorFlow
    would shard files, and there are none. The autotuner's thread may sleep when
    an epoch ends, and the epoch then waits for it: measured as up to a third of
    the time of short epochs (TensorFlow 2.21, 2 cores). Its buffers and threads
    are fixed here anyway.
    """
    options = tf.data.Options()
    options.autotune.enabled = False
    options.experimental_distribute.auto_shard_policy = (
        tf.data.experimental.AutoShardPolicy.DATA
    )
    return batches.with_options(options)
