"""Data sets in one `.npz` file, as `keras.datasets` downloads them."""

import zipfile

import numpy as np

from keras_anytime.data.array_checks import check_arrays
from keras_anytime.data.info import DatasetInfo
from keras_anytime.data.label_sets import by_label_set
from keras_anytime.data.label_sets import features_of
from keras_anytime.data.splits import examples_of
from keras_anytime.files import user_path

_NAMES = ("x_train", "y_train", "x_test", "y_test")
# What expands to more than both is no data set: bytes of images shrink to a
# tenth at best, but a thousandth can be asked for.
_ANY_BYTES = 1 << 30
_MOST_TIMES = 100


def is_npz(name):
    """Whether a data set's name is the path of such a file."""
    return str(name).lower().endswith(".npz")


def npz_info(path, labels=None):
    """Returns what is known of the data set in a file.

    Means and deviations are those of its training images.

    Args:
        path: String, as in `keras_anytime.data.load`.
        labels: Dict or `None`, as in `keras_anytime.data.load`.

    Returns:
        A `DatasetInfo`, whose classes are named by their numbers.

    Raises:
        ValueError: If the file is not as `keras_anytime.data.load` says.
        FileNotFoundError: If there is no such file.
    """
    features = features_of(labels, ("label",), path)
    splits = _read(path)
    images, _ = splits["train"]
    classes = 1 + max(int(of.max(initial=0)) for _, of in splits.values())
    names = tuple(map(str, range(classes)))
    pixels = images.reshape(-1, images.shape[-1])
    count = max(1, len(pixels))
    # Sums of integers: exact, and without an array of floats.
    histograms = [np.bincount(one, minlength=256) for one in pixels.T]
    values = np.arange(256) / 255
    mean = [float(histogram @ values / count) for histogram in histograms]
    std = [
        float(np.sqrt(one @ (values - middle) ** 2 / count)) or 1.0
        for one, middle in zip(histograms, mean, strict=True)
    ]
    return DatasetInfo(
        name=str(path),
        image_shape=images.shape[1:],
        class_names=by_label_set({"label": names}, features),
        mean=tuple(mean),
        std=tuple(std),
    )


def read_npz(path, splits, labels=None):
    """Reads splits of a file into memory.

    Args:
        path: String, as in `keras_anytime.data.load`.
        splits: Sequence of strings such as `"train[:45000]"`.
        labels: Dict or `None`, as in `keras_anytime.data.load`.

    Returns:
        List of pairs of uint8 images `(examples, height, width, channels)`
        and int64 labels `(examples,)`, or a dict of them.

    Raises:
        ValueError: If the file is not as `keras_anytime.data.load` says, or a
            split is unknown.
        FileNotFoundError: If there is no such file.
    """
    features = features_of(labels, ("label",), path)
    wholes = _read(path)
    sizes = {name: len(of) for name, (_, of) in wholes.items()}
    pairs = []
    for split in splits:
        some = [
            [array[positions.start : positions.stop] for array in wholes[whole]]
            for whole, positions in examples_of(split, sizes, str(path))
        ]
        images, found = (
            np.concatenate(parts) for parts in zip(*some, strict=True)
        )
        pairs.append((images, by_label_set({"label": found}, features)))
    return pairs


def _read(path):
    """Returns a dict from splits to images and labels."""
    arrays = _arrays(path)
    found = {}
    for split in ("train", "test"):
        x, y = f"x_{split}", f"y_{split}"
        if split == "test" and x not in arrays and y not in arrays:
            continue
        if x not in arrays or y not in arrays:
            raise ValueError(
                "A data set in a file has the arrays x_train, y_train and, if "
                "it has a test split, x_test, y_test. Received: "
                f"{str(path)!r} with {sorted(arrays)}"
            )
        found[split] = check_arrays(arrays[x], arrays[y], split, path)
    sizes = {images.shape[1:] for images, _ in found.values()}
    if len(sizes) > 1:
        raise ValueError(
            "The images of both splits must have one size. Received: "
            f"{str(path)!r} with {sorted(sizes)}"
        )
    return found


def _arrays(path):
    """Returns the arrays of a file by their names."""
    path = user_path(path)
    if not path.is_file():
        raise FileNotFoundError(f"There is no data set {str(path)!r}.")
    name = "all"
    most = max(_ANY_BYTES, _MOST_TIMES * path.stat().st_size)
    try:
        with np.load(path) as file:
            expanded = _expanded_size(file.zip)
            if expanded <= most:
                # The others are named in errors only.
                arrays = dict.fromkeys(file.files)
                for name in set(_NAMES).intersection(arrays):
                    arrays[name] = file[name]
                    # What does not begin as an array does comes as bytes.
                    if not isinstance(arrays[name], np.ndarray):
                        raise ValueError("it is no array")
                return arrays
    # What NumPy and zipfile raise is different for each way to be damaged, and
    # for a single array, which is no archive.
    except Exception as error:
        raise ValueError(
            "A data set in a file is an archive of arrays as `numpy.savez` "
            "writes it, without Python objects: images of several sizes are "
            "to be resized, and stacked with `numpy.stack`. Received: "
            f"{str(path)!r}, of which {name} cannot be read ({error})"
        ) from error
    raise ValueError(
        "The file expands to far more than its size, which fills memory: if "
        "that is meant, save its arrays with `numpy.savez`, which does not "
        f"compress them. Received: {str(path)!r} that expands to {expanded} "
        f"bytes; {most} are the most"
    )


def _expanded_size(archive):
    """Returns how many bytes an archive's arrays have, before any is read.

    More than it says are not read of any.
    """
    parts = [
        member
        for member in archive.infolist()
        if member.filename.removesuffix(".npy") in _NAMES
    ]
    for part in parts:
        # What NumPy writes; the others give more than was asked for at once.
        if part.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise ValueError(f"compression of kind {part.compress_type}")
    return sum(part.file_size for part in parts)
