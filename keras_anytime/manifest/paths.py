"""Where the manifest of an exported file is, and the file's checksum."""

import hashlib
import pathlib
import re

from keras_anytime.files import open_regular
from keras_anytime.files import user_path

_BLOCK_BYTES = 1 << 20


def manifest_path(path: str | pathlib.Path) -> pathlib.Path:
    """Returns where the manifest of an exported file or folder is."""
    path = user_path(path)
    if path.is_dir():
        return path / "manifest.json"
    return path.with_name(f"{path.name}.json")


def pending_path(path: str | pathlib.Path) -> pathlib.Path:
    """Returns where the manifest of a file waits while both are replaced."""
    where = manifest_path(path)
    return where.with_name(f"{where.name}.next")


def checksum(path: str | pathlib.Path) -> str:
    """Returns the SHA-256 of a file, or of a folder's files and their names.

    Manifests inside a folder are left out, since they hold the checksum.
    """
    path = user_path(path)
    digest = hashlib.sha256()
    if path.is_file():
        _feed(digest, path)
        return digest.hexdigest()
    for file in sorted(one for one in path.rglob("*") if one.is_file()):
        name = file.relative_to(path).as_posix()
        if name != "manifest.json":
            digest.update(f"{name}\n".encode())
            _feed(digest, file)
    return digest.hexdigest()


def why_missing(path: str | pathlib.Path) -> str:
    """Returns what to say where an exported file or folder has no manifest.

    It tells what is missing as a whole, what has lost its manifest, and what
    never had one.
    """
    path = pathlib.Path(path)
    where = manifest_path(path)
    if not path.exists():
        return f"There is no exported network {str(path)!r}."
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


def _has_stages(path):
    """Whether a file has signatures of stages; their names are in it."""
    end = b""
    try:
        with open_regular(path) as file:
            while block := file.read(_BLOCK_BYTES):
                if re.search(rb"(step|subnet)_\d", end + block):
                    return True
                end = block[-len(b"subnet_") :]
    except OSError:
        pass
    return False


def _feed(digest, path):
    with open_regular(path) as file:
        while block := file.read(_BLOCK_BYTES):
            digest.update(block)
