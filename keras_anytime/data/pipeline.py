"""Batches of prepared images as `tf.data` pipelines."""

import tensorflow as tf


class Epochs:
    """Numbers the passes over a training set.

    The order and the augmentation of a pass depend on the seed and on its
    number alone. Looking at the data outside of training passes over it too;
    `start` gives the next pass its number whatever was looked at.

    Attributes:
        next: Integer. The number of the pass that starts next, from 0.
        trained: Integer. The number of passes that were trained on.
    """

    def __init__(self):
        self.next = 0
        self.trained = 0

    def start(self, epoch):
        """Numbers the pass that starts next."""
        self.next = epoch

    def finish(self, epoch):
        """Notes that a pass was trained on to its end."""
        self.trained = epoch + 1

    def __call__(self):
        """Yields the number of one pass, and counts it."""
        epoch, self.next = self.next, self.next + 1
        yield epoch


def training_batches(images, labels, info, batch_size, seed):
    """Returns shuffled, augmented batches; another order in each pass.

    Images are normalised by channel, padded by `info.pad` zeros (the mean
    colour), cropped at random to their size, and mirrored at random where
    `info.flip` says so.

    Args:
        images: Uint8 array `(examples, height, width, channels)`.
        labels: Integer array `(examples,)`, or a dict of them.
        info: A `DatasetInfo`.
        batch_size: Integer.
        seed: Integer.

    Returns:
        A `tf.data.Dataset` of pairs of a float32 tensor `(batch, height, width,
        channels)` and an int64 tensor `(batch,)`, or a dict of them. Its
        attribute `epochs` is the `Epochs` that number its passes.

    Reference:
        [He et al., 2016, Section 4.2](https://arxiv.org/abs/1512.03385)
    """
    count = len(images)
    images = tf.convert_to_tensor(images)
    labels = _as_int64(labels)
    epochs = Epochs()

    def one_pass(epoch):
        key = tf.stack([tf.constant(seed, tf.int64), epoch])
        order = tf.random.experimental.stateless_shuffle(
            tf.range(count), seed=key
        )
        shifts = tf.random.stateless_uniform(
            (count, 2), key + [1, 0], 0, 2 * info.pad + 1, tf.int32
        )
        flips = tf.random.stateless_uniform((count,), key + [2, 0]) < 0.5

        def batch(index):
            x = normalise(tf.gather(images, index), info)
            x = shift(x, tf.gather(shifts, index), info.pad)
            if info.flip:
                flip = tf.gather(flips, index)[:, None, None, None]
                x = tf.where(flip, tf.reverse(x, axis=[2]), x)
            return x, tf.nest.map_structure(
                lambda of_all: tf.gather(of_all, index), labels
            )

        return (
            tf.data.Dataset.from_tensor_slices(order)
            .batch(batch_size)
            .map(batch, num_parallel_calls=tf.data.AUTOTUNE)
        )

    passes = tf.data.Dataset.from_generator(
        epochs, output_signature=tf.TensorSpec((), tf.int64)
    )
    batches = passes.flat_map(one_pass).apply(
        tf.data.experimental.assert_cardinality(-(-count // batch_size))
    )
    batches = _shared_by_workers(batches.prefetch(tf.data.AUTOTUNE))
    batches.epochs = epochs
    return batches


def evaluation_batches(images, labels, info, batch_size):
    """Returns normalised batches in the order of the data.

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
        lambda x, y: (normalise(x, info), y),
        num_parallel_calls=tf.data.AUTOTUNE,
    )
    return _shared_by_workers(data.prefetch(tf.data.AUTOTUNE))


def normalise(pixels, info):
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
