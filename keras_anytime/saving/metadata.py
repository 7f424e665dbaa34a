"""Metadata inside saved models, written with the model in one atomic move."""

import json
import os
import pathlib
import zipfile
from collections.abc import Mapping
from typing import Any

import keras

from keras_anytime.files import atomic_write
from keras_anytime.files import user_path


def save_with_metadata(
    model: keras.Model, path: str | os.PathLike, metadata: Mapping[str, Any]
) -> None:
    """Saves a model with metadata in the same file.

    A `.keras` file is a zip archive. The metadata are stored as JSON in the
    archive's comment, which Keras ignores.

    Args:
        model: A `keras.Model`.
        path: String or path that ends in `.keras`.
        metadata: Dict of plain values, at most 64 KiB of JSON.

    Raises:
        FloatingPointError: If a variable of the model is not finite. An
            existing file stays unchanged.
    """

    def write(staged: pathlib.Path) -> None:
        model.save(staged)
        with zipfile.ZipFile(staged, "a") as archive:
            archive.comment = json.dumps(metadata).encode()

    atomic_write(path, write)


def read_metadata(path: str | os.PathLike) -> dict[str, Any]:
    """Returns the metadata of a saved model.

    Only the archive's comment and its list of members are read.

    Args:
        path: String or path of a `.keras` file.

    Returns:
        Dict of plain values. It is empty if the file has no metadata or
        cannot be read.
    """
    path = user_path(path)
    try:
        # Opening a pipe would wait for a writer.
        if not path.is_file():
            return {}
        with zipfile.ZipFile(path) as archive:
            metadata = json.loads(archive.comment)
    except (
        OSError,
        ValueError,
        RecursionError,
        NotImplementedError,
        zipfile.BadZipFile,
    ):
        return {}
    return metadata if isinstance(metadata, dict) else {}
