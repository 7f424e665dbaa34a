"""Data sets in an `.npz` file, in the format that `keras.datasets` downloads.

A file holds the arrays `x_train`, `y_train` and, optionally, `x_test` and
`y_test`. Several inputs are `x_train_<name>`. An array `task` says what labels
mean where their type does not tell, and `ignore_class` which label of masks
does not count.
"""

import dataclasses
import os
import re
import zipfile
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from keras_anytime import tasks as tasks_lib
from keras_anytime.data.array_checks import check_arrays
from keras_anytime.data.array_checks import is_image
from keras_anytime.data.array_checks import positions_of
from keras_anytime.data.array_labels import Declared
from keras_anytime.data.array_labels import number_of_classes
from keras_anytime.data.array_labels import task_of_labels
from keras_anytime.data.info import SMALL_IMAGES
from keras_anytime.data.info import DatasetInfo
from keras_anytime.data.info import InputInfo
from keras_anytime.data.label_sets import LabeledInputs
from keras_anytime.data.label_sets import by_label_set
from keras_anytime.data.label_sets import has_dense_labels
from keras_anytime.data.label_sets import label_features
from keras_anytime.data.splits import parse_split
from keras_anytime.files import user_path

_NAMES = re.compile(r"(x|y)_(train|test)|x_(train|test)_.+|task|ignore_class")
# Inputs by name, and labels.
_Split = tuple[dict[str | None, np.ndarray], np.ndarray]
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

    Its means and standard deviations are computed from the training inputs.

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
    arrays = _read_splits(path)
    inputs, _ = arrays.splits["train"]
    described = {name: _describe(x) for name, x in inputs.items()}
    if arrays.task is not None and None not in features:
        raise ValueError(
            "Label sets are for labels of classes. "
            f"Received: labels={labels} for {str(path)!r} with labels of "
            f"{arrays.task}"
        )
    names = tuple(map(str, range(_count_names(arrays))))
    parts = {
        part: {name: getattr(info, part) for name, info in described.items()}
        for part in ("shape", "mean", "std", "scale")
    }
    if None in described:
        parts = {part: values[None] for part, values in parts.items()}
    return DatasetInfo(
        name=str(path),
        image_shape=parts["shape"],
        class_names=by_label_set({"label": names}, features),
        mean=parts["mean"],
        std=parts["std"],
        augmentation=_augmentation(described, arrays),
        scale=parts["scale"],
        task=arrays.task,
    )


def read_npz(
    path: str | os.PathLike,
    splits: Sequence[str],
    labels: Mapping[str, str] | None = None,
) -> list[LabeledInputs]:
    """Reads splits of a file into memory.

    Args:
        path: String or path, as in `keras_anytime.data.load`.
        splits: Sequence of strings such as `"train[:45000]"`.
        labels: Dict or `None`, as in `keras_anytime.data.load`.

    Returns:
        List of pairs of inputs and labels: uint8 images `(examples, height,
        width, channels)` or another input, or a dict of inputs by name; int64
        labels `(examples,)` or those of another task, or a dict from label
        sets to labels.

    Raises:
        ValueError: If the file does not have the format that
            `keras_anytime.data.load` describes, or a split is unknown.
        FileNotFoundError: If the file does not exist.
    """
    features = label_features(labels, ("label",), str(path))
    arrays = _read_splits(path)
    sizes = {name: len(values) for name, (_, values) in arrays.splits.items()}
    pairs = []
    for split in splits:
        parts = [
            keras.tree.map_structure(
                lambda array, chosen=positions: array[
                    chosen.start : chosen.stop
                ],
                arrays.splits[whole],
            )
            for whole, positions in parse_split(split, sizes, str(path))
        ]
        inputs: Any = {
            name: np.concatenate([part[name] for part, _ in parts])
            for name in parts[0][0]
        }
        values = np.concatenate([part for _, part in parts])
        pairs.append(
            (
                inputs[None] if None in inputs else inputs,
                by_label_set({"label": values}, features),
            )
        )
    return pairs


@dataclasses.dataclass(frozen=True)
class _Arrays:
    """The arrays of a file, checked.

    Args:
        splits: Dict from splits to pairs of inputs by name, and labels.
        task: The task, or `None` for classification.
    """

    splits: dict[str, _Split]
    task: tasks_lib.Task | None

    @property
    def labels(self) -> list[np.ndarray]:
        """The labels of all splits."""
        return [labels for _, labels in self.splits.values()]


def _read_splits(path: str | os.PathLike) -> _Arrays:
    """Returns the arrays of a file by split."""
    arrays = _read_arrays(path)
    declared = Declared.read(arrays, path)
    splits: dict[str, _Split] = {}
    tasks: dict[str, str] = {}
    for split in ("train", "test"):
        inputs, y = _inputs_of(arrays, split, path), f"y_{split}"
        if split == "test" and not inputs and y not in arrays:
            continue
        if not inputs or y not in arrays:
            raise ValueError(
                "An .npz data set has the arrays x_train, y_train and, if "
                "it has a test split, x_test, y_test. Several inputs are "
                "x_train_<name> and x_test_<name>. Received: "
                f"{str(path)!r} with {sorted(arrays)}"
            )
        inputs, labels, tasks[split] = check_arrays(
            inputs, arrays[y], split, path, declared
        )
        splits[split] = inputs, labels
    (first, *others) = splits.values()
    for other in others:
        _check_alike(first, other, path)
    if len(set(tasks.values())) > 1:
        raise ValueError(
            "The labels of both splits must be of one kind. "
            f"Received: {str(path)!r} with labels of {tasks}"
        )
    positions = positions_of(first[0].values())
    of_splits = [labels for _, labels in splits.values()]
    task = task_of_labels(of_splits, tasks["train"], positions, declared)
    return _Arrays(splits, task)


def _inputs_of(
    arrays: Mapping[str, Any], split: str, path: str | os.PathLike
) -> dict[str | None, np.ndarray]:
    """Returns the inputs of a split by name; the name of the only is `None`."""
    x = f"x_{split}"
    named: dict[str | None, np.ndarray] = {
        name.removeprefix(f"{x}_"): array
        for name, array in arrays.items()
        if name.startswith(f"{x}_")
    }
    if named and x in arrays:
        raise ValueError(
            f"Inputs are {x}, or several of them {x}_<name>. "
            f"Received: {str(path)!r} with {sorted(arrays)}"
        )
    return named or ({None: arrays[x]} if x in arrays else {})


def _check_alike(first: Any, other: Any, path: str | os.PathLike) -> None:
    """Raises a `ValueError` if two splits have other inputs or shapes."""
    shapes = [
        (
            {name: (x.shape[1:], x.dtype.kind) for name, x in inputs.items()},
            labels.shape[1:],
        )
        for inputs, labels in (first, other)
    ]
    if shapes[0] != shapes[1]:
        sizes = sorted(
            {
                x.shape[1:]
                for inputs, _ in (first, other)
                for x in inputs.values()
            }
        )
        raise ValueError(
            "The images of both splits must have one size, and their inputs "
            "and labels one shape. Received: "
            f"{str(path)!r} with inputs of {sizes} and labels of "
            f"{[labels for _, labels in shapes]}"
        )


def _count_names(arrays: _Arrays) -> int:
    """Returns how many classes or labels have a name."""
    if arrays.task is None:
        return number_of_classes(arrays.labels)
    named = arrays.task.name in ("segmentation", "multi_label")
    return arrays.task.size if named else 0


def _describe(x: np.ndarray) -> InputInfo:
    """Returns the description of an input, with the statistics of a split."""
    if x.dtype.kind in "iu" and not is_image(x):
        return InputInfo(x.shape[1:], (), (), 1.0)
    values = x.reshape(-1, x.shape[-1])
    count = max(1, len(values))
    if not is_image(x):
        means = [float(column.mean(dtype="float64")) for column in values.T]
        deviations = [
            float(column.std(dtype="float64")) or 1.0 for column in values.T
        ]
        return InputInfo(x.shape[1:], tuple(means), tuple(deviations), 1.0)
    # Histograms are exact, and need no array of floats.
    histograms = [np.bincount(channel, minlength=256) for channel in values.T]
    shades = np.arange(256) / 255
    means = [float(histogram @ shades / count) for histogram in histograms]
    deviations = [
        float(np.sqrt(histogram @ (shades - mean) ** 2 / count)) or 1.0
        for histogram, mean in zip(histograms, means, strict=True)
    ]
    return InputInfo(x.shape[1:], tuple(means), tuple(deviations), 255.0)


def _augmentation(
    described: Mapping[str | None, InputInfo], arrays: _Arrays
) -> tuple[str, ...]:
    """Returns how inputs are augmented unless a user says otherwise.

    Nothing may be changed that another input or a number to predict may be
    about, such as the place of something in the image.
    """
    numbers = isinstance(arrays.task, tasks_lib.Regression)
    dense = has_dense_labels(arrays.labels[0])
    if list(described) != [None] or not described[None].is_image:
        return ()
    return () if numbers and not dense else SMALL_IMAGES


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
                for name in filter(_NAMES.fullmatch, file.files):
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
        if _NAMES.fullmatch(member.filename.removesuffix(".npy"))
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
