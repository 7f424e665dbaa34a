"""The folder that a recipe of several trainings writes its results to."""

import os
import pathlib

from keras_anytime.files import check_writable
from keras_anytime.files import user_path


def results_folder(
    workdir: str | os.PathLike | None, name: str
) -> pathlib.Path:
    """Returns a work folder in which a file of results can be written.

    Args:
        workdir: The setting `--workdir`.
        name: String, the name of the file.

    Raises:
        OSError: If the file cannot be written.
    """
    folder = user_path(workdir or "")
    try:
        check_writable(folder / name)
    except OSError as error:
        raise OSError(f"cannot use --workdir: {error}") from error
    return folder
