"""Reads prepared folders of TensorFlow Datasets where there is no TensorFlow.

A folder is read as it describes itself, and refused where it is otherwise.
"""

import os
import pathlib

import numpy as np

from keras_anytime.data.folder_description import check_description
from keras_anytime.data.folder_description import check_files
from keras_anytime.data.folder_description import read_class_names
from keras_anytime.data.folder_description import read_features
from keras_anytime.data.folder_description import read_splits
from keras_anytime.data.tf_examples import parse_example
from keras_anytime.data.image_decoding import decode_image
from keras_anytime.data.info import info_of
from keras_anytime.data.label_sets import by_label_set
from keras_anytime.data.label_sets import check_labels
from keras_anytime.data.label_sets import features_of
from keras_anytime.data.dataset_names import check_name
from keras_anytime.data.dataset_names import not_prepared
from keras_anytime.data.tfrecords import read_records
from keras_anytime.data.splits import examples_of
from keras_anytime.data.splits import room_for
from keras_anytime.files import user_path


def data_dir_or_default(data_dir=None):
    """Returns the folder of prepared TFDS data sets."""
    return str(
        user_path(
            data_dir
            or os.environ.get("TFDS_DATA_DIR")
            or os.path.join("~", "tensorflow_datasets")
        )
    )


def folder_info(name, data_dir=None, labels=None):
    """Returns what a prepared folder tells of its data set.

    Args:
        name: String. The data set's name.
        data_dir: String or `None`, as in `keras_anytime.data.load`.
        labels: Dict or `None`, as in `keras_anytime.data.load`.

    Returns:
        A `DatasetInfo`.

    Raises:
        ValueError: If no data set has this name, or it has no images of one
            size, or no such labels.
        FileNotFoundError: If there is no such folder.
    """
    folder = newest_folder(name, data_dir)
    shape, dtype, classes = _checked_features(folder, name)
    features = features_of(labels, classes, name)
    class_names = {
        value: read_class_names(folder, value, classes[value])
        for value in features.values()
    }
    return info_of(name, shape, dtype, by_label_set(class_names, features))


def read_folder(name, splits, data_dir=None, labels=None):
    """Reads splits of a prepared folder into memory.

    Args:
        name: String. The data set's name.
        splits: Sequence of strings such as `"train[:45000]"`.
        data_dir: String or `None`, as in `keras_anytime.data.load`.
        labels: Dict or `None`, as in `keras_anytime.data.load`.

    Returns:
        List of pairs of uint8 images `(examples, height, width, channels)`
        and int64 labels `(examples,)`, or a dict of them.

    Raises:
        ValueError: If a split or a feature is unknown, or a file is damaged.
        FileNotFoundError: If there is no such folder.
    """
    shape = folder_info(name, data_dir, labels).image_shape
    folder = newest_folder(name, data_dir)
    _, _, classes = _checked_features(folder, name)
    features = features_of(labels, classes, name)
    form, files = read_splits(folder)
    if form != "tfrecord":
        raise ValueError(
            "Without TensorFlow only folders of TFRecord files can be read. "
            f"Received: {str(folder)!r} of {form}"
        )
    sizes = {one: sum(count for _, count in of) for one, of in files.items()}
    # All splits are looked up before any is read.
    parts = [examples_of(split, sizes, name) for split in splits]
    check_files(files, {whole for some in parts for whole, _ in some})
    wanted = {"image": bytes, **dict.fromkeys(features.values(), int)}
    pairs = []
    for some in parts:
        count = sum(len(positions) for _, positions in some)
        images = room_for(count, shape, name)
        found = {value: np.empty(count, "int64") for value in features.values()}
        number = 0
        for whole, positions in some:
            for example in _examples(files[whole], positions, wanted, shape):
                images[number] = example["image"]
                for one, values in found.items():
                    values[number] = example[one]
                number += 1
        for one, values in found.items():
            check_labels(values, classes[one], one, name)
        pairs.append((images, by_label_set(found, features)))
    return pairs


def newest_folder(name, data_dir=None):
    """Returns the folder of the latest version of a prepared data set.

    Args:
        name: String. The data set's name.
        data_dir: String or `None`, as in `keras_anytime.data.load`.

    Raises:
        ValueError: If no data set has this name, or the folder does not
            describe itself as it should.
        FileNotFoundError: If there is no such folder.
    """
    root = data_dir_or_default(data_dir)
    check_name(name, root)
    dataset, _, version = name.partition(":")
    found = [
        path.parent
        for path in pathlib.Path(root, dataset).glob("*/dataset_info.json")
        if version in ("", path.parent.name)
    ]
    if not found:
        raise not_prepared(
            name,
            root,
            "Without TensorFlow only prepared folders can be read: on a "
            "machine with TensorFlow and internet, prepare it with "
            f"keras_anytime.data.load({name!r}, download=True), and set "
            "TFDS_DATA_DIR to the folder that has it.",
        )
    folder = max(found, key=_version)
    check_description(folder)
    return folder


def _version(folder):
    return [
        int(one) if one.isdecimal() else -1 for one in folder.name.split(".")
    ]


def _checked_features(folder, name):
    """Returns shape and dtype of images, and numbers of classes by labels."""
    shape, dtype, classes, known = read_features(folder)
    if shape is None or not classes:
        raise ValueError(
            "A data set to classify needs the feature 'image', and labels. "
            f"Received: name={name!r} with {known}"
        )
    return shape, dtype, classes


def _examples(files, positions, wanted, shape):
    """Yields the examples at some positions of a split, in order."""
    start = 0
    for path, count in files:
        here = range(
            max(positions.start - start, 0), min(positions.stop - start, count)
        )
        for number, record in zip(here, read_records(path, here), strict=True):
            try:
                example = parse_example(record, wanted)
                example["image"] = decode_image(example["image"], shape)
            except ValueError as error:
                raise ValueError(
                    f"Record {number} of {str(path)!r} is no example of the "
                    f"data set: {error}."
                ) from error
            yield example
        start += count
