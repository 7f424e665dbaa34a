"""Data sets as pipelines of prepared images, ready for `model.fit`."""

import contextlib
import dataclasses
import numbers
import os

import keras

from keras_anytime.data.tfds_folders import folder_info
from keras_anytime.data.tfds_folders import read_folder
from keras_anytime.data.info import DatasetInfo
from keras_anytime.data.npz import is_npz
from keras_anytime.data.npz import npz_info
from keras_anytime.data.npz import read_npz
from keras_anytime.data.epoch_order import Epochs
from keras_anytime.data.tfds import DIGITS
from keras_anytime.data.tfds import digits_info
from keras_anytime.data.tfds import read_digits
from keras_anytime.data.tfds import read_tfds
from keras_anytime.data.tfds import tfds_info
from keras_anytime.data.splits import check_count

__all__ = ["DatasetInfo", "Epochs", "info", "load"]


def info(name, data_dir=None, labels=None, download=False):
    """Returns what is known of a data set.

    Args:
        name: String, as in `load`.
        data_dir: String or `None`, as in `load`.
        labels: Dict or `None`, as in `load`. With it, `classes` and
            `class_names` are dicts by label sets.
        download: Boolean, as in `load`.

    Returns:
        A `DatasetInfo`.

    Raises:
        ValueError: If the data set or one of the labels is unknown, or it does
            not describe itself as it should.
        FileNotFoundError: If it has not been prepared.
        OSError: If it cannot be fetched.
        ImportError: If it is to be fetched on JAX.
    """
    name = _as_text(name)
    if name == DIGITS.name:
        return digits_info(labels)
    if is_npz(name):
        return npz_info(name, labels)
    if _has_tensorflow():
        return tfds_info(name, data_dir, labels, download)
    with _refused(download):
        return folder_info(name, data_dir, labels)


def load(
    name,
    batch_size=128,
    splits=None,
    seed=0,
    augment=True,
    data_dir=None,
    download=False,
    labels=None,
    drop_remainder=False,
):
    """Returns pipelines of images and labels, one for each split.

    ```python
    train, val = ka.data.load(
        "cifar10", batch_size=128, splits=("train[:45000]", "train[45000:]")
    )
    ```

    The first split is for training: it is shuffled anew in each pass, and
    augmented. The others are read in order, as they are. The same seed gives
    the same passes in the same order, which `fit` ties to its epochs.

    Args:
        name: `"digits"`, the 1,797 handwritten digits of 8x8 pixels that ship
            inside scikit-learn; or a data set of TensorFlow Datasets that has
            labels and one image size, such as `"cifar10"`; or the path of an
            `.npz` file with arrays `x_train`, `y_train`, `x_test`, `y_test`:
            uint8 images of one size, channels last, and one integer label
            each.
        batch_size: Integer of 1 or more.
        splits: Sequence of splits in the notation of TensorFlow Datasets.
            `None` means four fifths and the held-out fifth of the digits,
            `("train", "test")` otherwise.
        seed: Integer. Determines order and augmentation.
        augment: Boolean. Whether the first split is padded by 4 pixels, cropped
            and mirrored at random. The digits never are.
        data_dir: String, the folder of prepared TFDS data sets. `None` means
            the environment's `TFDS_DATA_DIR`, else `~/tensorflow_datasets`.
        download: Boolean. Whether to fetch and prepare a data set that is not
            there.
        labels: Dict from label sets, finest first, to the features of the data
            set that hold them, for hierarchical prediction: `{"fine": "label",
            "coarse": "coarse_label"}` for CIFAR-100. `None` means the one
            feature `"label"`.
        drop_remainder: Boolean. Whether the last batch of a training pass is
            left out where it is smaller, rather than compiled for.

    Returns:
        List of data sets, each of pairs of float32 images `(batch, height,
        width, channels)`, normalized by channel, and int64 labels `(batch,)`,
        or a dict of such by label sets. The last batch of a pass may be
        smaller. On the TensorFlow backend each is a `tf.data.Dataset`, on
        JAX a `keras.utils.PyDataset` of the same passes, for which no
        TensorFlow needs to be installed; both can be iterated over, and
        have a length.

    Raises:
        ValueError: If an argument is not one of these, or the data set is
            damaged.
        FileNotFoundError: If the data set has not been prepared; says how to
            get it.
        OSError: If it cannot be fetched.
        ImportError: If a data set is to be fetched on JAX.
    """
    if not isinstance(batch_size, numbers.Integral) or batch_size < 1:
        raise ValueError(
            "`batch_size` must be a whole number of 1 or more. "
            f"Received: batch_size={batch_size}"
        )
    if not isinstance(seed, numbers.Integral) or seed < 0:
        raise ValueError(
            f"`seed` must be a whole number of 0 or more. Received: seed={seed}"
        )
    if isinstance(splits, str):
        raise ValueError(
            "`splits` must be a sequence of splits, the training split first. "
            f"Received: splits={splits!r}"
        )
    name = _as_text(name)
    if name == DIGITS.name:
        splits = splits or ("train[:80%]", "train[80%:]")
        pairs = read_digits(splits, labels)
    else:
        splits = splits or ("train", "test")
        pairs = _read(name, splits, data_dir, download, labels)
    about = info(name, data_dir, labels)
    for split, (images, _) in zip(splits, pairs, strict=True):
        check_count(len(images), split, name)
    if drop_remainder and len(pairs[0][0]) < batch_size:
        raise ValueError(
            f"`drop_remainder` leaves nothing of {len(pairs[0][0])} training "
            f"images. Received: batch_size={batch_size}"
        )
    if not augment:
        about = dataclasses.replace(about, pad=0, flip=False)
    if _has_tensorflow():
        from keras_anytime.data import pipeline as batches
    else:
        from keras_anytime.data import batches
    first, *others = pairs
    return [
        batches.training_batches(
            *first, about, batch_size, seed, drop_remainder
        ),
        *(
            batches.evaluation_batches(*pair, about, batch_size)
            for pair in others
        ),
    ]


def _read(name, splits, data_dir, download, labels):
    if is_npz(name):
        return read_npz(name, splits, labels)
    if _has_tensorflow():
        return read_tfds(name, splits, data_dir, download, labels)
    with _refused(download):
        return read_folder(name, splits, data_dir, labels)


@contextlib.contextmanager
def _refused(download):
    """Says why a data set that is not there is not fetched."""
    try:
        yield
    except FileNotFoundError as error:
        if not download:
            raise
        raise ImportError(
            "TensorFlow Datasets fetches data, with the TensorFlow backend; "
            "JAX reads what it has prepared. Received: download=True with "
            f"KERAS_BACKEND={keras.backend.backend()}"
        ) from error


def _as_text(name):
    return os.fspath(name) if isinstance(name, os.PathLike) else name


def _has_tensorflow():
    return keras.backend.backend() == "tensorflow"
