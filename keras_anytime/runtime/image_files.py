"""Image files of a folder, read as uint8 pixels."""

import os
import pathlib
import re
from collections.abc import Iterator
from typing import Any

import numpy as np

_NETPBM = (".ppm", ".pgm")
# Formats that Pillow reads. Other files are not taken for images.
_PILLOW = (
    *(".jpg", ".jpeg", ".png", ".gif", ".bmp", ".webp", ".tif", ".tiff"),
    *(".avif", ".jp2", ".tga"),
)
SUFFIXES = (".npy", *_NETPBM, *_PILLOW)


def find_images(
    folder: str | os.PathLike,
) -> tuple[list[pathlib.Path], list[pathlib.Path]]:
    """Finds the images in a folder and its subfolders.

    Links are followed, and each folder is visited once. Folders whose names
    begin with a dot, or that cannot be read, are skipped.

    Args:
        folder: String or path of a folder, or of a single file.

    Returns:
        Pair of lists of `pathlib.Path`s: the images, recognized by their
        suffixes in any case, and the skipped files and folders. They are
        ordered by name, the files of a folder before its subfolders.

    Raises:
        FileNotFoundError: If the folder or file does not exist.
    """
    folder = pathlib.Path(folder)
    if not folder.exists():
        raise FileNotFoundError(f"There is no folder {str(folder)!r}.")
    images: list[pathlib.Path] = []
    skipped: list[pathlib.Path] = []
    for path in [folder] if folder.is_file() else _walk(folder, set()):
        known = path.suffix.lower() in SUFFIXES
        # A broken link counts as an image that cannot be read. A pipe does not,
        # because reading it could wait forever.
        special = path.exists() and not path.is_file()
        (images if known and not special else skipped).append(path)
    return images, skipped


def read_pixels(path: pathlib.Path) -> np.ndarray:
    """Returns the uint8 pixels of an image file.

    Images are rotated according to their EXIF orientation. 16-bit gray values
    are scaled to 8 bits. Palettes and other color spaces become RGB, and
    transparency is dropped, as when images are decoded for training. Of
    several frames the first is read.

    Args:
        path: File that ends in one of `SUFFIXES`.

    Returns:
        Array `(height, width)`, `(height, width, 1)` or `(height, width, 3)`.
        An `.npy` file returns the array that it contains.

    Raises:
        ImportError: If the file needs Pillow, and Pillow is missing.
        ValueError: If the file cannot be read.
    """
    suffix = path.suffix.lower()
    try:
        if suffix == ".npy":
            return np.load(path, allow_pickle=False)
        if suffix in _NETPBM:
            return _read_netpbm(path)
        return _read_with_pillow(path)
    except ImportError:
        raise
    # Pillow's decoders raise many types of errors for damaged files.
    except Exception as error:
        raise ValueError(
            f"it cannot be read: {str(error) or type(error).__name__}"
        ) from error


def _walk(
    folder: pathlib.Path, seen: set[pathlib.Path]
) -> Iterator[pathlib.Path]:
    real = folder.resolve()
    if real in seen:
        return
    seen.add(real)
    try:
        entries = sorted(folder.iterdir())
    except OSError:
        yield folder
        return
    folders = [entry for entry in entries if entry.is_dir()]
    yield from (entry for entry in entries if entry not in folders)
    for subfolder in folders:
        if subfolder.name.startswith("."):
            yield subfolder
        else:
            yield from _walk(subfolder, seen)


def _read_with_pillow(path: pathlib.Path) -> np.ndarray:
    try:
        from PIL import Image
        from PIL import ImageOps
    except ImportError as error:
        raise ImportError(
            "reading it needs Pillow; .ppm, .pgm and .npy do not"
        ) from error
    with Image.open(path) as file:
        image: Any = ImageOps.exif_transpose(file)
        if image.mode == "F":
            raise ValueError("its pixels are floats of unknown range")
        if image.mode.startswith("I"):
            pixels = np.asarray(image)
            if pixels.min() < 0 or pixels.max() > 65535:
                raise ValueError("its pixels do not fit 16 bits")
            return np.round(pixels / 257.0).astype("uint8")
        return np.asarray(image.convert("RGB"))


def _read_netpbm(path: pathlib.Path) -> np.ndarray:
    """Returns the pixels of a binary .ppm or .pgm file of 8 bits."""
    content = path.read_bytes()
    # Numbers are separated by white space and by comments that end a line.
    number = rb"(?:\s|#[^\n]*\n)+(\d+)"
    header = re.match(rb"P([56])" + 3 * number + rb"\s", content)
    try:
        if header is None or int(header[4]) != 255:
            raise ValueError("not P5 or P6 with values to 255")
        channels = 1 if header[1] == b"5" else 3
        pixels = np.frombuffer(content, "uint8", offset=header.end())
        return pixels.reshape(int(header[3]), int(header[2]), channels)
    except ValueError as error:
        raise ValueError(
            f"it is not a binary .ppm or .pgm file of 8 bits ({error})"
        ) from error
