"""Functions of another process."""

import sys

import pytest

from keras_anytime.experiments.benchmark import Remote

PROGRAM = """
import os, pathlib, sys
from keras_anytime.experiments.benchmark import serve
path = pathlib.Path(sys.argv[1])
def note(text):
    print("other output")
    with path.open("a") as file:
        file.write(text)
serve({
    "a, b": lambda: note("one " + os.environ["WHO"] + " "),
    "fails": lambda: sys.exit(3),
})
"""


def _remote(path):
    return Remote([sys.executable, "-c", PROGRAM, str(path)], WHO="me")


def test_functions_run_elsewhere_once_a_call(tmp_path):
    path = tmp_path / "notes.txt"
    remote = _remote(path)
    assert list(remote.functions) == ["a, b", "fails"]
    assert not path.exists()
    for count in (1, 2):
        remote.functions["a, b"]()
        assert path.read_text() == "one me " * count
    remote.close()


def test_a_process_that_ends_is_told(tmp_path):
    remote = _remote(tmp_path / "notes.txt")
    with pytest.raises(RuntimeError, match="has ended"):
        remote.functions["fails"]()
    remote.close()
