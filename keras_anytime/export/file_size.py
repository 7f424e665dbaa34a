"""Sizes of exported files, as they are and compressed."""

import dataclasses
import os
import zlib

from keras_anytime.files import user_path


@dataclasses.dataclass(frozen=True)
class FileSizes:
    """The size of a file, as it is and compressed.

    Attributes:
        raw: Integer. Bytes of the file.
        compressed: Integer. Bytes after zlib at level 9, as in the packages of
            applications.
    """

    raw: int
    compressed: int


def file_sizes(path: str | os.PathLike) -> FileSizes:
    """Returns the sizes of an exported file.

    Pruning and clustering reduce the compressed size only, because the file
    itself stores zeros and repeated values like all others.

    ```python
    sizes = ka.export.file_sizes("run/anytime.tflite")
    print(sizes.raw, sizes.compressed)
    ```

    Args:
        path: String or path of a file.

    Returns:
        A `FileSizes`.

    Raises:
        OSError: If the file cannot be read.
    """
    content = user_path(path).read_bytes()
    return FileSizes(len(content), len(zlib.compress(content, level=9)))
