"""Files: written atomically, locked, and read with checks.

`atomic` writes a file completely or not at all, `locks` keeps two processes
from writing the same files, and `paths` checks paths and files that come from
users. Devices load this package, so it needs the standard library only.
"""

from keras_anytime.files.atomic import atomic_write
from keras_anytime.files.atomic import check_writable
from keras_anytime.files.atomic import delete_leftovers
from keras_anytime.files.atomic import disk_full_errno
from keras_anytime.files.atomic import write_json
from keras_anytime.files.atomic import write_text
from keras_anytime.files.locks import lock_file
from keras_anytime.files.locks import lock_folder
from keras_anytime.files.paths import ContentError
from keras_anytime.files.paths import open_regular
from keras_anytime.files.paths import picture_path
from keras_anytime.files.paths import read_small
from keras_anytime.files.paths import user_path

__all__ = [
    "ContentError",
    "atomic_write",
    "check_writable",
    "delete_leftovers",
    "disk_full_errno",
    "lock_file",
    "lock_folder",
    "open_regular",
    "picture_path",
    "read_small",
    "user_path",
    "write_json",
    "write_text",
]
