"""Saved models with a note about them, in one file and one move."""

import json
import zipfile

from keras_anytime.files import write_beside


def save_with_note(model, path, note):
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

    write_beside(path, write)


def read_note(path):
    """Returns the note of a saved model; an empty dict if there is none."""
    try:
        with zipfile.ZipFile(path) as archive:
            return json.loads(archive.comment)
    except (OSError, ValueError, zipfile.BadZipFile):
        return {}
