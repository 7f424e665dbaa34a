"""RecordImages: encoded images in the TFRecord files of a TFDS folder."""

import pathlib
from collections.abc import Mapping
from collections.abc import Sequence

import numpy as np

from keras_anytime.data.folder_description import SplitFiles
from keras_anytime.data.splits import parse_split
from keras_anytime.data.tf_examples import parse_example
from keras_anytime.data.tfds_folders import labeled_image_features
from keras_anytime.data.tfds_folders import split_files
from keras_anytime.data.tfds_folders import split_sizes
from keras_anytime.data.tfrecords import find_records
from keras_anytime.data.tfrecords import read_record


class RecordImages:
    """The `EncodedImages` of a split of a prepared TFDS folder.

    In memory are the positions of the records, 16 bytes each.

    Args:
        files: List of the paths of the split's files.
        file_numbers: Integer array `(examples,)`. For each example, the index
            of its file.
        record_numbers: Integer array `(examples,)`. For each example, the
            number of its record in the file.
        positions: Int64 array `(examples,)`. For each example, where its
            record begins.
        image_shape: Tuple, as in `EncodedImages`.
        classes: Dict, as in `EncodedImages`.
    """

    def __init__(
        self,
        files: Sequence[pathlib.Path],
        file_numbers: np.ndarray,
        record_numbers: np.ndarray,
        positions: np.ndarray,
        image_shape: tuple[int | None, ...],
        classes: Mapping[str, int],
    ) -> None:
        self.files = files
        self.file_numbers = file_numbers
        self.record_numbers = record_numbers
        self.positions = positions
        self.image_shape = image_shape
        self.classes = classes
        self._wanted = {"image": bytes, **dict.fromkeys(classes, int)}

    def __len__(self) -> int:
        return len(self.positions)

    def read(self, index: int) -> tuple[bytes, dict[str, int]]:
        """Returns an encoded image, and its label by feature."""
        record = read_record(
            self.files[self.file_numbers[index]],
            int(self.positions[index]),
            int(self.record_numbers[index]),
        )
        example = parse_example(record, self._wanted)
        return example.pop("image"), example

    def place(self, index: int) -> str:
        """Returns the file that has an image, as errors name it."""
        path = self.files[self.file_numbers[index]]
        return f"Record {self.record_numbers[index]} of {str(path)!r}"


def open_records(
    name: str,
    folder: pathlib.Path,
    splits: Sequence[str],
    features: Sequence[str],
) -> list[RecordImages]:
    """Finds the images of some splits of a prepared folder.

    Args:
        name: String. The data set's name.
        folder: The prepared folder.
        splits: Sequence of strings such as `"train[:45000]"`.
        features: Sequence of the features that hold the labels.

    Returns:
        List of `RecordImages`, one for each split.

    Raises:
        ValueError: If a split is unknown, or a file is damaged.
        FileNotFoundError: If a file is missing.
    """
    described = labeled_image_features(folder, name)
    assert described.image_shape
    files = split_files(folder)
    sizes = split_sizes(folder)
    # All splits are checked before the files of any are read.
    parsed = [parse_split(split, sizes, name) for split in splits]
    wholes = {
        whole: _find_images(files, whole)
        for whole in {whole for parts in parsed for whole, _ in parts}
    }
    return [
        _join(
            [
                (files[whole], wholes[whole][:, part.start : part.stop])
                for whole, part in parts
            ],
            described.image_shape,
            {feature: described.classes[feature] for feature in features},
        )
        for parts in parsed
    ]


def _find_images(files: SplitFiles, whole: str) -> np.ndarray:
    """Returns where the images of a split are.

    Returns:
        Int64 array `(3, examples)`: index of the file, number of the record,
        and position in the file.
    """
    found = [np.empty((3, 0), "int64")]
    for number, (path, count) in enumerate(files[whole]):
        positions = find_records(path, count)
        found.append(
            np.stack([np.full(count, number), np.arange(count), positions])
        )
    return np.concatenate(found, axis=1)


def _join(
    parts: Sequence[tuple[Sequence[tuple[pathlib.Path, int]], np.ndarray]],
    image_shape: tuple[int | None, ...],
    classes: Mapping[str, int],
) -> RecordImages:
    """Returns the images of several parts, one after the other."""
    paths: list[pathlib.Path] = []
    joined = []
    for files, found in parts:
        joined.append(found + np.array([[len(paths)], [0], [0]]))
        paths += [path for path, _ in files]
    numbers, records, positions = np.concatenate(joined, axis=1)
    return RecordImages(
        paths,
        numbers.astype("int32"),
        records.astype("int32"),
        positions.copy(),
        image_shape,
        classes,
    )
