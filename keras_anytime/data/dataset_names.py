"""Names of data sets, and the errors about names that are unknown."""

import pathlib
import re
from collections.abc import Iterable

from keras_anytime import naming

DIGITS_NAME = "digits"
# What many ask for, as TFDS spells it, also where nothing is prepared.
_FREQUENT = ("cifar10", "cifar100", "fashion_mnist", "mnist")
_TFDS_NAME = re.compile(r"[A-Za-z]\w*(:[A-Za-z]\w*)?(/[\w.=,-]+)?(:[\d.*]+)?")


def check_name(name: object, root: str) -> None:
    """Raises an error if a name cannot be that of a TFDS data set.

    Args:
        name: The name that a user gave.
        root: String. The folder of prepared TFDS data sets.

    Raises:
        ValueError: If the name is not a string of the right form.
    """
    if not isinstance(name, str) or not _TFDS_NAME.fullmatch(name):
        raise unknown_name_error(name, root)


def unknown_name_error(
    name: object, root: str, downloadable: Iterable[str] = ()
) -> ValueError:
    """Returns an error that lists the data sets that exist.

    Args:
        name: The name that a user gave.
        root: String. The folder of prepared TFDS data sets.
        downloadable: Iterable of strings. The data sets that can be
            downloaded.
    """
    prepared = prepared_datasets(root)
    known = [DIGITS_NAME, *prepared, *_FREQUENT, *downloadable]
    hint = naming.did_you_mean(name, known)
    if isinstance(name, str) and pathlib.Path(name).exists():
        # A path is no misspelled name.
        hint = (
            " A folder of images in a subfolder for each class is written "
            f"'folder:{name}', with image_size; arrays x_train, y_train, "
            "x_test and y_test are read in an .npz file with `numpy.savez`."
        )
    return ValueError(
        f"`name` must be {DIGITS_NAME!r}, the path of an .npz file, a data "
        "set of TensorFlow Datasets, such as 'cifar10', or a folder of images, "
        "such as 'folder:photos'; prepared in "
        f"{root!r}: {naming.quote_names(prepared) or 'none'}.{hint} "
        f"Received: name={name!r}"
    )


def not_prepared_error(name: str, root: str, remedy: str) -> FileNotFoundError:
    """Returns an error that says how to get a data set.

    Args:
        name: String. The data set's name.
        root: String. The folder of prepared TFDS data sets.
        remedy: String. A sentence that says what to do.
    """
    prepared = prepared_datasets(root)
    content = "does not exist"
    if pathlib.Path(root).exists():
        content = f"has {naming.quote_names(prepared) or 'none'}"
    return FileNotFoundError(
        f"The data set {name!r} is not in {root!r}, which {content}. {remedy}"
        f"{naming.did_you_mean(name, prepared)}"
    )


def prepared_datasets(root: str) -> list[str]:
    """Returns the sorted names of the prepared TFDS data sets in a folder."""
    folders = {
        path.parent.parent.relative_to(root).as_posix()
        for pattern in ("*/*/dataset_info.json", "*/*/*/dataset_info.json")
        for path in pathlib.Path(root).glob(pattern)
    }
    return sorted(folders)
