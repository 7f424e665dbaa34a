"""ImageStream: encoded images that are read, decoded and resized on demand.

Only what a batch needs is in memory. A pixel depends on the seed, the number of
the epoch and the image alone, not on batches, threads or the backend.
"""

import concurrent.futures
import functools
import math
import os
from collections.abc import Callable
from collections.abc import Mapping
from typing import Protocol

import numpy as np

from keras_anytime.data.augmentation import parse_augmentation
from keras_anytime.data.image_decoding import Box
from keras_anytime.data.image_decoding import decode_image
from keras_anytime.data.image_decoding import decode_resized
from keras_anytime.data.image_decoding import evaluation_box
from keras_anytime.data.image_decoding import sample_box
from keras_anytime.data.info import DatasetInfo
from keras_anytime.data.label_sets import Labels
from keras_anytime.files import ContentError

# A split of pixels up to this size is kept in memory, where nothing random is
# done before pixels are resized.
_KEPT_BYTES = 256 * 2**20


class EncodedImages(Protocol):
    """Encoded images and their labels, by number.

    Attributes:
        image_shape: Tuple `(height, width, channels)`, with `None` where sizes
            differ between images.
        classes: Dict from the features that hold labels to their numbers of
            classes.
    """

    image_shape: tuple[int | None, ...]
    classes: Mapping[str, int]

    def __len__(self) -> int:
        """Returns the number of images."""

    def read(self, index: int) -> tuple[bytes, Mapping[str, int]]:
        """Returns an encoded image, and its label by feature."""

    def place(self, index: int) -> str:
        """Returns the file that has an image, as errors name it."""


class ImageStream:
    """Images of one size, made of encoded images of any size.

    Args:
        source: `EncodedImages`.
        info: A `DatasetInfo`, whose `image_shape` is that of the result. The
            augmentation `"resized_crop"` takes a random part of each image.
            Other images are cut as `evaluation_box` says, or are left as they
            are if all of them have the right size.
        to_label_sets: Function from a dict from features to int64 arrays
            `(examples,)` to labels: such an array, or a dict from label sets
            to them.
        seed: Integer that determines the parts that are cut out.
    """

    def __init__(
        self,
        source: EncodedImages,
        info: DatasetInfo,
        to_label_sets: Callable[[Mapping[str, np.ndarray]], Labels],
        seed: int = 0,
    ) -> None:
        self.source = source
        self.info = info
        self.to_label_sets = to_label_sets
        self.seed = seed
        self._samples_boxes = parse_augmentation(info.augmentation).resized_crop

    def __len__(self) -> int:
        return len(self.source)

    @property
    def label_sets(self) -> tuple[str, ...]:
        """The label sets, finest first; empty if labels have none."""
        names = self.info.class_names
        return tuple(names) if isinstance(names, dict) else ()

    def fits_in_memory(self) -> bool:
        """Tells if the images can be kept, and are the same in each epoch."""
        size = len(self) * math.prod(self.info.image_shape)
        return 0 < size <= _KEPT_BYTES and not self._samples_boxes

    def read_all(self) -> tuple[np.ndarray, Labels]:
        """Reads all images as `read` does, with its errors."""
        return self.read(np.arange(len(self)))

    def read(
        self, indices: np.ndarray, epoch: int | None = None
    ) -> tuple[np.ndarray, Labels]:
        """Reads some images, on all processor cores.

        Args:
            indices: Integer array `(examples,)`. The numbers of the images.
            epoch: Integer, the number of the epoch that determines the random
                parts; `None` takes the parts to measure on.

        Returns:
            Pair of a uint8 array `(examples, height, width, channels)`, and
            labels: an int64 array `(examples,)`, or a dict from label sets to
            such arrays.

        Raises:
            ContentError: If an image is damaged, or a label is wrong. The
                message names the file.
            OSError: If a file cannot be read.
        """
        shape = (len(indices), *self.info.image_shape)
        pixels = np.empty(shape, "uint8")
        values = {
            feature: np.empty(len(indices), "int64")
            for feature in self.source.classes
        }

        def read_some(positions: np.ndarray) -> None:
            for position in positions:
                pixels[position], labels = self._read_image(
                    int(indices[position]), epoch
                )
                for feature, label in labels.items():
                    values[feature][position] = label

        # Parts are small, so that no core waits for another one for long.
        parts = np.array_split(
            np.arange(len(indices)), min(len(indices), 4 * usable_cores())
        )
        for _ in _threads().map(read_some, parts):
            pass
        return pixels, self.to_label_sets(values)

    def _read_image(
        self, index: int, epoch: int | None
    ) -> tuple[np.ndarray, Mapping[str, int]]:
        """Returns the pixels of an image, and its labels by feature."""
        try:
            data, labels = self.source.read(index)
            for feature, label in labels.items():
                classes = self.source.classes[feature]
                if not 0 <= label < classes:
                    raise ValueError(
                        f"its {feature!r} is {label}, and there are {classes} "
                        "classes; a split with secret labels has -1"
                    )
            return self._decode(data, index, epoch), labels
        except ValueError as error:
            raise ContentError(
                f"{self.source.place(index)} cannot be used: {error}. Replace "
                "it, or take it out of the data set."
            ) from error

    def _decode(self, data: bytes, index: int, epoch: int | None) -> np.ndarray:
        height, _, channels = shape = self.info.image_shape
        if epoch is not None and self._samples_boxes:
            random = np.random.default_rng([self.seed, epoch, index])
            choose_box: Callable[[int, int], Box] = functools.partial(
                sample_box, random
            )
        elif self.source.image_shape == shape:
            return decode_image(data, shape)
        else:
            choose_box = evaluation_box
        return decode_resized(data, choose_box, height, channels)


@functools.cache
def _threads() -> concurrent.futures.ThreadPoolExecutor:
    """Returns the threads that decode; Pillow lets them run side by side."""
    return concurrent.futures.ThreadPoolExecutor(
        usable_cores(), thread_name_prefix="keras_anytime_images"
    )


def usable_cores() -> int:
    """Returns the number of processor cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
