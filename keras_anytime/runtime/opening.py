"""Opening of exported files, so that the verified content is what runs."""

import pathlib
from collections.abc import Sequence

from keras_anytime.manifest.manifest import Manifest
from keras_anytime.manifest.paths import checksum
from keras_anytime.manifest.reading import read_manifest
from keras_anytime.manifest.reading import read_verified
from keras_anytime.runtime import forks
from keras_anytime.runtime.backends import LoadError
from keras_anytime.runtime.backends import Program
from keras_anytime.runtime.backends import load_programs


def open_programs(
    path: pathlib.Path,
    num_threads: int | None,
    verify: bool,
    names: Sequence[str] | None = None,
) -> tuple[Manifest, dict[str, Program]]:
    """Opens an exported file.

    Args:
        path: Absolute path of the file or folder.
        num_threads: As in `AnytimePredictor`.
        verify: As in `AnytimePredictor`.
        names: As in `load_programs`.

    Returns:
        Pair of the manifest and a dict of programs, as of `load_programs`.

    Raises:
        FileNotFoundError: If the file or folder does not exist.
        OSError: If the file cannot be read.
        LoadError: If the file is not the one that its manifest describes, or
            cannot be opened.
        ManifestError: If there is no manifest that this version can read.
        ImportError: If the library that runs the file is missing.
        RuntimeError: If TensorFlow cannot run in this process.
    """
    if not path.exists():
        raise FileNotFoundError(f"There is no exported network {str(path)!r}.")
    content = None
    if verify:
        manifest, content = read_verified(path)
    else:
        manifest = read_manifest(path)
    if manifest is None:
        raise LoadError(
            f"{str(path)!r} is damaged: it is not the file that its "
            "manifest describes. Export it again."
        )
    if manifest.kind == "saved_model":
        forks.check_tensorflow(path)
    programs = load_programs(manifest, path, num_threads, names, content)
    # TensorFlow has read the files of the folder one by one.
    if (
        verify
        and manifest.kind == "saved_model"
        and checksum(path) != manifest.sha256
    ):
        raise LoadError(
            f"{str(path)!r} was changed while it was opened: open it again."
        )
    return manifest, programs
