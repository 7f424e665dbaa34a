import os

import pytest

from keras_anytime.files import open_regular
from keras_anytime.files import read_small


def test_only_regular_files_of_a_size_are_read(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"12345")
    assert read_small(path, 5) == b"12345"
    with pytest.raises(OSError, match="larger than 4 bytes"):
        read_small(path, 4)
    with open_regular(path) as file:
        assert file.read() == b"12345"
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for other in (pipe, "/dev/zero", tmp_path, "/dev/null"):
        with pytest.raises(OSError):
            read_small(other, 5)
    with pytest.raises(FileNotFoundError):
        open_regular(tmp_path / "nowhere")
