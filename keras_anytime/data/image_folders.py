"""Data sets of image files in folders, one folder for each class.

Everything that can be seen without decoding all images is checked first.
"""

import hashlib
import os
import pathlib
import stat
from collections.abc import Mapping
from collections.abc import Sequence
from typing import NamedTuple

from keras_anytime import naming
from keras_anytime.data.image_decoding import check_decodable
from keras_anytime.data.info import COLOR
from keras_anytime.data.info import DatasetInfo
from keras_anytime.data.splits import parse_split
from keras_anytime.files import user_path

_PREFIX = "folder:"
_EVALUATION_SPLITS = ("test", "validation", "val")
_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp")
# Images too, which nobody should leave out without noticing.
_REFUSED_SUFFIXES = (".avif", ".gif", ".heic", ".heif", ".tif", ".tiff")
# Bytes at the start of an image file, and at the end of a whole one. Files
# with another end are decoded to find out.
_STARTS = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"BM", b"RIFF")
_ENDS = (b"\xff\xd9", b"IEND\xaeB`\x82")


class ImageFolder(NamedTuple):
    """The image files of a folder.

    Args:
        path: The folder.
        class_names: Tuple of strings, sorted.
        splits: Dict from splits to their files, pairs of a path relative to
            the folder and a label.
    """

    path: pathlib.Path
    class_names: tuple[str, ...]
    splits: dict[str, list[tuple[str, int]]]

    @property
    def sizes(self) -> dict[str, int]:
        """The number of images of each split."""
        return {split: len(files) for split, files in self.splits.items()}


class FolderImages:
    """The `EncodedImages` of a split of a folder.

    Args:
        path: The folder.
        files: List of pairs of a path relative to the folder and a label.
        num_classes: Integer.
    """

    image_shape: tuple[int | None, ...] = (None, None, 3)

    def __init__(
        self,
        path: pathlib.Path,
        files: Sequence[tuple[str, int]],
        num_classes: int,
    ) -> None:
        self.path = path
        self.files = files
        self.classes: Mapping[str, int] = {"label": num_classes}

    def __len__(self) -> int:
        return len(self.files)

    def read(self, index: int) -> tuple[bytes, dict[str, int]]:
        """Returns an encoded image, and its label by feature."""
        file, label = self.files[index]
        return (self.path / file).read_bytes(), {"label": label}

    def place(self, index: int) -> str:
        """Returns the file that has an image, as errors name it."""
        return repr(str(self.path / self.files[index][0]))


def is_image_folder(name: object) -> bool:
    """Tells if the name of a data set is that of a folder of images."""
    return isinstance(name, str) and name.startswith(_PREFIX)


def list_folder(name: str) -> ImageFolder:
    """Lists a folder of images, and checks its files.

    The images of a split are in an order that depends on their names alone,
    mixed over the classes, so that `"train[:80%]"` has images of all of them.

    Args:
        name: String such as `"folder:photos"`.

    Returns:
        An `ImageFolder`. The splits are the subfolders `train`, `test`,
        `validation` and `val` if `train` has subfolders itself. Otherwise, the
        subfolders are classes, and the only split is `train`.

    Raises:
        ValueError: If the folder has no classes, a class has no images, or a
            file is damaged, is no image or has an unknown format.
        FileNotFoundError: If there is no such folder.
        OSError: If a file cannot be read.
    """
    path, folders, class_names = _find_classes(name)
    splits = {
        split: _list_split(path, folder, class_names)
        for split, folder in folders.items()
    }
    return ImageFolder(path, class_names, splits)


def folder_splits(name: str) -> list[str]:
    """Returns the splits of a folder of images, without listing the files.

    Args:
        name: String such as `"folder:photos"`.

    Raises:
        ValueError, FileNotFoundError: As `list_folder`.
    """
    _, folders, _ = _find_classes(name)
    return list(folders)


def image_folder_info(name: str, image_size: int | None) -> DatasetInfo:
    """Returns the description of a folder of images.

    Args:
        name: String such as `"folder:photos"`.
        image_size: Integer, as in `keras_anytime.data.load`.

    Raises:
        ValueError: If there is no `image_size`, or the folder has no classes.
        FileNotFoundError: If there is no such folder.
    """
    if image_size is None:
        raise ValueError(
            "The images of a folder are resized to one size as they are read: "
            "give it, such as image_size=224 (--image_size=224). "
            f"Received: name={name!r} and image_size=None"
        )
    _, _, class_names = _find_classes(name)
    mean, std = COLOR
    return DatasetInfo(
        name,
        (image_size, image_size, 3),
        class_names,
        mean,
        std,
        ("resized_crop", "flip"),
    )


def open_folder(
    name: str, folder: ImageFolder, splits: Sequence[str]
) -> list[FolderImages]:
    """Returns the images of some splits of a folder.

    Args:
        name: String. The data set's name, for errors.
        folder: An `ImageFolder`.
        splits: Sequence of strings such as `"train[:80%]"`.

    Raises:
        ValueError: If a split is unknown.
    """
    return [
        FolderImages(
            folder.path,
            [
                file
                for whole, part in parse_split(split, folder.sizes, name)
                for file in folder.splits[whole][part.start : part.stop]
            ],
            len(folder.class_names),
        )
        for split in splits
    ]


def _find_classes(
    name: str,
) -> tuple[pathlib.Path, dict[str, pathlib.Path], tuple[str, ...]]:
    """Returns a folder, those of its splits, and the names of the classes."""
    path = user_path(name.removeprefix(_PREFIX))
    if not path.is_dir():
        raise FileNotFoundError(
            f"There is no folder {str(path)!r}. Received: name={name!r}"
        )
    folders = {split: path / split for split in _split_names(path)}
    folders = folders or {"train": path}
    class_names = tuple(_subfolders(folders["train"]))
    if not class_names:
        raise ValueError(
            "A folder of images has a subfolder for each class, such as "
            f"{str(path / 'ants' / '1.jpg')!r}. Received: name={name!r}, where "
            f"{str(folders['train'])!r} has no subfolders"
        )
    return path, folders, class_names


def _split_names(path: pathlib.Path) -> list[str]:
    """Returns the subfolders that are splits, `train` first, if any are."""
    subfolders = _subfolders(path)
    # A class may be called "train" too.
    if "train" not in subfolders or not _subfolders(path / "train"):
        return []
    known = ("train", *_EVALUATION_SPLITS)
    others = [folder for folder in subfolders if folder not in known]
    if others:
        raise ValueError(
            "A folder has either splits, which are called train, test, "
            "validation or val, or classes. Received: "
            f"{str(path)!r} with train and {naming.quote_names(others)}"
        )
    return [split for split in known if split in subfolders]


def _subfolders(path: pathlib.Path) -> list[str]:
    """Returns the sorted names of the subfolders that are not hidden."""
    with os.scandir(path) as entries:
        return sorted(
            entry.name
            for entry in entries
            if entry.is_dir() and not entry.name.startswith(".")
        )


def _list_split(
    root: pathlib.Path, folder: pathlib.Path, class_names: tuple[str, ...]
) -> list[tuple[str, int]]:
    """Returns the files of a split and their labels, in mixed order."""
    labels = {class_name: k for k, class_name in enumerate(class_names)}
    files = []
    for class_name in _subfolders(folder):
        if class_name not in labels:
            raise ValueError(
                f"The class {class_name!r} of {str(folder)!r} is not in the "
                "training images."
                f"{naming.did_you_mean(class_name, class_names)}"
            )
        found = _list_class(folder / class_name)
        prefix = (folder / class_name).relative_to(root).as_posix()
        files += [(f"{prefix}/{file}", labels[class_name]) for file in found]
    files.sort(key=lambda file: hashlib.sha256(os.fsencode(file[0])).digest())
    return files


def _list_class(folder: pathlib.Path) -> list[str]:
    """Returns the names of the image files of a class, after checking them."""
    with os.scandir(folder) as entries:
        names = [
            entry.name for entry in entries if not entry.name.startswith(".")
        ]
    files = []
    for name in names:
        suffix = pathlib.PurePath(name).suffix.lower()
        path = folder / name
        if suffix in _REFUSED_SUFFIXES or path.is_dir():
            raise ValueError(
                "A folder of a class has image files, JPEG, PNG, BMP or WEBP: "
                f"convert or move others. Received: {str(path)!r}"
            )
        if suffix in _SUFFIXES:
            _check_file(path)
            files.append(name)
    if not files:
        raise ValueError(
            "A class needs images; delete its folder if there are none. "
            f"Received: {str(folder)!r} without files that end in "
            f"{', '.join(_SUFFIXES)}"
        )
    return files


def _check_file(path: pathlib.Path) -> None:
    """Raises an error if a file cannot be read, or is no whole image."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise ValueError(f"{str(path)!r} is not a regular file.")
        with path.open("rb") as file:
            start = file.read(8)
            file.seek(max(0, os.fstat(file.fileno()).st_size - 8))
            end = file.read()
            if start.startswith(_STARTS) and end.endswith(_ENDS):
                return
            file.seek(0)
            check_decodable(file.read())
    except OSError as error:
        reason = error.strerror or error
        raise OSError(
            f"The image {str(path)!r} cannot be read ({reason})."
        ) from error
    except ValueError as error:
        raise ValueError(
            f"{str(path)!r} cannot be used: {error}. Replace or delete it."
        ) from error
