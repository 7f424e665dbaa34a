"""Batches of prepared images for JAX, without TensorFlow.

The host only selects the pixels of a batch. They are sent to the device as
bytes, and one compiled function normalizes, crops and mirrors them there. JAX
dispatches it without waiting, so the host prepares the next batch while the
device computes. Images that are streamed are read one batch ahead.
"""

import concurrent.futures
import functools
from collections.abc import Iterator
from typing import Any

import jax
import keras
import numpy as np
from keras import ops

from keras_anytime.data.augmentation import parse_augmentation
from keras_anytime.data.epoch_order import EpochCounter
from keras_anytime.data.epoch_order import EpochSample
from keras_anytime.data.epoch_order import sample_epoch
from keras_anytime.data.image_stream import ImageStream
from keras_anytime.data.info import DatasetInfo
from keras_anytime.data.info import InputInfo
from keras_anytime.data.label_sets import Inputs
from keras_anytime.data.label_sets import Labels
from keras_anytime.data.label_sets import count_examples
from keras_anytime.data.label_sets import has_dense_labels


class Batches(keras.utils.PyDataset):
    """Batches of inputs and labels, in order or shuffled for training.

    Args:
        images: Uint8 array `(examples, height, width, channels)`, another
            input or a dict of inputs as `info.inputs` describes them, or an
            `ImageStream`.
        labels: Array `(examples, ...)`, or a dict from label sets to such
            arrays. `None` with an `ImageStream`, which has them.
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
        images: Inputs | ImageStream,
        labels: Labels | None,
        info: DatasetInfo,
        batch_size: int,
        seed: int | None = None,
        drop_remainder: bool = False,
    ) -> None:
        super().__init__()
        self.images = images
        self.labels = keras.tree.map_structure(np.asarray, labels)
        self._dense = has_dense_labels(self.labels)
        self.info = info
        self.batch_size = batch_size
        self.seed = seed
        self.drop_remainder = drop_remainder
        self._augmentation = parse_augmentation(info.augmentation)
        self._sample: EpochSample | None = None
        self._epoch: int | None = None
        self._ahead = _Ahead(self._read, len(self))
        if seed is not None:
            self.epochs = EpochCounter()

    def __len__(self) -> int:
        full, rest = divmod(count_examples(self.images), self.batch_size)
        return full + bool(rest and not self.drop_remainder)

    def on_epoch_begin(self) -> None:
        """Draws the order of an epoch; Keras calls it before each epoch."""
        if self.seed is not None:
            self._draw(self.epochs.advance())

    def __iter__(self) -> Iterator[tuple[Any, Any]]:
        self.on_epoch_begin()
        for index in range(len(self)):
            yield self[index]

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        if self.seed is not None and self._sample is None:
            # Indexed outside an epoch: preview the next epoch's order.
            self._draw(self.epochs.next)
            try:
                return self[index]
            finally:
                self._sample = self._epoch = None
        sample = self._sample
        if isinstance(self.images, ImageStream):
            pixels, labels = self._ahead.get(index, sample, self._epoch)
        else:
            pixels, labels = self._read(index, sample, self._epoch)
        if sample is None:
            return self._prepare(pixels), labels
        chosen = sample.order[self._part(index)]
        offsets = sample.crop_offsets[chosen]
        flips = sample.flips[chosen] if self._augmentation.flip else None
        images = self._prepare(
            pixels,
            offsets,
            flips,
            sample.blurs[chosen] if self._augmentation.blur else None,
        )
        if self._dense:
            labels = _move(labels, offsets, flips, self._augmentation.pad)
        return images, labels

    def _draw(self, epoch: int) -> None:
        assert self.seed is not None
        self._sample = sample_epoch(
            self.seed,
            epoch,
            count_examples(self.images),
            self._augmentation,
        )
        self._epoch = epoch

    def _part(self, index: int) -> slice:
        return slice(index * self.batch_size, (index + 1) * self.batch_size)

    def _read(
        self, index: int, sample: EpochSample | None, epoch: int | None
    ) -> tuple[np.ndarray, Any]:
        """Returns the pixels and the labels of a batch."""
        part: slice | np.ndarray = self._part(index)
        if sample is not None:
            part = sample.order[part]
        if isinstance(self.images, ImageStream):
            if sample is None:
                part = np.arange(len(self.images))[part]
            return self.images.read(np.asarray(part), epoch)
        images, labels = keras.tree.map_structure(
            lambda values: values[part], (self.images, self.labels)
        )
        if isinstance(labels, np.ndarray) and _are_masks(labels):
            labels = labels.astype("int32")
        return images, labels

    def _prepare(
        self,
        pixels: Inputs,
        crop_offsets: np.ndarray | None = None,
        flips: np.ndarray | None = None,
        blurs: np.ndarray | None = None,
    ) -> Any:
        def prepare(values: np.ndarray, described: InputInfo) -> Any:
            if not described.mean:
                return values.astype("int32")
            changes = (crop_offsets, flips, blurs)
            return _prepare_input(
                values,
                *(changes if described.is_image else (None,) * 3),
                scale=described.scale,
                mean=described.mean,
                std=described.std,
                pad=self._augmentation.pad,
                mode="symmetric" if self._dense else "constant",
            )

        inputs = self.info.inputs
        if not isinstance(pixels, dict):
            return prepare(pixels, inputs[None])
        return {
            name: prepare(values, inputs[name])
            for name, values in pixels.items()
        }


class _Ahead:
    """Reads the next batch while the caller works on the last one.

    Args:
        read: Function of the index of a batch, the `EpochSample` or `None`,
            and the number of the epoch or `None`.
        size: Integer. The number of batches.
    """

    def __init__(self, read: Any, size: int) -> None:
        self._read = read
        self._size = size
        self._threads: Any = None
        self._next: tuple[Any, Any] = (None, None)

    def get(
        self, index: int, sample: EpochSample | None, epoch: int | None
    ) -> Any:
        """Returns what `read` returns, and begins to read the next batch."""
        key, future = self._next
        self._next = (None, None)
        if future is None or key != (index, epoch):
            batch = self._read(index, sample, epoch)
        else:
            batch = future.result()
        if index + 1 < self._size:
            self._threads = self._threads or (
                concurrent.futures.ThreadPoolExecutor(1)
            )
            self._next = (
                (index + 1, epoch),
                self._threads.submit(self._read, index + 1, sample, epoch),
            )
        return batch


def training_batches(
    images: Inputs | ImageStream,
    labels: Labels | None,
    info: DatasetInfo,
    batch_size: int,
    seed: int,
    drop_remainder: bool = False,
) -> Batches:
    """Returns shuffled, augmented batches, in a new order in each epoch.

    The epochs equal those of `tensorflow_batches.training_batches`.

    Args:
        images: As in `Batches`.
        labels: As in `Batches`.
        info: A `DatasetInfo`.
        batch_size: Integer.
        seed: Integer.
        drop_remainder: Boolean. Whether a smaller last batch is dropped.

    Returns:
        `Batches` of float32 JAX arrays `(batch, height, width, channels)`
        (several inputs: a dict of arrays, by name) and int64 arrays `(batch,)`,
        or a dict from label sets to such arrays. Labels that are no classes are
        float32.
    """
    return Batches(images, labels, info, batch_size, seed, drop_remainder)


def evaluation_batches(
    images: Inputs | ImageStream,
    labels: Labels | None,
    info: DatasetInfo,
    batch_size: int,
) -> Batches:
    """Returns normalized batches in the order of the data.

    Args:
        images: As in `Batches`.
        labels: As in `Batches`.
        info: A `DatasetInfo`.
        batch_size: Integer.

    Returns:
        `Batches` of pairs as in `training_batches`.
    """
    return Batches(images, labels, info, batch_size)


@functools.partial(
    jax.jit, static_argnames=("scale", "mean", "std", "pad", "mode")
)
def _prepare_input(
    pixels: Any,
    crop_offsets: Any,
    flips: Any,
    blurs: Any,
    *,
    scale: float,
    mean: tuple[float, ...],
    std: tuple[float, ...],
    pad: int,
    mode: str,
) -> Any:
    """Normalizes an input, and blurs, crops and mirrors the images."""
    images = ops.cast(pixels, "float32") / scale
    images = (images - ops.array(mean)) / ops.array(std)
    if blurs is not None:
        images = _blur(images, blurs)
    if crop_offsets is not None and pad:
        images = _crop(images, crop_offsets, pad, mode)
    if flips is not None:
        mirrored = images[:, :, ::-1]
        images = ops.where(flips[:, None, None, None], mirrored, images)
    return images


def _are_masks(labels: np.ndarray) -> bool:
    """Whether labels are classes of positions."""
    return labels.ndim > 1 and labels.dtype.kind in "iu"


def _move(
    labels: np.ndarray, offsets: np.ndarray, flips: np.ndarray | None, pad: int
) -> np.ndarray:
    """Crops and mirrors the labels of pixels as their images are."""
    if pad:
        margins = [(0, 0), (pad, pad), (pad, pad)]
        margins += [(0, 0)] * (labels.ndim - 3)
        height, width = labels.shape[1:3]
        padded = np.pad(labels, margins, mode="symmetric")
        labels = np.stack(
            [
                values[row : row + height, column : column + width]
                for values, (row, column) in zip(padded, offsets, strict=True)
            ]
        )
    if flips is not None:
        labels = labels.copy()
        labels[flips] = labels[flips, :, ::-1]
    return labels


def _crop(images: Any, crop_offsets: Any, pad: int, mode: str) -> Any:
    """Pads images and crops each back to its size."""
    margins = [[0, 0], [pad, pad], [pad, pad], [0, 0]]
    padded = ops.pad(images, margins, mode=mode)

    def crop(image: Any, offset: Any) -> Any:
        return ops.slice(image, (*offset, 0), images.shape[1:])

    return jax.vmap(crop)(padded, crop_offsets)


def _blur(images: Any, blurs: Any) -> Any:
    """Blurs columns, then rows, with the images' edges mirrored outside."""
    radius = blurs.shape[1] - 1
    weights = blurs[:, :, None, None, None]
    for axis in (1, 2):
        size = images.shape[axis]
        margins = [[0, 0]] * 4
        margins[axis] = [radius, radius]
        padded = ops.pad(images, margins, mode="symmetric")
        images = sum(
            weights[:, abs(shift)]
            * jax.lax.slice_in_dim(
                padded, radius + shift, radius + shift + size, axis=axis
            )
            for shift in range(-radius, radius + 1)
        )
    return images
