"""Which data sets there are, for errors about a name that none has."""

import pathlib
import re

from keras_anytime import naming

DIGITS_NAME = "digits"
_TFDS_NAME = re.compile(r"[A-Za-z]\w*(:[A-Za-z]\w*)?(/[\w.=,-]+)?(:[\d.*]+)?")


def check_name(name, root):
    """Raises a `ValueError` if no data set can have a name.

    Args:
        name: What was given.
        root: String. The folder of prepared TFDS data sets.
    """
    if not isinstance(name, str) or not _TFDS_NAME.fullmatch(name):
        raise unknown_name(name, root)


def unknown_name(name, root, others=()):
    """Returns a `ValueError` that says which names there are.

    Args:
        name: What was given.
        root: String. The folder of prepared TFDS data sets.
        others: Iterable of strings. Further data sets, which can be fetched.
    """
    there = prepared(root)
    hint = ""
    if isinstance(name, str) and pathlib.Path(name).exists():
        hint = (
            " Folders and files of images are not read: put the arrays "
            "x_train, y_train, x_test and y_test in an .npz file with "
            "`numpy.savez`."
        )
    return ValueError(
        f"`name` must be {DIGITS_NAME!r}, the path of an .npz file, or a data "
        "set of TensorFlow Datasets, such as 'cifar10'; prepared in "
        f"{root!r}: {naming.quote_names(there) or 'none'}.{hint}"
        f"{naming.did_you_mean(name, [DIGITS_NAME, *there, *others])} "
        f"Received: name={name!r}"
    )


def not_prepared(name, root, how):
    """Returns a `FileNotFoundError` that says how to get a data set.

    Args:
        name: String.
        root: String. The folder of prepared TFDS data sets.
        how: String. A sentence.
    """
    there = prepared(root)
    return FileNotFoundError(
        f"The data set {name!r} is not in {root!r}, which has "
        f"{naming.quote_names(there) or 'none'}. {how}"
        f"{naming.did_you_mean(name, there)}"
    )


def prepared(root):
    """Returns the names of the prepared TFDS data sets in a folder, sorted."""
    folders = {
        path.parent.parent.relative_to(root).as_posix()
        for pattern in ("*/*/dataset_info.json", "*/*/*/dataset_info.json")
        for path in pathlib.Path(root).glob(pattern)
    }
    return sorted(folders)
