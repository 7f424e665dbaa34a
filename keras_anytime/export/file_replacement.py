"""Replaces a LiteRT file and its manifest together.

No single move replaces two files. The new manifest therefore waits beside the
old one (see `pending_manifest_path`) while the file is moved: at any moment
one of the two manifests matches the file, even if the process is killed.
Programs that replace files in one folder take turns.
"""

import dataclasses
import pathlib

from keras_anytime.files import atomic_write
from keras_anytime.files import check_writable
from keras_anytime.files import lock_folder
from keras_anytime.files import write_text
from keras_anytime.manifest.manifest import Manifest
from keras_anytime.manifest.paths import checksum
from keras_anytime.manifest.paths import manifest_path
from keras_anytime.manifest.paths import pending_manifest_path
from keras_anytime.manifest.reading import settle_pending_manifest


def replace_file(
    path: pathlib.Path, content: bytes, manifest: Manifest
) -> None:
    """Writes a file and its manifest; replaces earlier ones.

    Args:
        path: `pathlib.Path` of the file.
        content: Bytes of the file.
        manifest: Its `Manifest`, whose checksum is not filled in yet.
    """

    def write(beside):
        beside.write_bytes(content)
        complete = dataclasses.replace(manifest, sha256=checksum(beside))
        settle_pending_manifest(path)
        write_text(pending_manifest_path(path), complete.to_json())

    check_writable(path)
    with lock_folder(path.parent):
        atomic_write(path, write)
        pending_manifest_path(path).replace(manifest_path(path))


def move_file(source: pathlib.Path, path: pathlib.Path) -> None:
    """Moves a file and its manifest; replaces earlier ones.

    Args:
        source: `pathlib.Path` of an exported file on the same drive.
        path: `pathlib.Path` to move it to.
    """
    with lock_folder(path.parent):
        settle_pending_manifest(path)
        manifest_path(source).replace(pending_manifest_path(path))
        source.replace(path)
        pending_manifest_path(path).replace(manifest_path(path))
