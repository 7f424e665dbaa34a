"""Data sets in an `.npz` file, in the format that `keras.datasets` downloads.

A file holds the arrays `x_train`, `y_train` and, optionally, `x_test` and
`y_test`.
"""

import os
import zipfile
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_anytime.data.array_checks import check_arrays
from keras_anytime.data.info import DatasetInfo
from keras_anytime.data.label_sets import LabeledImages
from keras_anytime.data.label_sets import by_label_set
from keras_anytime.data.label_sets import label_features
from keras_anytime.data.splits import parse_split
from keras_anytime.files import user_path

_NAMES = ("x_train", "y_train", "x_test", "y_test")
# A file that expands to more than both limits was made to exhaust memory. The
# bytes of images shrink to a tenth at best, but a bomb shrinks to a thousandth.
_MIN_LIMIT = 1 << 30
_MAX_EXPANSION = 100


def is_npz(name: object) -> bool:
    """Tells if the name of a data set is the path of an `.npz` file."""
    return str(name).lower().endswith(".npz")


def npz_info(
    path: str | os.PathLike, labels: Mapping[str, str] | None = None
) -> DatasetInfo:
    """Returns the description of the data set in a file.

    Its means and standard deviations are computed from the training images.

    Args:
        path: String or path, as in `keras_anytime.data.load`.
        labels: Dict or `None`, as in `keras_anytime.data.load`.

    Returns:
        A `DatasetInfo`, whose class names are numbers.

    Raises:
        ValueError: If the file does not have the format that
            `keras_anytime.data.load` describes.
        FileNotFoundError: If the file does not exist.
    """
    features = label_features(labels, ("label",), str(path))
    splits = _read_splits(path)
    images, _ = splits["train"]
    classes = 1 + max(
        int(split_labels.max(initial=0)) for _, split_labels in splits.values()
    )
    names = tuple(map(str, range(classes)))
    pixels = images.reshape(-1, images.shape[-1])
    count = max(1, len(pixels))
    # Histograms are exact, and need no array of floats.
    histograms = [np.bincount(channel, minlength=256) for channel in pixels.T]
    values = np.arange(256) / 255
    means = [float(histogram @ values / count) for histogram in histograms]
    deviations = [
        float(np.sqrt(histogram @ (values - mean) ** 2 / count)) or 1.0
        for histogram, mean in zip(histograms, means, strict=True)
    ]
    _, height, width, channels = images.shape
    return DatasetInfo(
        name=str(path),
        image_shape=(height, width, channels),
        class_names=by_label_set({"label": names}, features),
        mean=tuple(means),
        std=tuple(deviations),
    )


def read_npz(
    path: str | os.PathLike,
    splits: Sequence[str],
    labels: Mapping[str, str] | None = None,
) -> list[LabeledImages]:
    """Reads splits of a file into memory.

    Args:
        path: String or path, as in `keras_anytime.data.load`.
        splits: Sequence of strings such as `"train[:45000]"`.
        labels: Dict or `None`, as in `keras_anytime.data.load`.

    Returns:
        List of pairs of uint8 images `(examples, height, width, channels)`
        and int64 labels `(examples,)`, or a dict from label sets to labels.

    Raises:
        ValueError: If the file does not have the format that
            `keras_anytime.data.load` describes, or a split is unknown.
        FileNotFoundError: If the file does not exist.
    """
    features = label_features(labels, ("label",), str(path))
    wholes = _read_splits(path)
    sizes = {name: len(images) for name, (images, _) in wholes.items()}
    pairs = []
    for split in splits:
        parts = [
            [array[positions.start : positions.stop] for array in wholes[whole]]
            for whole, positions in parse_split(split, sizes, str(path))
        ]
        images, values = (
            np.concatenate(arrays) for arrays in zip(*parts, strict=True)
        )
        pairs.append((images, by_label_set({"label": values}, features)))
    return pairs


def _read_splits(
    path: str | os.PathLike,
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Returns a dict from splits to their images and labels."""
    arrays = _read_arrays(path)
    splits = {}
    for split in ("train", "test"):
        x, y = f"x_{split}", f"y_{split}"
        if split == "test" and x not in arrays and y not in arrays:
            continue
        if x not in arrays or y not in arrays:
            raise ValueError(
                "An .npz data set has the arrays x_train, y_train and, if "
                "it has a test split, x_test, y_test. Received: "
                f"{str(path)!r} with {sorted(arrays)}"
            )
        splits[split] = check_arrays(arrays[x], arrays[y], split, path)
    sizes = {images.shape[1:] for images, _ in splits.values()}
    if len(sizes) > 1:
        raise ValueError(
            "The images of both splits must have one size. Received: "
            f"{str(path)!r} with {sorted(sizes)}"
        )
    return splits


def _read_arrays(path: str | os.PathLike) -> dict[str, Any]:
    """Returns the arrays of a file by name; unused arrays are `None`."""
    path = user_path(path)
    if not path.is_file():
        raise FileNotFoundError(f"There is no data set {str(path)!r}.")
    name = "the file"
    max_size = max(_MIN_LIMIT, _MAX_EXPANSION * path.stat().st_size)
    try:
        with np.load(path) as file:
            expanded_size = _expanded_size(file.zip)
            if expanded_size <= max_size:
                # Errors name the unused arrays too.
                arrays = dict.fromkeys(file.files)
                for name in set(_NAMES).intersection(arrays):
                    arrays[name] = file[name]
                    # NumPy returns the bytes of what is not an array.
                    if not isinstance(arrays[name], np.ndarray):
                        raise ValueError("it is not an array")
                return arrays
    # NumPy and zipfile raise many types of errors for damaged files, and for a
    # file of a single array, which is not an archive.
    except Exception as error:
        raise ValueError(
            "An .npz data set is an archive of arrays as `numpy.savez` writes "
            "it, without Python objects: resize images of several sizes to one "
            "size, and stack them with `numpy.stack`. Received: "
            f"{str(path)!r}, of which {name} cannot be read ({error})"
        ) from error
    raise ValueError(
        "The file expands to far more than its size, which would fill the "
        "memory. If this is intended, save its arrays with `numpy.savez`, "
        f"which does not compress them. Received: {str(path)!r} that expands "
        f"to {expanded_size} bytes; at most {max_size} are allowed"
    )


def _expanded_size(archive: zipfile.ZipFile) -> int:
    """Returns the size of the arrays of an archive before any is read.

    The archive states these sizes, and never more bytes are read.
    """
    members = [
        member
        for member in archive.infolist()
        if member.filename.removesuffix(".npy") in _NAMES
    ]
    for member in members:
        # NumPy writes these two kinds. Other kinds return more bytes at a time
        # than are asked for.
        if member.compress_type not in (
            zipfile.ZIP_STORED,
            zipfile.ZIP_DEFLATED,
        ):
            raise ValueError(f"compression of kind {member.compress_type}")
    return sum(member.file_size for member in members)
