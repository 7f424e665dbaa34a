"""Label sets from a table of the classes, from fine to coarse."""

import csv
import json
import os
import pathlib
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_anytime import naming
from keras_anytime.data.info import ClassNames
from keras_anytime.files import user_path

# The most bytes of a table. ImageNet-21k's would have a megabyte.
_MAX_BYTES = 1 << 26
_FORM = (
    "A table of labels has a column for each label set, the finest first, and "
    "a row for each class of the data set, such as `species,genus` and "
    "`House_Sparrow,Passer`; as JSON it is a list of objects."
)


class LabelTable:
    """A table from the classes of a data set to the labels of all label sets.

    The classes of the first label set are those of the data set, in their
    order. Those of another label set are numbered as they first appear in that
    order.

    Args:
        path: String or path of a CSV file with a header, or of a JSON file
            with a list of objects. The first column holds the names of the
            data set's classes, or their numbers.
        class_names: Tuple of strings. The classes of the data set.

    Attributes:
        class_names: Dict from label sets, finest first, to tuples of strings.

    Raises:
        ValueError: If the table is not of this form, or a class is unknown,
            missing, or in several rows.
        FileNotFoundError: If the file does not exist.
    """

    def __init__(
        self, path: str | os.PathLike, class_names: ClassNames
    ) -> None:
        if isinstance(class_names, dict):
            raise ValueError(
                "A table of labels takes the place of label sets. "
                f"Received: labels={str(path)!r} for {list(class_names)}"
            )
        label_sets, rows = _read(path)
        self.class_names: dict[str, tuple[str, ...]] = {
            label_sets[0]: class_names
        }
        rows = _in_order(rows, class_names, path)
        self._labels = {label_sets[0]: np.arange(len(class_names))}
        for label_set, column in zip(
            label_sets[1:], list(zip(*rows, strict=True))[1:], strict=True
        ):
            numbers = {name: k for k, name in enumerate(dict.fromkeys(column))}
            self.class_names[label_set] = tuple(numbers)
            self._labels[label_set] = np.array(
                [numbers[name] for name in column]
            )

    def label_sets(self, labels: np.ndarray) -> dict[str, np.ndarray]:
        """Returns the labels of all label sets.

        Args:
            labels: Integer array `(examples,)`. Labels of the data set.

        Returns:
            Dict from label sets to int64 arrays `(examples,)`.
        """
        return {
            label_set: of_class[labels].astype("int64")
            for label_set, of_class in self._labels.items()
        }


def is_label_table(labels: object) -> bool:
    """Tells if an argument `labels` is the path of a table."""
    return isinstance(labels, (str, os.PathLike)) and str(
        labels
    ).lower().endswith((".csv", ".json"))


def _read(
    path: str | os.PathLike,
) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Returns the label sets and the rows of a table."""
    file = user_path(path)
    if not file.is_file():
        raise FileNotFoundError(f"There is no table of labels {str(path)!r}.")
    try:
        if file.stat().st_size > _MAX_BYTES:
            raise ValueError(f"it is longer than {_MAX_BYTES} bytes")
        if file.suffix.lower() == ".json":
            label_sets, rows = _read_json(file)
        else:
            label_sets, rows = _read_csv(file)
        if len(set(label_sets)) < max(len(label_sets), 1):
            raise ValueError(f"its columns are {list(label_sets)}")
        for number, row in enumerate(rows, 1):
            if (
                len(row) != len(label_sets)
                or not all(row)
                or not all(label_sets)
            ):
                raise ValueError(
                    f"row {number} is {list(row)}, under {list(label_sets)}"
                )
    except (ValueError, csv.Error, RecursionError) as error:
        raise ValueError(
            f"{_FORM} Received: {str(path)!r}, which cannot be read ({error})"
        ) from error
    return label_sets, rows


def _read_csv(
    path: pathlib.Path,
) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    # Spreadsheets may put a mark before the text.
    with path.open(encoding="utf-8-sig", newline="") as file:
        lines = [
            tuple(cell.strip() for cell in row)
            for row in csv.reader(file, strict=True)
            if row
        ]
    return (lines[0], lines[1:]) if lines else ((), [])


def _read_json(
    path: pathlib.Path,
) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    rows = json.loads(path.read_text(encoding="utf-8-sig"))
    if not isinstance(rows, list) or not all(
        isinstance(row, dict) for row in rows
    ):
        raise ValueError("it is not a list of objects")
    label_sets = tuple(rows[0]) if rows else ()
    for number, row in enumerate(rows, 1):
        if set(row) != set(label_sets):
            raise ValueError(f"row {number} has the labels {list(row)}")
    return label_sets, [
        tuple(_as_name(row[label_set]) for label_set in label_sets)
        for row in rows
    ]


def _as_name(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise ValueError(f"{value!r} is not a name or a number")
    return str(value).strip()


def _in_order(
    rows: Sequence[tuple[str, ...]],
    class_names: tuple[str, ...],
    path: str | os.PathLike,
) -> list[tuple[str, ...]]:
    """Returns the rows in the order of the classes of the data set."""
    received = f"Received: {str(path)!r}"
    numbers: Mapping[str, int] = {name: k for k, name in enumerate(class_names)}
    indices = {str(k): k for k in range(len(class_names))}
    if rows and all(row[0].isdecimal() for row in rows):
        # Names that look like numbers are names.
        if not {row[0] for row in rows} <= set(numbers):
            numbers = indices
    by_class: dict[int, tuple[str, ...]] = {}
    for row in rows:
        if row[0] not in numbers:
            others = len(class_names) - 5
            raise ValueError(
                f"The data set has no class {row[0]!r}; its classes are "
                f"{naming.quote_names(class_names[:5])}"
                f"{f' and {others} others' if others > 0 else ''}."
                f"{naming.did_you_mean(row[0], class_names)} {received}"
            )
        if numbers[row[0]] in by_class:
            raise ValueError(
                f"The class {row[0]!r} is in several rows. {received}"
            )
        by_class[numbers[row[0]]] = row
    missing = [name for k, name in enumerate(class_names) if k not in by_class]
    if missing:
        raise ValueError(
            f"The table has no row for {len(missing)} of {len(class_names)} "
            f"classes: {naming.quote_names(missing[:5])}"
            f"{', ...' if missing[5:] else ''}. {received}"
        )
    return [by_class[k] for k in range(len(class_names))]
