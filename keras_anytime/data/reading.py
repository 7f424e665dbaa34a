"""Reading of a data set by its name, whatever its kind."""

import contextlib
import dataclasses
import functools
import os
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from keras_anytime.data.digits import DIGITS
from keras_anytime.data.digits import digits_info
from keras_anytime.data.digits import read_digits
from keras_anytime.data.image_folders import folder_splits
from keras_anytime.data.image_folders import image_folder_info
from keras_anytime.data.image_folders import is_image_folder
from keras_anytime.data.image_folders import list_folder
from keras_anytime.data.image_folders import open_folder
from keras_anytime.data.image_stream import EncodedImages
from keras_anytime.data.image_stream import ImageStream
from keras_anytime.data.info import DatasetInfo
from keras_anytime.data.label_sets import LabeledInputs
from keras_anytime.data.label_sets import by_label_set
from keras_anytime.data.label_sets import label_features
from keras_anytime.data.label_tables import LabelTable
from keras_anytime.data.label_tables import is_label_table
from keras_anytime.data.npz import is_npz
from keras_anytime.data.npz import npz_info
from keras_anytime.data.npz import read_npz
from keras_anytime.data.record_images import open_records
from keras_anytime.data.tfds import prepared_builder
from keras_anytime.data.tfds import read_tfds
from keras_anytime.data.tfds import tfds_info
from keras_anytime.data.tfds_folders import folder_info
from keras_anytime.data.tfds_folders import labeled_image_features
from keras_anytime.data.tfds_folders import newest_folder
from keras_anytime.data.tfds_folders import read_folder
from keras_anytime.data.tfds_folders import split_sizes

_MAX_IMAGE_SIZE = 8192

DataDir = str | os.PathLike | None
#: Dict from label sets to features, the path of a table, or `None`.
LabelsArgument = Mapping[str, str] | str | os.PathLike | None


def as_text(name: Any) -> Any:
    """Returns the name of a data set, a path as a string."""
    return os.fspath(name) if isinstance(name, os.PathLike) else name


def is_streamed(name: Any, image_size: int | None) -> bool:
    """Tells if the images of a data set are read when they are needed."""
    return image_size is not None or is_image_folder(name)


def is_resizable(name: Any) -> bool:
    """Tells if the images of a data set can be resized as they are read."""
    return name != DIGITS.name and not is_npz(name)


def check_image_size(name: Any, image_size: Any) -> None:
    """Raises an error if images cannot be resized as asked for.

    Args:
        name: The name of the data set.
        image_size: As in `keras_anytime.data.load`.

    Raises:
        ValueError: If it is not an integer in range, or the data set is one of
            arrays in memory.
    """
    if image_size is None:
        return
    if (
        not isinstance(image_size, int)
        or isinstance(image_size, bool)
        or not 1 <= image_size <= _MAX_IMAGE_SIZE
    ):
        raise ValueError(
            f"`image_size` must be an integer from 1 to {_MAX_IMAGE_SIZE}: "
            f"height and width in pixels. Received: image_size={image_size!r}"
        )
    if not is_resizable(name):
        raise ValueError(
            "`image_size` resizes images of TFDS data sets and of folders; "
            "leave it out for 'digits' and .npz files, whose images have one "
            f"size. Received: image_size={image_size} for {name!r}"
        )


def read_info(
    name: str,
    data_dir: DataDir,
    labels: LabelsArgument,
    download: bool,
    image_size: int | None,
) -> DatasetInfo:
    """Returns the description of a data set.

    Args:
        name: String.
        data_dir: As in `keras_anytime.data.load`.
        labels: As in `keras_anytime.data.load`.
        download: As in `keras_anytime.data.load`.
        image_size: As in `keras_anytime.data.load`.

    Raises:
        ValueError, FileNotFoundError, OSError, ImportError: As
            `keras_anytime.data.info`.
    """
    if is_label_table(labels):
        info = read_info(name, data_dir, None, download, image_size)
        table = _label_table(labels, info)
        return dataclasses.replace(info, class_names=table.class_names)
    assert labels is None or not isinstance(labels, os.PathLike)
    features: Any = labels
    if name == DIGITS.name:
        return digits_info(features)
    if is_npz(name):
        return npz_info(name, features)
    if is_image_folder(name):
        label_features(features, ("label",), name)
        info = image_folder_info(name, image_size)
        names = {"label": info.class_names}
        sets = label_features(features, names, name)
        return dataclasses.replace(info, class_names=by_label_set(names, sets))
    if not _has_tensorflow():
        with _explaining_no_download(download):
            return folder_info(name, data_dir, features, image_size)
    if image_size is None:
        return tfds_info(name, data_dir, features, download)
    _prepare(name, data_dir, download)
    return folder_info(name, data_dir, features, image_size)


def default_splits(name: str, data_dir: DataDir) -> tuple[str, str]:
    """Returns a training split and a split to measure on.

    Args:
        name: String. The name of a data set that has been prepared.
        data_dir: As in `keras_anytime.data.load`.
    """
    if name == DIGITS.name:
        return "train[:80%]", "train[80%:]"
    if is_npz(name):
        return "train", "test"
    if is_image_folder(name):
        splits = folder_splits(name)
        if len(splits) == 1:
            return "train[:80%]", "train[80%:]"
    else:
        splits = list(split_sizes(newest_folder(name, data_dir)))
    known = ["test", "validation", "val"]
    # The labels of ImageNet's test split are secret.
    if name.startswith("imagenet"):
        known = known[1:]
    return "train", next((split for split in known if split in splits), "test")


def read_images(
    name: str,
    splits: Sequence[str],
    data_dir: DataDir,
    labels: LabelsArgument,
) -> Sequence[LabeledInputs]:
    """Reads splits of a data set into memory.

    Args:
        name: String. The name of a data set that has been prepared.
        splits: Sequence of strings.
        data_dir: As in `keras_anytime.data.load`.
        labels: As in `keras_anytime.data.load`.

    Returns:
        List of pairs of inputs and labels, of most data sets uint8 images and
        int64 labels.

    Raises:
        ValueError, FileNotFoundError: As `keras_anytime.data.load`.
    """
    if is_label_table(labels):
        info = read_info(name, data_dir, None, False, None)
        table = _label_table(labels, info)
        pairs = read_images(name, splits, data_dir, None)
        return [
            (images, table.label_sets(values))
            for images, values in pairs
            if isinstance(values, np.ndarray)
        ]
    features: Any = labels
    if name == DIGITS.name:
        return read_digits(splits, features)
    if is_npz(name):
        return read_npz(name, splits, features)
    if _has_tensorflow():
        return read_tfds(name, splits, data_dir, False, features)
    return read_folder(name, splits, data_dir, features)


def open_streams(
    name: str,
    splits: Sequence[str],
    data_dir: DataDir,
    labels: LabelsArgument,
    info: DatasetInfo,
    seed: int,
) -> list[ImageStream]:
    """Returns splits of a data set whose images are read on demand.

    Args:
        name: String. The name of a data set that has been prepared.
        splits: Sequence of strings.
        data_dir: As in `keras_anytime.data.load`.
        labels: As in `keras_anytime.data.load`.
        info: The `DatasetInfo` of the images to train on.
        seed: Integer.

    Returns:
        List of `ImageStream`s, one for each split.

    Raises:
        ValueError, OSError: As `keras_anytime.data.load`.
    """
    table = None
    features: Any = labels
    if is_label_table(labels):
        table = _label_table(
            labels,
            read_info(name, data_dir, None, False, info.image_shape[0]),
        )
        features = None
    sources: Sequence[EncodedImages]
    if is_image_folder(name):
        sets = label_features(features, ("label",), name)
        sources = open_folder(name, list_folder(name), splits)
    else:
        folder = newest_folder(name, data_dir)
        known = labeled_image_features(folder, name).classes
        sets = label_features(features, known, name)
        sources = open_records(name, folder, splits, list(sets.values()))
    to_label_sets: Any = functools.partial(by_label_set, features=sets)
    if table:
        to_label_sets = functools.partial(_look_up, table)
    return [
        ImageStream(source, info, to_label_sets, seed) for source in sources
    ]


def _look_up(
    table: LabelTable, values: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    return table.label_sets(values["label"])


def _label_table(labels: Any, info: DatasetInfo) -> LabelTable:
    return LabelTable(labels, info.class_names)


def _prepare(name: str, data_dir: DataDir, download: bool) -> None:
    """Downloads a data set that is missing, or explains how to get it."""
    try:
        newest_folder(name, data_dir)
    except (FileNotFoundError, ValueError):
        prepared_builder(name, data_dir, download)


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


def _has_tensorflow() -> bool:
    return keras.backend.backend() == "tensorflow"
