"""Where the manifest of an exported file is, and the file's checksum."""

import hashlib
import pathlib

from keras_anytime.files import user_path


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


def _feed(digest, path):
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
