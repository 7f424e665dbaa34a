"""Batches of prepared images as `tf.data` pipelines."""

import tensorflow as tf

from keras_anytime.data import passes


def training_batches(
    images, labels, info, batch_size, seed, drop_remainder=False
):
    """Returns shuffled, augmented batches; another order in each pass.

    Images are normalized by channel, padded by `info.pad` zeros (the mean
    color), cropped at random to their size, and mirrored at random where
    `info.flip` says so.

    Args:
        images: Uint8 array `(examples, height, width, channels)`.
        labels: Integer array `(examples,)`, or a dict of them.
        info: A `DatasetInfo`.
        batch_size: Integer.
        seed: Integer.
        drop_remainder: Boolean. Whether a smaller last batch is left out.

    Returns:
        A `tf.data.Dataset` of pairs of a float32 tensor `(batch, height, width,
        channels)` and an int64 tensor `(batch,)`, or a dict of them. Its
        attribute `epochs` is the `passes.Epochs` that number its passes, and
        `info` is that of the data set.

    Reference:
        [He et al., 2016, Section 4.2](https://arxiv.org/abs/1512.03385)
    """
    count = len(images)
    images = tf.convert_to_tensor(images)
    labels = _as_int64(labels)
    epochs = passes.Epochs()

    def next_pass():
        drawn = passes.draws(seed, epochs.begin(), count, info.pad)
        yield drawn.order, drawn.corners, drawn.flips

    def one_pass(order, corners, flips):
        def batch(index):
            x = normalize(tf.gather(images, index), info)
            x = shift(x, tf.gather(corners, index), info.pad)
            if info.flip:
                flip = tf.gather(flips, index)[:, None, None, None]
                x = tf.where(flip, tf.reverse(x, axis=[2]), x)
            return x, tf.nest.map_structure(
                lambda of_all: tf.gather(of_all, index), labels
            )

        return (
            tf.data.Dataset.from_tensor_slices(order)
            .batch(batch_size, drop_remainder=drop_remainder)
            .map(batch, num_parallel_calls=tf.data.AUTOTUNE)
        )

    drawn = tf.data.Dataset.from_generator(
        next_pass,
        output_signature=(
            tf.TensorSpec((count,), tf.int64),
            tf.TensorSpec((count, 2), tf.int32),
            tf.TensorSpec((count,), tf.bool),
        ),
    )
    size = count // batch_size if drop_remainder else -(-count // batch_size)
    batches = drawn.flat_map(one_pass).apply(
        tf.data.experimental.assert_cardinality(size)
    )
    batches = _shared_by_workers(batches.prefetch(tf.data.AUTOTUNE))
    batches.epochs = epochs
    batches.info = info
    return batches


def evaluation_batches(images, labels, info, batch_size):
    """Returns normalized batches in the order of the data.

    Args:
        images: Uint8 array `(examples, height, width, channels)`.
        labels: Integer array `(examples,)`, or a dict of them.
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
    batches = _shared_by_workers(data.prefetch(tf.data.AUTOTUNE))
    batches.info = info
    return batches


def normalize(pixels, info):
    """Returns `(pixels / 255 - mean) / std`, channel by channel.

    Args:
        pixels: Uint8 tensor `(..., channels)`.
        info: A `DatasetInfo`.

    Returns:
        Float32 tensor of the same shape.
    """
    x = tf.cast(pixels, tf.float32) / info.preprocessing["scale"]
    return (x - tf.constant(info.mean)) / tf.constant(info.std)


def shift(images, corners, pad):
    """Pads images with zeros and crops each back to its size.

    Args:
        images: Tensor `(batch, height, width, channels)`.
        corners: Int tensor `(batch, 2)`, the top left corner of each crop in
            the padded image, 0 to 2 * pad.
        pad: Integer. Zeros added on each side.

    Returns:
        Tensor of the shape of `images`.
    """
    height, width = images.shape[1:3]
    padded = tf.pad(images, [[0, 0], [pad, pad], [pad, pad], [0, 0]])
    rows = corners[:, :1] + tf.range(height)
    columns = corners[:, 1:] + tf.range(width)
    cropped = tf.gather(padded, rows, axis=1, batch_dims=1)
    return tf.gather(cropped, columns, axis=2, batch_dims=1)


def _as_int64(labels):
    return tf.nest.map_structure(
        lambda one: tf.convert_to_tensor(one, tf.int64), labels
    )


def _shared_by_workers(batches):
    """Lets workers of one training share each batch; there are no files."""
    options = tf.data.Options()
    options.experimental_distribute.auto_shard_policy = (
        tf.data.experimental.AutoShardPolicy.DATA
    )
    return batches.with_options(options)
