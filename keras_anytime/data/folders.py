"""Reads prepared folders of TensorFlow Datasets where there is no TensorFlow.

A folder describes itself: `dataset_info.json` has its splits and how many
examples each file holds, `features.json` what an example consists of. Images
are decoded by Pillow.
"""

import io
import json
import os
import pathlib

import numpy as np

from keras_anytime.data.info import info_of
from keras_anytime.data.label_sets import by_label_set
from keras_anytime.data.label_sets import features_of
from keras_anytime.data.names import check_name
from keras_anytime.data.names import not_prepared
from keras_anytime.data.records import parse_example
from keras_anytime.data.records import read_records
from keras_anytime.data.splits import examples_of
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
    folder = _folder(name, data_dir)
    known = _features(folder, name)
    features = features_of(labels, _label_features(known), name)
    class_names = {one: _class_names(folder, one) for one in features.values()}
    shape = known["image"]["image"].get("shape", {}).get("dimensions", ())
    shape = tuple(int(size) if int(size) > 0 else None for size in shape)
    return info_of(name, shape, by_label_set(class_names, features))


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
    folder = _folder(name, data_dir)
    known = _features(folder, name)
    features = features_of(labels, _label_features(known), name)
    wholes = _splits(folder)
    sizes = {one: sum(lengths) for one, (_, lengths) in wholes.items()}
    # All splits are looked up before any is read.
    parts = [examples_of(split, sizes, name) for split in splits]
    pairs = []
    for some in parts:
        images, found = [], {one: [] for one in features.values()}
        for whole, positions in some:
            for example in _examples(folder, *wholes[whole], positions):
                images.append(_decoded(example["image"][0], known))
                for one, values in found.items():
                    values.append(example[one][0])
        arrays = {one: np.array(of, "int64") for one, of in found.items()}
        pairs.append(
            (
                np.array(images, "uint8").reshape(-1, *shape),
                by_label_set(arrays, features),
            )
        )
    return pairs


def _folder(name, data_dir):
    """Returns the folder of the latest version of a data set."""
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
    return max(found, key=_version)


def _version(folder):
    return [
        int(one) if one.isdecimal() else -1 for one in folder.name.split(".")
    ]


def _features(folder, name):
    known = json.loads((folder / "features.json").read_text())
    known = known.get("featuresDict", {}).get("features", {})
    if "image" not in known.get("image", {}) or not _label_features(known):
        raise ValueError(
            "A data set to classify needs the feature 'image', and labels. "
            f"Received: name={name!r} with {sorted(known)}"
        )
    return known


def _label_features(known):
    return [one for one, value in known.items() if "classLabel" in value]


def _class_names(folder, feature):
    path = folder / f"{feature}.labels.txt"
    return tuple(path.read_text().splitlines())


def _splits(folder):
    """Returns for each split the pattern of its files, and their lengths."""
    about = json.loads((folder / "dataset_info.json").read_text())
    if about.get("fileFormat", "tfrecord") != "tfrecord":
        raise ValueError(
            "Without TensorFlow only folders of TFRecord files can be read. "
            f"Received: {str(folder)!r} of {about['fileFormat']}"
        )
    pattern = "{DATASET}-{SPLIT}.{FILEFORMAT}-{SHARD_X_OF_Y}"
    found = {}
    for split in about["splits"]:
        of_split = split.get("filepathTemplate") or pattern
        for key, value in (
            ("{DATASET}", about["name"]),
            ("{SPLIT}", split["name"]),
            ("{FILEFORMAT}", "tfrecord"),
        ):
            of_split = of_split.replace(key, value)
        lengths = [int(one) for one in split["shardLengths"]]
        found[split["name"]] = of_split, lengths
    return found


def _examples(folder, pattern, lengths, positions):
    """Yields the examples at some positions of a split, in order."""
    start = 0
    for number, length in enumerate(lengths):
        place = f"{number:05d}-of-{len(lengths):05d}"
        path = folder / pattern.replace("{SHARD_X_OF_Y}", place)
        here = positions[(positions >= start) & (positions < start + length)]
        for record in read_records(path, here - start):
            yield parse_example(record)
        start += length


def _decoded(data, known):
    try:
        import PIL.Image
    except ImportError as error:
        raise ImportError(
            "Pillow decodes the images: pip install 'keras-anytime[jax]'"
        ) from error
    dimensions = known["image"]["image"]["shape"]["dimensions"]
    mode = {"1": "L", "3": "RGB", "4": "RGBA"}[str(dimensions[-1])]
    with PIL.Image.open(io.BytesIO(data)) as image:
        return np.asarray(image.convert(mode))
