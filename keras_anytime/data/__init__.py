"""Data sets: batches of prepared images and labels, ready for `model.fit`."""

import contextlib
import dataclasses
import numbers
import os
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import keras

from keras_anytime.data.digits import DIGITS
from keras_anytime.data.digits import digits_info
from keras_anytime.data.digits import read_digits
from keras_anytime.data.epoch_order import EpochCounter
from keras_anytime.data.info import DatasetInfo
from keras_anytime.data.label_sets import LabeledImages
from keras_anytime.data.npz import is_npz
from keras_anytime.data.npz import npz_info
from keras_anytime.data.npz import read_npz
from keras_anytime.data.splits import check_not_empty
from keras_anytime.data.tfds import read_tfds
from keras_anytime.data.tfds import tfds_info
from keras_anytime.data.tfds_folders import folder_info
from keras_anytime.data.tfds_folders import read_folder

__all__ = ["DatasetInfo", "EpochCounter", "info", "load"]


def info(
    name: str | os.PathLike,
    data_dir: str | os.PathLike | None = None,
    labels: Mapping[str, str] | None = None,
    download: bool = False,
) -> DatasetInfo:
    """Returns the description of a data set.

    ```python
    ka.data.info("digits").classes  # 10
    ```

    Args:
        name: String or path, as in `load`.
        data_dir: String, path or `None`, as in `load`.
        labels: Dict or `None`, as in `load`. With label sets, `classes` and
            `class_names` of the result are dicts by label set.
        download: Boolean, as in `load`.

    Returns:
        A `DatasetInfo`.

    Raises:
        ValueError: If the data set or one of the labels is unknown, or the
            description of the data set is damaged.
        FileNotFoundError: If the data set has not been prepared.
        OSError: If the data set cannot be downloaded.
        ImportError: If the data set would have to be downloaded on JAX.
    """
    text = _as_text(name)
    if text == DIGITS.name:
        return digits_info(labels)
    if is_npz(text):
        return npz_info(text, labels)
    if _has_tensorflow():
        return tfds_info(text, data_dir, labels, download)
    with _explaining_no_download(download):
        return folder_info(text, data_dir, labels)


def load(
    name: str | os.PathLike,
    batch_size: int = 128,
    splits: Sequence[str] | None = None,
    seed: int = 0,
    augment: bool = True,
    data_dir: str | os.PathLike | None = None,
    download: bool = False,
    labels: Mapping[str, str] | None = None,
    drop_remainder: bool = False,
) -> list[Any]:
    """Returns data sets of images and labels, one for each split.

    The first split is for training: it is shuffled anew in each epoch, and
    augmented. The other splits keep their order and are not augmented. A seed
    fixes the order and the augmentation of each epoch, and `fit` numbers the
    epochs, so a training that was interrupted continues with the same data.

    ```python
    train, val = ka.data.load("digits", batch_size=32)
    for images, labels in val:
        print(images.shape, labels.shape)
    ```

    Args:
        name: The data set. `"digits"` are the 1,797 handwritten digits of 8x8
            pixels that ship inside scikit-learn. Another name, such as
            `"cifar10"`, is a data set of TensorFlow Datasets (TFDS) that has
            labels and one image size. A path is an `.npz` file with arrays
            `x_train`, `y_train`, `x_test`, `y_test`: uint8 images of one size,
            channels last, and one integer label each.
        batch_size: Integer of 1 or more.
        splits: Sequence of splits in the notation of TensorFlow Datasets, such
            as `("train[:45000]", "train[45000:]")`. `None` means
            `("train", "test")`; for the digits it means four fifths and the
            remaining fifth.
        seed: Integer of 0 or more. Determines order and augmentation.
        augment: Boolean. Whether the images of the first split are padded by 4
            pixels, cropped and mirrored at random. The digits are never
            augmented.
        data_dir: String or path. The folder of prepared TFDS data sets. `None`
            means the environment variable `TFDS_DATA_DIR`, or
            `~/tensorflow_datasets` if it is not set.
        download: Boolean. Whether to download and prepare a data set that has
            not been prepared.
        labels: Dict from label sets, finest first, to the features of the data
            set that hold them, for hierarchical prediction. For CIFAR-100 it
            is `{"fine": "label", "coarse": "coarse_label"}`. `None` means the
            single feature `"label"`.
        drop_remainder: Boolean. Whether the last batch of a training epoch is
            dropped if it is smaller, which avoids compiling for its size.

    Returns:
        List of data sets, each of pairs of float32 images `(batch, height,
        width, channels)`, normalized by channel, and int64 labels `(batch,)`,
        or a dict from label sets to such labels. The last batch of an epoch
        may be smaller. On the TensorFlow backend, each data set is a
        `tf.data.Dataset`. On JAX, it is a `keras.utils.PyDataset` with the
        same batches, which does not need TensorFlow. Both are iterable and
        have a length.

    Raises:
        ValueError: If an argument is wrong, or the data set is damaged.
        FileNotFoundError: If the data set has not been prepared. The message
            says how to get it.
        OSError: If the data set cannot be downloaded.
        ImportError: If the data set would have to be downloaded on JAX.
    """
    _check_integer("batch_size", batch_size, 1)
    _check_integer("seed", seed, 0)
    if isinstance(splits, str):
        raise ValueError(
            "`splits` must be a sequence of splits, the training split first. "
            f"Received: splits={splits!r}"
        )
    text = _as_text(name)
    if text == DIGITS.name:
        splits = splits or ("train[:80%]", "train[80%:]")
        pairs = read_digits(splits, labels)
    else:
        splits = splits or ("train", "test")
        pairs = _read(text, splits, data_dir, download, labels)
    dataset_info = info(text, data_dir, labels)
    for split, (images, _) in zip(splits, pairs, strict=True):
        check_not_empty(len(images), split, text)
    (train_images, train_labels), *others = pairs
    if drop_remainder and len(train_images) < batch_size:
        raise ValueError(
            "`drop_remainder` drops the only batch, because there are "
            f"{len(train_images)} training images. Received: "
            f"batch_size={batch_size}"
        )
    if not augment:
        dataset_info = dataclasses.replace(dataset_info, pad=0, flip=False)
    batches = _batches_of_backend()
    return [
        batches.training_batches(
            train_images,
            train_labels,
            dataset_info,
            batch_size,
            seed,
            drop_remainder,
        ),
        *(
            batches.evaluation_batches(*pair, dataset_info, batch_size)
            for pair in others
        ),
    ]


def _read(
    name: str,
    splits: Sequence[str],
    data_dir: str | os.PathLike | None,
    download: bool,
    labels: Mapping[str, str] | None,
) -> list[LabeledImages]:
    if is_npz(name):
        return read_npz(name, splits, labels)
    if _has_tensorflow():
        return read_tfds(name, splits, data_dir, download, labels)
    with _explaining_no_download(download):
        return read_folder(name, splits, data_dir, labels)


@contextlib.contextmanager
def _explaining_no_download(download: bool) -> Iterator[None]:
    """Explains why a missing data set is not downloaded on JAX."""
    try:
        yield
    except FileNotFoundError as error:
        if not download:
            raise
        raise ImportError(
            "TensorFlow Datasets downloads data with the TensorFlow backend; "
            "JAX reads what it has prepared. Received: download=True with "
            f"KERAS_BACKEND={keras.backend.backend()}"
        ) from error


def _check_integer(name: str, value: Any, minimum: int) -> None:
    if not isinstance(value, numbers.Integral) or int(value) < minimum:
        raise ValueError(
            f"`{name}` must be an integer of {minimum} or more. "
            f"Received: {name}={value}"
        )


def _as_text(name: Any) -> Any:
    return os.fspath(name) if isinstance(name, os.PathLike) else name


def _has_tensorflow() -> bool:
    return keras.backend.backend() == "tensorflow"


def _batches_of_backend() -> Any:
    """Returns the module that makes batches for the Keras backend."""
    if _has_tensorflow():
        from keras_anytime.data import tensorflow_batches

        return tensorflow_batches
    from keras_anytime.data import jax_batches

    return jax_batches
