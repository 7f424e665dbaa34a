"""The files with which a prepared TFDS folder describes itself.

`dataset_info.json` contains the splits and the number of examples per file,
`features.json` the features of an example, and `<feature>.labels.txt` the names
of the classes. Everything is checked, because a folder may be damaged or
written by others.
"""

import contextlib
import json
import pathlib
import stat
from collections.abc import Collection
from collections.abc import Iterator
from collections.abc import Mapping
from typing import Any
from typing import NamedTuple

from keras_anytime.data.label_sets import MAX_CLASSES
from keras_anytime.data.tfrecords import check_records

# The most bytes of a file that describes a folder. These files have kilobytes.
_MAX_BYTES = 1 << 24

#: The files of each split in order, with their numbers of examples.
SplitFiles = dict[str, list[tuple[pathlib.Path, int]]]


class Features(NamedTuple):
    """The features of an example.

    Args:
        image_shape: Tuple with `None` for sizes that vary, or `None` if the
            examples have no image.
        image_dtype: String, or `None` if the examples have no image.
        classes: Dict from the features that hold labels to their numbers of
            classes.
        names: Sorted list of the names of all features.
    """

    image_shape: tuple[int | None, ...] | None
    image_dtype: str | None
    classes: dict[str, int]
    names: list[str]


def check_description(folder: pathlib.Path) -> None:
    """Raises an error if the description of a folder is damaged.

    Args:
        folder: The prepared folder.

    Raises:
        ValueError: If a file of the description is damaged.
    """
    for pattern in ("*.json", "*.labels.txt"):
        for path in folder.glob(pattern):
            _check_file(path)
    read_splits(folder)
    # Old versions of TFDS did not write this file.
    if (folder / "features.json").exists():
        for feature, count in read_features(folder).classes.items():
            read_class_names(folder, feature, count)


def read_features(folder: pathlib.Path) -> Features:
    """Returns the features of the examples of a folder.

    Args:
        folder: The prepared folder.

    Returns:
        A `Features`.

    Raises:
        ValueError: If the description is damaged.
    """
    path = folder / "features.json"
    content = _read_json(path)
    with _naming_file(path):
        features = content.get("featuresDict", {}).get("features", {})
        image = features.get("image", {}).get("image")
        shape = dtype = None
        if image is not None:
            sizes = image.get("shape", {}).get("dimensions", ())
            numbers = [_parse_integer(size, -1) for size in sizes]
            shape = tuple(None if size == -1 else size for size in numbers)
            dtype = str(image.get("dtype", "uint8"))
        classes = {
            name: _parse_integer(feature["classLabel"].get("numClasses", 0), 0)
            for name, feature in features.items()
            if "classLabel" in feature
        }
        for name, count in classes.items():
            if count > MAX_CLASSES:
                raise ValueError(f"{count} classes of {name!r}")
        return Features(shape, dtype, classes, sorted(features))


def read_class_names(
    folder: pathlib.Path, feature: str, count: int
) -> tuple[str, ...]:
    """Returns the class names of a feature, or numbers if it has no names.

    Args:
        folder: The prepared folder.
        feature: String. The feature that holds the labels.
        count: Integer. The required number of classes, or 0 if it is unknown.

    Raises:
        ValueError: If there are no classes, or not `count` of them.
    """
    with _naming_file(folder / "features.json"):
        path = folder / _check_file_name(f"{feature}.labels.txt")
    names = tuple(map(str, range(count)))
    if path.exists():
        names = tuple(_read_text(path).splitlines())
    if not names or len(names) != (count or len(names)):
        raise ValueError(
            f"{str(path)!r} is damaged: it names {len(names)} classes of "
            f"{count}; download it again."
        )
    return names


def read_splits(folder: pathlib.Path) -> tuple[str, SplitFiles]:
    """Returns the files of each split and their numbers of examples.

    Args:
        folder: The prepared folder.

    Returns:
        Pair of the format of the files, and a dict from splits to lists of
        pairs of a path and an integer, in order. The dict is empty if the
        format is not `"tfrecord"`.

    Raises:
        ValueError: If the description is damaged.
    """
    path = folder / "dataset_info.json"
    content = _read_json(path)
    with _naming_file(path):
        file_format = content.get("fileFormat", "tfrecord")
        splits = content["splits"] if file_format == "tfrecord" else ()
        return file_format, {
            split["name"]: _split_files(folder, content, split)
            for split in splits
        }


def check_files(splits: SplitFiles, wanted: Collection[str]) -> None:
    """Raises an error if the files of a split are missing or damaged.

    Args:
        splits: Dict, as `read_splits` returns it.
        wanted: Collection of strings. The splits to check.

    Raises:
        ValueError: If a file is damaged.
        FileNotFoundError: If a file is missing.
    """
    for name in wanted:
        for path, count in splits[name]:
            check_records(path, count)


def _split_files(
    folder: pathlib.Path, content: Mapping[str, Any], split: Mapping[str, Any]
) -> list[tuple[pathlib.Path, int]]:
    pattern = split.get("filepathTemplate") or (
        "{DATASET}-{SPLIT}.{FILEFORMAT}-{SHARD_X_OF_Y}"
    )
    for key, value in (
        ("{DATASET}", content["name"]),
        ("{SPLIT}", split["name"]),
        ("{FILEFORMAT}", "tfrecord"),
    ):
        pattern = pattern.replace(key, value)
    counts = [_parse_integer(length, 0) for length in split["shardLengths"]]
    names = [
        pattern.replace("{SHARD_X_OF_Y}", f"{n:05d}-of-{len(counts):05d}")
        for n in range(len(counts))
    ]
    if len(set(names)) < len(names):
        raise ValueError(f"several files of one name, {pattern!r}")
    paths = [folder / _check_file_name(name) for name in names]
    return list(zip(paths, counts, strict=True))


def _check_file_name(name: str) -> str:
    """Returns the name of a file, which must lie in the folder itself."""
    if name in ("", "..") or pathlib.PurePath(name).name != name:
        raise ValueError(f"{name!r} is not a file in the folder")
    return name


def _parse_integer(number: object, minimum: int) -> int:
    """Returns an integer that is written as a number or as a string."""
    value = int(str(number))
    if value < minimum:
        raise ValueError(f"{value} where {minimum} is the least")
    return value


def _read_json(path: pathlib.Path) -> Any:
    text = _read_text(path)
    with _naming_file(path):
        return json.loads(text)


def _read_text(path: pathlib.Path) -> str:
    _check_file(path)
    with _naming_file(path):
        return path.read_text(encoding="utf-8")


def _check_file(path: pathlib.Path) -> None:
    status = path.stat()
    if not stat.S_ISREG(status.st_mode) or status.st_size > _MAX_BYTES:
        raise ValueError(
            f"{str(path)!r} is not a regular file of up to {_MAX_BYTES} bytes."
        )


@contextlib.contextmanager
def _naming_file(path: pathlib.Path) -> Iterator[None]:
    """Turns errors about the content of a file into errors that name it."""
    try:
        yield
    except (
        AttributeError,
        KeyError,
        RecursionError,
        TypeError,
        ValueError,
    ) as error:
        raise ValueError(
            f"{str(path)!r} is not as TensorFlow Datasets writes it "
            f"({type(error).__name__}: {error}); download it again."
        ) from error
