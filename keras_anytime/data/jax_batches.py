"""Batches of prepared images where there is no TensorFlow, on JAX.

The host only picks the pixels of a batch. They go to the device as bytes, and
are normalized, cropped and mirrored there by one compiled function, which JAX
dispatches without waiting: so the next batch is made while the device computes.
"""

import functools

import jax
import keras
import numpy as np
from keras import ops

from keras_anytime.data import passes


class Batches(keras.utils.PyDataset):
    """Batches of images and labels, in order or as passes for training.

    Args:
        images: Uint8 array `(examples, height, width, channels)`.
        labels: Integer array `(examples,)`, or a dict of them.
        info: A `DatasetInfo`.
        batch_size: Integer.
        seed: Integer, or `None` for the order of the data, as they are.
        drop_remainder: Boolean. Whether a smaller last batch is left out.

    Attributes:
        epochs: With a seed, the `passes.Epochs` that number its passes.
    """

    def __init__(
        self, images, labels, info, batch_size, seed=None, drop_remainder=False
    ):
        super().__init__()
        self.images = images
        self.labels = keras.tree.map_structure(np.asarray, labels)
        self.info = info
        self.batch_size = batch_size
        self.seed = seed
        self.drop_remainder = drop_remainder
        self._draws = None
        if seed is not None:
            self.epochs = passes.Epochs()

    def __len__(self):
        whole, rest = divmod(len(self.images), self.batch_size)
        return whole + bool(rest and not self.drop_remainder)

    def on_epoch_begin(self):
        """Starts a pass; Keras calls it."""
        if self.seed is not None:
            self._draws = self._draws_of(self.epochs.begin())

    def __iter__(self):
        self.on_epoch_begin()
        for index in range(len(self)):
            yield self[index]

    def __getitem__(self, index):
        part = slice(index * self.batch_size, (index + 1) * self.batch_size)
        if self.seed is None:
            return self._prepared(self.images[part]), self._labels_of(part)
        # Without a pass, somebody looks at what the next one will be.
        drawn = self._draws or self._draws_of(self.epochs.next)
        chosen = drawn.order[part]
        images = self._prepared(
            self.images[chosen],
            drawn.corners[chosen],
            drawn.flips[chosen] if self.info.flip else None,
        )
        return images, self._labels_of(chosen)

    def _prepared(self, *drawn):
        about = self.info.preprocessing
        return _prepared(
            *drawn,
            scale=about["scale"],
            mean=self.info.mean,
            std=self.info.std,
            pad=self.info.pad,
        )

    def _draws_of(self, epoch):
        return passes.draws(self.seed, epoch, len(self.images), self.info.pad)

    def _labels_of(self, part):
        return keras.tree.map_structure(lambda one: one[part], self.labels)


def training_batches(
    images, labels, info, batch_size, seed, drop_remainder=False
):
    """Returns shuffled, augmented batches; another order in each pass.

    The passes are those of `pipeline.training_batches`.

    Args:
        images: Uint8 array `(examples, height, width, channels)`.
        labels: Integer array `(examples,)`, or a dict of them.
        info: A `DatasetInfo`.
        batch_size: Integer.
        seed: Integer.
        drop_remainder: Boolean. Whether a smaller last batch is left out.

    Returns:
        `Batches` of float32 JAX arrays `(batch, height, width, channels)` and
        int64 arrays `(batch,)`, or a dict of them.
    """
    return Batches(images, labels, info, batch_size, seed, drop_remainder)


def evaluation_batches(images, labels, info, batch_size):
    """Returns normalized batches in the order of the data.

    Args:
        images: Uint8 array `(examples, height, width, channels)`.
        labels: Integer array `(examples,)`, or a dict of them.
        info: A `DatasetInfo`.
        batch_size: Integer.

    Returns:
        `Batches` of pairs as in `training_batches`.
    """
    return Batches(images, labels, info, batch_size)


@functools.partial(jax.jit, static_argnames=("scale", "mean", "std", "pad"))
def _prepared(pixels, corners=None, flips=None, *, scale, mean, std, pad):
    """Normalizes pixels, crops padded images and mirrors them."""
    images = ops.cast(pixels, "float32") / scale
    images = (images - ops.array(mean)) / ops.array(std)
    if corners is not None and pad:
        images = _shifted(images, corners, pad)
    if flips is not None:
        mirrored = images[:, :, ::-1]
        images = ops.where(flips[:, None, None, None], mirrored, images)
    return images


def _shifted(images, corners, pad):
    """Pads images with zeros and crops each back to its size."""
    padded = ops.pad(images, [[0, 0], [pad, pad], [pad, pad], [0, 0]])

    def cropped(image, corner):
        return ops.slice(image, (*corner, 0), images.shape[1:])

    return jax.vmap(cropped)(padded, corners)
