"""Paths of the manifests of exported files, and checksums of the files."""

import hashlib
import os
import pathlib
import re

from keras_anytime.files import open_regular
from keras_anytime.files import user_path

_BLOCK_BYTES = 1 << 20


def manifest_path(path: str | os.PathLike) -> pathlib.Path:
    """Returns the path of the manifest of an exported file or folder.

    ```python
    print(ka.manifest.manifest_path("run/anytime.tflite"))
    ```

    Args:
        path: The exported `.tflite` file or SavedModel folder.
    """
    path = user_path(path)
    if path.is_dir():
        return path / "manifest.json"
    return path.with_name(f"{path.name}.json")


def pending_manifest_path(path: str | os.PathLike) -> pathlib.Path:
    """Returns the path of the new manifest while the file is being replaced.

    Args:
        path: The exported `.tflite` file.
    """
    where = manifest_path(path)
    return where.with_name(f"{where.name}.next")


def checksum(path: str | os.PathLike) -> str:
    """Returns the SHA-256 of a file, or of a folder's files and their names.

    The manifest inside a folder is left out, because it holds the checksum.

    Args:
        path: The exported file or folder.
    """
    path = user_path(path)
    digest = hashlib.sha256()
    if path.is_file():
        _update(digest, path)
        return digest.hexdigest()
    for file in sorted(entry for entry in path.rglob("*") if entry.is_file()):
        name = file.relative_to(path).as_posix()
        if name != "manifest.json":
            digest.update(f"{name}\n".encode())
            _update(digest, file)
    return digest.hexdigest()


def why_missing(path: str | os.PathLike) -> str:
    """Returns the error message for an export that has no manifest.

    The message tells three cases apart: the export itself is missing, its
    manifest was lost, or the file was never exported by this library.

    Args:
        path: The path at which an exported file or folder was expected.
    """
    path = pathlib.Path(path)
    where = manifest_path(path)
    if not path.exists():
        return f"There is no exported network {str(path)!r}."
    if path.suffix == ".json":
        return (
            "A manifest is opened together with the file that it describes: "
            f"give the path without '.json'. Received: path={str(path)!r}"
        )
    if path.suffix == ".keras":
        return (
            f"{str(path)!r} is a model for Keras, which devices do not run: "
            "load it with `keras_anytime.load_model`, export it with "
            "`keras_anytime.export.tflite` or `.saved_model`, and open what "
            "that writes."
        )
    if _has_stages(path / "saved_model.pb" if path.is_dir() else path):
        return (
            f"The manifest of {str(path)!r} is missing. The export wrote one "
            f"with it: copy that along, to {str(where)!r}."
        )
    return (
        f"{str(path)!r} was not exported by keras_anytime: there is no "
        f"manifest {str(where)!r}, and it has no stages. Write it with "
        "`keras_anytime.export.tflite` or `.saved_model`."
    )


def _has_stages(path: pathlib.Path) -> bool:
    """Returns whether the bytes of a file name signatures of stages."""
    tail = b""
    try:
        with open_regular(path) as file:
            while block := file.read(_BLOCK_BYTES):
                if re.search(rb"(step|subnet)_\d", tail + block):
                    return True
                tail = block[-len(b"subnet_") :]
    except OSError:
        pass
    return False


def _update(digest: "hashlib._Hash", path: pathlib.Path) -> None:
    with open_regular(path) as file:
        while block := file.read(_BLOCK_BYTES):
            digest.update(block)
