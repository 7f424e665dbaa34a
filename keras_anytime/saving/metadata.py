"""Saved models with a note about them, in one file and one move."""

import json
import zipfile

from keras_anytime.files import atomic_write
from keras_anytime.files import user_path


def save_with_metadata(model, path, note):
    """Saves a model with a note about it.

    A `.keras` file is a zip archive, and has room for a comment.

    Args:
        model: A `keras.Model`.
        path: String or path that ends in `.keras`.
        note: Dict of plain values, 64 KiB of JSON at most.

    Raises:
        FloatingPointError: If a variable of the model is not finite. What was
            there stays.
    """

    def write(beside):
        model.save(beside)
        with zipfile.ZipFile(beside, "a") as archive:
            archive.comment = json.dumps(note).encode()

    atomic_write(path, write)


def read_metadata(path):
    """Returns the note of a saved model; an empty dict if there is none.

    Only the note is read, which is 64 KiB at most, and the list of what is in
    the file.
    """
    try:
        # Opening a pipe would wait for someone to write.
        if not user_path(path).is_file():
            return {}
        with zipfile.ZipFile(user_path(path)) as archive:
            note = json.loads(archive.comment)
    except (
        OSError,
        ValueError,
        RecursionError,
        NotImplementedError,
        zipfile.BadZipFile,
    ):
        return {}
    return note if isinstance(note, dict) else {}
