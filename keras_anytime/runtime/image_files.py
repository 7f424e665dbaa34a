"""Images in the files of a folder, as uint8 pixels."""

import os
import pathlib
import re
from collections.abc import Iterator

import numpy as np

_NETPBM = (".ppm", ".pgm")
# What Pillow reads; other files are no images.
_PILLOW = (
    *(".jpg", ".jpeg", ".png", ".gif", ".bmp", ".webp", ".tif", ".tiff"),
    *(".avif", ".jp2", ".tga"),
)
SUFFIXES = (".npy", *_NETPBM, *_PILLOW)


def image_files(folder: str | os.PathLike) -> tuple[list, list]:
    """Finds the images in a folder and in the folders within.

    Links are followed, each folder once. Folders whose names begin with a dot,
    or that cannot be read, are left out.

    Args:
        folder: A folder, or a single file.

    Returns:
        Pair of lists of `pathlib.Path`s in order of their names, first a
        folder's files and then its folders: the images, going by suffixes of
        any case; and what is left out.

    Raises:
        FileNotFoundError: If there is no such folder or file.
    """
    folder = pathlib.Path(folder)
    if not folder.exists():
        raise FileNotFoundError(f"There is no folder {str(folder)!r}.")
    images: list[pathlib.Path] = []
    others: list[pathlib.Path] = []
    for path in [folder] if folder.is_file() else _walk(folder, set()):
        known = path.suffix.lower() in SUFFIXES
        # A link that leads nowhere is an image that cannot be read; a pipe
        # would be waited for.
        odd = path.exists() and not path.is_file()
        (images if known and not odd else others).append(path)
    return images, others


def read_pixels(path: pathlib.Path) -> np.ndarray:
    """Returns the uint8 pixels of an image file.

    Images are turned as their EXIF orientation says. 16-bit greys are scaled
    to 8 bits, palettes and other colors become RGB, transparency is dropped,
    as training does when it decodes images, and of several frames the first is
    taken.

    Args:
        path: File that ends in one of `SUFFIXES`.

    Returns:
        Array `(height, width)`, `(height, width, 1)` or `(height, width, 3)`;
        of an `.npy` file what is in it.

    Raises:
        ImportError: If the file needs Pillow, and that is missing.
        ValueError: If it cannot be read.
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
    # A damaged file makes Pillow's decoders raise whatever it may be.
    except Exception as error:
        raise ValueError(
            f"it cannot be read: {str(error) or type(error).__name__}"
        ) from error


def _walk(folder, seen) -> Iterator[pathlib.Path]:
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
    for one in folders:
        if one.name.startswith("."):
            yield one
        else:
            yield from _walk(one, seen)


def _read_with_pillow(path):
    try:
        from PIL import Image
        from PIL import ImageOps
    except ImportError as error:
        raise ImportError(
            "reading it needs Pillow; .ppm, .pgm and .npy do not"
        ) from error
    with Image.open(path) as file:
        image = ImageOps.exif_transpose(file)
        if image.mode == "F":
            raise ValueError("its pixels are floats of unknown range")
        if image.mode.startswith("I"):
            pixels = np.asarray(image)
            if pixels.min() < 0 or pixels.max() > 65535:
                raise ValueError("its pixels do not fit 16 bits")
            return np.round(pixels / 257.0).astype("uint8")
        return np.asarray(image.convert("RGB"))


def _read_netpbm(path):
    """Returns the pixels of a binary .ppm or .pgm file of 8 bits."""
    content = path.read_bytes()
    # Numbers are apart by white space, and by comments to the end of a line.
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
            f"it is no binary .ppm or .pgm file of 8 bits ({error})"
        ) from error
