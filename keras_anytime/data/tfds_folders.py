"""Reading of prepared TFDS folders without TensorFlow.

A folder is read according to its own description, and refused if its files
differ from it.
"""

import os
import pathlib
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_anytime.data.dataset_names import check_name
from keras_anytime.data.dataset_names import not_prepared_error
from keras_anytime.data.folder_description import Features
from keras_anytime.data.folder_description import SplitFiles
from keras_anytime.data.folder_description import check_description
from keras_anytime.data.folder_description import check_files
from keras_anytime.data.folder_description import read_class_names
from keras_anytime.data.folder_description import read_features
from keras_anytime.data.folder_description import read_splits
from keras_anytime.data.image_decoding import decode_image
from keras_anytime.data.info import DatasetInfo
from keras_anytime.data.info import build_info
from keras_anytime.data.label_sets import LabeledImages
from keras_anytime.data.label_sets import by_label_set
from keras_anytime.data.label_sets import check_labels
from keras_anytime.data.label_sets import label_features
from keras_anytime.data.splits import allocate_images
from keras_anytime.data.splits import parse_split
from keras_anytime.data.tf_examples import parse_example
from keras_anytime.data.tfrecords import read_records
from keras_anytime.files import user_path


def data_dir_or_default(data_dir: str | os.PathLike | None = None) -> str:
    """Returns the folder of prepared TFDS data sets.

    Args:
        data_dir: String, path or `None`, as in `keras_anytime.data.load`.
    """
    return str(
        user_path(
            data_dir
            or os.environ.get("TFDS_DATA_DIR")
            or os.path.join("~", "tensorflow_datasets")
        )
    )


def folder_info(
    name: str,
    data_dir: str | os.PathLike | None = None,
    labels: Mapping[str, str] | None = None,
    image_size: int | None = None,
) -> DatasetInfo:
    """Returns the description of a prepared data set.

    Args:
        name: String. The data set's name.
        data_dir: String, path or `None`, as in `keras_anytime.data.load`.
        labels: Dict or `None`, as in `keras_anytime.data.load`.
        image_size: Integer or `None`, as in `keras_anytime.data.load`.

    Returns:
        A `DatasetInfo`.

    Raises:
        ValueError: If the name is not that of a data set, its images differ in
            size, or it has no such labels.
        FileNotFoundError: If the data set has not been prepared.
    """
    folder = newest_folder(name, data_dir)
    described = labeled_image_features(folder, name)
    features = label_features(labels, described.classes, name)
    class_names = {
        feature: read_class_names(folder, feature, described.classes[feature])
        for feature in features.values()
    }
    assert described.image_shape and described.image_dtype
    return build_info(
        name,
        described.image_shape,
        described.image_dtype,
        by_label_set(class_names, features),
        image_size,
    )


def read_folder(
    name: str,
    splits: Sequence[str],
    data_dir: str | os.PathLike | None = None,
    labels: Mapping[str, str] | None = None,
) -> list[LabeledImages]:
    """Reads splits of a prepared data set into memory.

    Args:
        name: String. The data set's name.
        splits: Sequence of strings such as `"train[:45000]"`.
        data_dir: String, path or `None`, as in `keras_anytime.data.load`.
        labels: Dict or `None`, as in `keras_anytime.data.load`.

    Returns:
        List of pairs of uint8 images `(examples, height, width, channels)`
        and int64 labels `(examples,)`, or a dict from label sets to labels.

    Raises:
        ValueError: If a split or a feature is unknown, or a file is damaged.
        FileNotFoundError: If the data set has not been prepared.
    """
    shape = folder_info(name, data_dir, labels).image_shape
    folder = newest_folder(name, data_dir)
    classes = labeled_image_features(folder, name).classes
    features = label_features(labels, classes, name)
    files = split_files(folder)
    sizes = split_sizes(folder)
    # All splits are checked before any of them is read.
    parsed_splits = [parse_split(split, sizes, name) for split in splits]
    check_files(files, {whole for parts in parsed_splits for whole, _ in parts})
    wanted = {"image": bytes, **dict.fromkeys(features.values(), int)}
    pairs = []
    for parts in parsed_splits:
        count = sum(len(positions) for _, positions in parts)
        images = allocate_images(count, shape, name)
        values = {
            feature: np.empty(count, "int64") for feature in features.values()
        }
        number = 0
        for whole, positions in parts:
            for example in _read_examples(
                files[whole], positions, wanted, shape
            ):
                images[number] = example["image"]
                for feature, array in values.items():
                    array[number] = example[feature]
                number += 1
        for feature, array in values.items():
            check_labels(array, classes[feature], feature, name)
        pairs.append((images, by_label_set(values, features)))
    return pairs


def split_files(folder: pathlib.Path) -> SplitFiles:
    """Returns the files of each split of a prepared folder.

    Args:
        folder: The prepared folder.

    Returns:
        Dict from splits to lists of pairs of a path and its number of examples.

    Raises:
        ValueError: If the folder has files of another format.
    """
    file_format, files = read_splits(folder)
    if file_format != "tfrecord":
        raise ValueError(
            "Without TensorFlow, and with image_size, only folders of TFRecord "
            f"files can be read. Received: {str(folder)!r} of {file_format}"
        )
    return files


def split_sizes(folder: pathlib.Path) -> dict[str, int]:
    """Returns the number of examples of each split of a prepared folder.

    Args:
        folder: The prepared folder.
    """
    _, files = read_splits(folder)
    return {
        whole: sum(count for _, count in of_split)
        for whole, of_split in files.items()
    }


def newest_folder(
    name: str, data_dir: str | os.PathLike | None = None
) -> pathlib.Path:
    """Returns the folder of the latest version of a prepared data set.

    Args:
        name: String. The data set's name.
        data_dir: String, path or `None`, as in `keras_anytime.data.load`.

    Raises:
        ValueError: If the name is not that of a data set, or the description
            of the folder is damaged.
        FileNotFoundError: If the data set has not been prepared.
    """
    root = data_dir_or_default(data_dir)
    check_name(name, root)
    dataset, _, version = name.partition(":")
    folders = [
        path.parent
        for path in pathlib.Path(root, dataset).glob("*/dataset_info.json")
        if version in ("", path.parent.name)
    ]
    if not folders:
        raise not_prepared_error(
            name,
            root,
            "Without TensorFlow only prepared folders can be read: on a "
            "machine with TensorFlow and internet, prepare it with "
            f"keras_anytime.data.load({name!r}, download=True), and set "
            "TFDS_DATA_DIR to the folder that has it.",
        )
    folder = max(folders, key=_version)
    check_description(folder)
    return folder


def _version(folder: pathlib.Path) -> list[int]:
    return [
        int(part) if part.isdecimal() else -1 for part in folder.name.split(".")
    ]


def labeled_image_features(folder: pathlib.Path, name: str) -> Features:
    """Returns the features of a folder, which must have images and labels.

    Args:
        folder: The prepared folder.
        name: String. The data set's name, for errors.

    Raises:
        ValueError: If the examples have no images or no labels.
    """
    features = read_features(folder)
    if features.image_shape is None or not features.classes:
        raise ValueError(
            "A data set for classification needs the feature 'image' and "
            f"labels. Received: name={name!r} with {features.names}"
        )
    return features


def _read_examples(
    files: Iterable[tuple[pathlib.Path, int]],
    positions: range,
    wanted: Mapping[str, type],
    shape: tuple[int, int, int],
) -> Iterator[dict[str, Any]]:
    """Yields the examples at some positions of a split, in order."""
    start = 0
    for path, count in files:
        in_file = range(
            max(positions.start - start, 0), min(positions.stop - start, count)
        )
        for number, record in zip(
            in_file, read_records(path, in_file), strict=True
        ):
            try:
                example = parse_example(record, wanted)
                example["image"] = decode_image(example["image"], shape)
            except ValueError as error:
                raise ValueError(
                    f"Record {number} of {str(path)!r} is not an example of "
                    f"the data set: {error}."
                ) from error
            yield example
        start += count
