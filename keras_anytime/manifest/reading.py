"""Reads and checks the manifest of an exported file or folder."""

import contextlib
import hashlib
import json
import os
import pathlib
from typing import Any

from keras_anytime.files import open_regular
from keras_anytime.files import read_small
from keras_anytime.files import user_path
from keras_anytime.manifest import manifest as manifest_lib
from keras_anytime.manifest.manifest import FORMAT
from keras_anytime.manifest.manifest import FORMAT_VERSION
from keras_anytime.manifest.manifest import Manifest
from keras_anytime.manifest.manifest import ManifestError
from keras_anytime.manifest.manifest import content_checksum
from keras_anytime.manifest.paths import checksum
from keras_anytime.manifest.paths import manifest_path
from keras_anytime.manifest.paths import pending_manifest_path
from keras_anytime.manifest.paths import why_missing
from keras_anytime.manifest.values import short_repr


def read_manifest(path: str | os.PathLike) -> Manifest:
    """Reads and validates the manifest of an exported file or folder.

    ```python
    manifest = ka.manifest.read_manifest("run/anytime.tflite")
    print(manifest.name, manifest.num_stages, manifest.program_names)
    ```

    Args:
        path: The exported `.tflite` file or SavedModel folder.

    Returns:
        A `Manifest`.

    Raises:
        ManifestError: If there is no manifest, or this version cannot read it.
    """
    return _read(manifest_path(path), path)


def matching_manifest(path: str | os.PathLike) -> Manifest | None:
    """Reads the manifest whose checksum is the checksum of the file.

    Args:
        path: The exported `.tflite` file or SavedModel folder.

    Returns:
        A `Manifest`; `None` if the checksums differ, for example because the
        file is damaged.

    Raises:
        ManifestError: If there is no manifest that this version reads.
        OSError: If the file cannot be read.
    """
    return read_verified(path)[0]


def read_verified(
    path: str | os.PathLike,
) -> tuple[Manifest | None, bytes | None]:
    """Reads an exported file together with the manifest that matches it.

    File and manifest are moved in place one after the other. If the exporting
    process was killed in between, the matching manifest is the pending one;
    see `pending_manifest_path`.

    Args:
        path: The exported `.tflite` file or SavedModel folder.

    Returns:
        Pair of a `Manifest` as of `matching_manifest`, and the bytes that
        have its checksum, even if the file changes afterwards; `None` in
        place of the bytes for a folder.

    Raises:
        ManifestError: If there is no manifest that this version reads.
        OSError: If the file cannot be read.
    """
    path = user_path(path)
    previous = None
    while True:
        content = None
        if not path.exists():
            raise ManifestError(why_missing(path))
        if path.is_dir():
            digest = checksum(path)
        else:
            with open_regular(path) as file:
                content = file.read()
            digest = hashlib.sha256(content).hexdigest()
        candidates = _candidates(path)
        for manifest in candidates:
            if manifest.sha256 == digest:
                return manifest, content
        state = digest, [manifest.sha256 for manifest in candidates]
        if state == previous:
            return None, content
        # Another export may have replaced the file or the manifest between
        # the two reads, so both are read again until nothing changes.
        previous = state


def settle_pending_manifest(path: pathlib.Path) -> None:
    """Moves the pending manifest of an exported file in place.

    An export that was killed leaves its manifest pending. The next export
    would overwrite it, so it is moved first, if it matches the file.

    Args:
        path: `pathlib.Path` of the exported file.
    """
    try:
        pending = _read(pending_manifest_path(path), path)
        if path.is_file() and pending.sha256 == checksum(path):
            pending_manifest_path(path).replace(manifest_path(path))
    except ManifestError:
        return


def _candidates(path: pathlib.Path) -> list[Manifest]:
    """Returns the manifest of a file and the pending one, if there is one."""
    manifests = []
    is_pending = pending_manifest_path(path).exists()
    try:
        manifests.append(read_manifest(path))
    except ManifestError:
        # A file's first export may have been killed before its manifest was
        # moved in place.
        if not is_pending:
            raise
    if is_pending:
        with contextlib.suppress(ManifestError):
            manifests.append(_read(pending_manifest_path(path), path))
    return manifests


def _read(where: pathlib.Path, path: str | os.PathLike) -> Manifest:
    """Reads the manifest at one place of the exported file `path`."""
    try:
        content = read_small(where, manifest_lib.MAX_BYTES)
    except FileNotFoundError as error:
        raise ManifestError(why_missing(path)) from error
    except OSError as error:
        raise ManifestError(
            f"The manifest {str(where)!r} cannot be read: {error}"
        ) from error
    try:
        fields = json.loads(content)
        version = fields["format"], fields.get("format_version")
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ManifestError(
            f"{str(where)!r} is not a manifest of keras_anytime."
        ) from error
    if version != (FORMAT, FORMAT_VERSION):
        raise ManifestError(
            f"{str(where)!r} has a format that this version does not read: "
            f"it reads {FORMAT} version {FORMAT_VERSION}. Received: "
            "{} version {}".format(*map(short_repr, version))
        )
    try:
        manifest = Manifest.from_fields(fields)
        _check_checksum(fields)
        return manifest
    except ValueError as error:
        raise ManifestError(f"{str(where)!r} is damaged: {error}.") from error


def _check_checksum(fields: dict[str, Any]) -> None:
    """Raises a `ValueError` if the fields differ from those that were written.

    A single changed character in a name, a threshold or a scale would
    otherwise cause wrong answers.
    """
    fields = dict(fields)
    # Manifests of the first development versions have no checksum.
    recorded = fields.pop("checksum", None)
    if recorded is not None and recorded != content_checksum(fields):
        raise ValueError("its checksum does not match its fields")
