import errno
import json
import math
import os
import subprocess
import sys
import threading

import pytest

from keras_anytime.files import atomic
from keras_anytime.files import atomic_write
from keras_anytime.files import check_writable
from keras_anytime.files import write_json
from tests.testing import no_room


def test_a_file_is_replaced_whole(tmp_path):
    path = tmp_path / "new" / "file.txt"
    atomic_write(path, lambda beside: beside.write_text("one"))
    atomic_write(path, lambda beside: beside.write_text("two"))
    assert path.read_text() == "two"
    assert [child.name for child in path.parent.iterdir()] == ["file.txt"]


def _folder_of(name):
    def write(beside):
        beside.mkdir()
        (beside / name).write_text(name)

    return write


@pytest.mark.parametrize("at_once", [True, False])
def test_a_folder_is_replaced_whole(tmp_path, monkeypatch, at_once):
    if not at_once:  # As on systems that cannot swap folders.
        monkeypatch.setattr(atomic, "_exchange", lambda *_: False)
    path = tmp_path / "folder"
    atomic_write(path, _folder_of("one"))
    atomic_write(path, _folder_of("two"))
    assert [child.name for child in path.iterdir()] == ["two"]
    assert [child.name for child in tmp_path.iterdir()] == ["folder"]


@pytest.mark.skipif(sys.platform != "linux", reason="needs Linux' renameat2")
def test_a_folder_is_there_while_it_is_replaced(tmp_path):
    path = tmp_path / "folder"
    atomic_write(path, _folder_of("one"))
    missing = []
    done = threading.Event()

    def watch():
        while not done.is_set():
            missing.extend([1] if not path.exists() else [])

    watcher = threading.Thread(target=watch)
    watcher.start()
    for _ in range(200):
        atomic_write(path, _folder_of("one"))
    done.set()
    watcher.join()
    assert not missing


def test_two_programs_may_write_one_new_folder(tmp_path, monkeypatch):
    path = tmp_path / "folder"
    replace = os.replace

    def other_was_first(beside, place):
        monkeypatch.undo()
        _folder_of("other")(path)
        replace(beside, place)

    monkeypatch.setattr(os, "replace", other_was_first)
    atomic_write(path, _folder_of("mine"))
    assert [child.name for child in path.iterdir()] == ["mine"]
    assert [child.name for child in tmp_path.iterdir()] == ["folder"]


def test_a_folder_is_not_lost_to_a_file(tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "mine").write_text("mine")
    with pytest.raises(IsADirectoryError, match="folder"):
        atomic_write(folder, lambda beside: beside.write_text("file"))
    assert (folder / "mine").read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "file.txt"
    path.write_text("old")

    def fail(beside):
        beside.write_text("half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        atomic_write(path, fail)
    assert path.read_text() == "old"
    assert [child.name for child in tmp_path.iterdir()] == ["file.txt"]


@pytest.mark.skipif(sys.platform == "win32", reason="no locks there")
def test_what_killed_processes_left_is_deleted_and_nothing_else(tmp_path):
    path = tmp_path / "history.csv"
    code = (
        "import os, signal, sys; from keras_anytime.files import atomic_write;"
        "atomic_write(sys.argv[1], lambda beside: (beside.write_text('half'),"
        "os.kill(os.getpid(), signal.SIGKILL)))"
    )
    for _ in range(2):
        killed = subprocess.run([sys.executable, "-c", code, path], check=False)
        assert killed.returncode == -9
    (left,) = tmp_path.iterdir()
    others = [
        tmp_path / f".other.csv{left.name.removeprefix('.history.csv')}",
        tmp_path / ".history.csv.mine",
    ]
    for other in others:
        other.mkdir()
    (tmp_path / ".history.csv.a_file__.part").write_text("mine")
    rooms = []

    def write(beside):
        rooms.append(beside.parent)
        if len(rooms) == 1:
            # That of a process that lives stays.
            atomic_write(path, write)
            assert rooms[0].is_dir()
        beside.write_text("new")

    atomic_write(path, write)
    assert len(rooms) == 2
    assert path.read_text() == "new"
    assert set(tmp_path.iterdir()) == {
        path,
        *others,
        tmp_path / ".history.csv.a_file__.part",
    }
    check_writable(path)
    assert len(list(tmp_path.iterdir())) == 4


@pytest.mark.skipif(sys.platform == "win32", reason="no such limits there")
def test_a_full_disk_names_the_file_and_leaves_it(tmp_path):
    path = tmp_path / "file.txt"
    path.write_text("old")
    with no_room(1), pytest.raises(OSError) as error:
        atomic_write(path, lambda beside: beside.write_text(5000 * "new"))
    assert f"an earlier file is unchanged. Received: path={str(path)!r}" in (
        str(error.value)
    )
    assert path.read_text() == "old"

    class OpError(Exception):
        """As of TensorFlow, which has no number."""

    def fail(beside):
        raise OpError(f"{beside}; No space left on device")

    with pytest.raises(OSError) as error:
        atomic_write(path, fail)
    assert error.value.errno == errno.ENOSPC
    assert [child.name for child in tmp_path.iterdir()] == ["file.txt"]


def test_what_is_no_json_leaves_the_old_file(tmp_path):
    path = tmp_path / "content.json"
    write_json(path, {"a": [1, None], "b": (math.inf, {"c": math.nan}, 0.5)})
    # JSON knows no infinity.
    content = json.loads(path.read_text(), parse_constant=pytest.fail)
    assert content == {"a": [1, None], "b": [None, {"c": None}, 0.5]}
    write_json(path, {"a": [1, None]})
    with pytest.raises(TypeError):
        write_json(path, {"a": object()})
    assert json.loads(path.read_text()) == {"a": [1, None]}


def test_the_suffix_is_kept_for_writers_that_look_at_it(tmp_path):
    seen = []
    atomic_write(
        tmp_path / "a.keras",
        lambda beside: (seen.append(beside.suffix), beside.touch()),
    )
    assert seen == [".keras"]
