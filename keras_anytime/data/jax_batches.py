"""Batches of prepared images for JAX, without TensorFlow.

The host only selects the pixels of a batch. They are sent to the device as
bytes, and one compiled function normalizes, crops and mirrors them there. JAX
dispatches it without waiting, so the host prepares the next batch while the
device computes.
"""

import functools
from collections.abc import Iterator
from typing import Any

import jax
import keras
import numpy as np
from keras import ops

from keras_anytime.data.epoch_order import EpochCounter
from keras_anytime.data.epoch_order import EpochSample
from keras_anytime.data.epoch_order import sample_epoch
from keras_anytime.data.info import DatasetInfo
from keras_anytime.data.label_sets import Labels


class Batches(keras.utils.PyDataset):
    """Batches of images and labels, in order or shuffled for training.

    Args:
        images: Uint8 array `(examples, height, width, channels)`.
        labels: Integer array `(examples,)`, or a dict from label sets to such
            arrays.
        info: A `DatasetInfo`.
        batch_size: Integer.
        seed: Integer that determines the order and the augmentation. `None`
            keeps the order of the data, without augmentation.
        drop_remainder: Boolean. Whether a smaller last batch is dropped.

    Attributes:
        epochs: The `EpochCounter` that numbers the epochs; only with a seed.
    """

    def __init__(
        self,
        images: np.ndarray,
        labels: Labels,
        info: DatasetInfo,
        batch_size: int,
        seed: int | None = None,
        drop_remainder: bool = False,
    ) -> None:
        super().__init__()
        self.images = images
        self.labels = keras.tree.map_structure(np.asarray, labels)
        self.info = info
        self.batch_size = batch_size
        self.seed = seed
        self.drop_remainder = drop_remainder
        self._sample: EpochSample | None = None
        if seed is not None:
            self.epochs = EpochCounter()

    def __len__(self) -> int:
        full, rest = divmod(len(self.images), self.batch_size)
        return full + bool(rest and not self.drop_remainder)

    def on_epoch_begin(self) -> None:
        """Draws the order of an epoch; Keras calls it before each epoch."""
        if self.seed is not None:
            self._sample = self._sample_epoch(self.seed, self.epochs.advance())

    def __iter__(self) -> Iterator[tuple[Any, Any]]:
        self.on_epoch_begin()
        for index in range(len(self)):
            yield self[index]

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        part = slice(index * self.batch_size, (index + 1) * self.batch_size)
        if self.seed is None:
            return self._prepare(self.images[part]), self._select_labels(part)
        # Indexed outside an epoch: preview the next epoch's order.
        sample = self._sample or self._sample_epoch(self.seed, self.epochs.next)
        chosen = sample.order[part]
        images = self._prepare(
            self.images[chosen],
            sample.crop_offsets[chosen],
            sample.flips[chosen] if self.info.flip else None,
        )
        return images, self._select_labels(chosen)

    def _prepare(
        self,
        pixels: np.ndarray,
        crop_offsets: np.ndarray | None = None,
        flips: np.ndarray | None = None,
    ) -> Any:
        return _prepare_images(
            pixels,
            crop_offsets,
            flips,
            scale=self.info.preprocessing["scale"],
            mean=self.info.mean,
            std=self.info.std,
            pad=self.info.pad,
        )

    def _sample_epoch(self, seed: int, epoch: int) -> EpochSample:
        return sample_epoch(seed, epoch, len(self.images), self.info.pad)

    def _select_labels(self, part: slice | np.ndarray) -> Any:
        return keras.tree.map_structure(
            lambda values: values[part], self.labels
        )


def training_batches(
    images: np.ndarray,
    labels: Labels,
    info: DatasetInfo,
    batch_size: int,
    seed: int,
    drop_remainder: bool = False,
) -> Batches:
    """Returns shuffled, augmented batches, in a new order in each epoch.

    The epochs equal those of `tensorflow_batches.training_batches`.

    Args:
        images: Uint8 array `(examples, height, width, channels)`.
        labels: Integer array `(examples,)`, or a dict from label sets to such
            arrays.
        info: A `DatasetInfo`.
        batch_size: Integer.
        seed: Integer.
        drop_remainder: Boolean. Whether a smaller last batch is dropped.

    Returns:
        `Batches` of float32 JAX arrays `(batch, height, width, channels)` and
        int64 arrays `(batch,)`, or a dict from label sets to such arrays.
    """
    return Batches(images, labels, info, batch_size, seed, drop_remainder)


def evaluation_batches(
    images: np.ndarray, labels: Labels, info: DatasetInfo, batch_size: int
) -> Batches:
    """Returns normalized batches in the order of the data.

    Args:
        images: Uint8 array `(examples, height, width, channels)`.
        labels: Integer array `(examples,)`, or a dict from label sets to such
            arrays.
        info: A `DatasetInfo`.
        batch_size: Integer.

    Returns:
        `Batches` of pairs as in `training_batches`.
    """
    return Batches(images, labels, info, batch_size)


@functools.partial(jax.jit, static_argnames=("scale", "mean", "std", "pad"))
def _prepare_images(
    pixels: Any,
    crop_offsets: Any,
    flips: Any,
    *,
    scale: float,
    mean: tuple[float, ...],
    std: tuple[float, ...],
    pad: int,
) -> Any:
    """Normalizes pixels, and crops and mirrors the images."""
    images = ops.cast(pixels, "float32") / scale
    images = (images - ops.array(mean)) / ops.array(std)
    if crop_offsets is not None and pad:
        images = _crop(images, crop_offsets, pad)
    if flips is not None:
        mirrored = images[:, :, ::-1]
        images = ops.where(flips[:, None, None, None], mirrored, images)
    return images


def _crop(images: Any, crop_offsets: Any, pad: int) -> Any:
    """Pads images with zeros and crops each back to its size."""
    padded = ops.pad(images, [[0, 0], [pad, pad], [pad, pad], [0, 0]])

    def crop(image: Any, offset: Any) -> Any:
        return ops.slice(image, (*offset, 0), images.shape[1:])

    return jax.vmap(crop)(padded, crop_offsets)
