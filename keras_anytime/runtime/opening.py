"""Opening exported files: what is checked is what runs."""

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
        path: Absolute `pathlib.Path` of the file or folder.
        num_threads: As for `AnytimePredictor`.
        verify: As for `AnytimePredictor`.
        names: As for `load_programs`.

    Returns:
        Pair of the manifest and a dict of programs, as of `load_programs`.

    Raises:
        FileNotFoundError: If there is no such file or folder.
        OSError: If it cannot be read.
        LoadError: If it is not the file that its manifest was written for, or
            cannot be opened.
        ManifestError: If there is no manifest that this version reads.
        ImportError: If the library that runs it is missing.
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
            "manifest was written for. Export it again."
        )
    if manifest.kind == "saved_model":
        forks.check_tensorflow(path)
    programs = load_programs(manifest, path, num_threads, names, content)
    # TensorFlow reads a folder file by file.
    if (
        verify
        and manifest.kind == "saved_model"
        and checksum(path) != manifest.sha256
    ):
        raise LoadError(
            f"{str(path)!r} was changed while it was opened: open it anew."
        )
    return manifest, programs
