"""What a prepared folder of TensorFlow Datasets tells of itself.

`dataset_info.json` has the splits and how many examples each file holds,
`features.json` what an example consists of, `<feature>.labels.txt` the names of
classes. All of it is checked: a folder may be damaged, or somebody else's.
"""

import contextlib
import json
import pathlib
import stat

from keras_anytime.data.label_sets import MOST_CLASSES
from keras_anytime.data.tfrecords import check_records

# Of each file that describes a folder; they have kilobytes.
_MOST_BYTES = 1 << 24


def check_description(folder):
    """Raises a `ValueError` if a folder does not describe itself as it should.

    Args:
        folder: A `pathlib.Path`.
    """
    for pattern in ("*.json", "*.labels.txt"):
        for path in folder.glob(pattern):
            _check_file(path)
    read_splits(folder)
    # Folders of old versions have none.
    if (folder / "features.json").exists():
        _, _, classes, _ = read_features(folder)
        for feature, count in classes.items():
            read_class_names(folder, feature, count)


def read_features(folder):
    """Returns what an example of a folder consists of.

    Args:
        folder: A `pathlib.Path`.

    Returns:
        Tuple of the shape of images with `None` for what varies, their dtype,
        a dict from the features that are labels to their numbers of classes,
        and the names of all features. Shape and dtype are `None` of what has
        no image.

    Raises:
        ValueError: If the folder does not describe itself so.
    """
    path = folder / "features.json"
    about = _json(path)
    with _as_written(path):
        known = about.get("featuresDict", {}).get("features", {})
        image = known.get("image", {}).get("image")
        shape = dtype = None
        if image is not None:
            sizes = image.get("shape", {}).get("dimensions", ())
            shape = tuple(_whole(size, -1) for size in sizes)
            shape = tuple(None if one == -1 else one for one in shape)
            dtype = str(image.get("dtype", "uint8"))
        classes = {
            name: _whole(feature["classLabel"].get("numClasses", 0), 0)
            for name, feature in known.items()
            if "classLabel" in feature
        }
        for name, count in classes.items():
            if count > MOST_CLASSES:
                raise ValueError(f"{count} classes of {name!r}")
        return shape, dtype, classes, sorted(known)


def read_class_names(folder, feature, count):
    """Returns the names of a feature's classes; numbers if there are none.

    Args:
        folder: A `pathlib.Path`.
        feature: String.
        count: Integer. How many there must be; 0 where nobody knows.

    Raises:
        ValueError: If there are more or fewer, or none.
    """
    with _as_written(folder / "features.json"):
        path = folder / _plain(f"{feature}.labels.txt")
    names = tuple(map(str, range(count)))
    if path.exists():
        names = tuple(_text(path).splitlines())
    if not names or len(names) != (count or len(names)):
        raise ValueError(
            f"{str(path)!r} is damaged: it names {len(names)} classes of "
            f"{count}; fetch it again."
        )
    return names


def read_splits(folder):
    """Returns the files of each split, and how many examples they hold.

    Args:
        folder: A `pathlib.Path`.

    Returns:
        Pair of the format of the files, and a dict from splits to lists of
        pairs of a `pathlib.Path` and an integer, in order. It is empty if the
        format is not `"tfrecord"`.

    Raises:
        ValueError: If the folder does not describe itself so.
    """
    path = folder / "dataset_info.json"
    about = _json(path)
    with _as_written(path):
        form = about.get("fileFormat", "tfrecord")
        known = about["splits"] if form == "tfrecord" else ()
        return form, {one["name"]: _files(folder, about, one) for one in known}


def check_files(splits, wanted):
    """Raises an error if files are not there, or are other than they should be.

    Args:
        splits: Dict, as `read_splits` returns.
        wanted: Collection of the names of those splits that are to be read.

    Raises:
        ValueError: If a file is damaged.
        FileNotFoundError: If one is missing.
    """
    for name in wanted:
        for path, count in splits[name]:
            check_records(path, count)


def _files(folder, about, split):
    pattern = split.get("filepathTemplate") or (
        "{DATASET}-{SPLIT}.{FILEFORMAT}-{SHARD_X_OF_Y}"
    )
    for key, value in (
        ("{DATASET}", about["name"]),
        ("{SPLIT}", split["name"]),
        ("{FILEFORMAT}", "tfrecord"),
    ):
        pattern = pattern.replace(key, value)
    counts = [_whole(one, 0) for one in split["shardLengths"]]
    files = [
        pattern.replace("{SHARD_X_OF_Y}", f"{n:05d}-of-{len(counts):05d}")
        for n in range(len(counts))
    ]
    if len(set(files)) < len(files):
        raise ValueError(f"files of one name, {pattern!r}")
    paths = [folder / _plain(file) for file in files]
    return list(zip(paths, counts, strict=True))


def _plain(name):
    """Returns a file's name, if it is one in the folder itself."""
    if name in ("", "..") or pathlib.PurePath(name).name != name:
        raise ValueError(f"{name!r} is no file of the folder")
    return name


def _whole(number, least):
    """Returns an integer that is written as one, or as a string."""
    value = int(str(number))
    if value < least:
        raise ValueError(f"{value} where {least} is the least")
    return value


def _json(path):
    text = _text(path)
    with _as_written(path):
        return json.loads(text)


def _text(path):
    _check_file(path)
    with _as_written(path):
        return path.read_text(encoding="utf-8")


def _check_file(path):
    about = path.stat()
    if not stat.S_ISREG(about.st_mode) or about.st_size > _MOST_BYTES:
        raise ValueError(
            f"{str(path)!r} is no file of up to {_MOST_BYTES} bytes."
        )


@contextlib.contextmanager
def _as_written(path):
    """Names the file whose content is not as it should be."""
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
            f"({type(error).__name__}: {error}); fetch it again."
        ) from error
