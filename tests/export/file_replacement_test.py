"""Exports to one place, several at once and one killed after another."""

import itertools
import os
import threading

import numpy as np
import pytest

import keras_anytime as ka
from keras_anytime import files
from keras_anytime import manifest as manifest_lib
from keras_anytime.export import verification
from keras_anytime.export.file_replacement import replace_file
from keras_anytime.runtime import AnytimePredictor
from tests.testing import copied
from tests.testing import digits
from tests.testing import scramble
from tests.testing import tiny_net


@pytest.fixture(name="path")
def _path(tiny_file, tmp_path):
    return copied(tiny_file, tmp_path)


def test_of_several_exports_at_once_one_stays_whole(tiny_file, path):
    content = tiny_file.read_bytes()
    manifest = manifest_lib.read_manifest(tiny_file)
    versions = itertools.count(1)
    errors = []

    def export():
        try:
            for _ in range(10):
                mark = next(versions).to_bytes(4, "little")
                replace_file(path, content + mark, manifest)
        except Exception as error:
            errors.append(error)

    exports = [threading.Thread(target=export) for _ in range(4)]
    for thread in exports:
        thread.start()
    opened = 0
    while any(thread.is_alive() for thread in exports):
        # Whoever opens it meanwhile gets one of them.
        with AnytimePredictor(path) as predictor:
            opened += predictor.num_stages == 3
    for thread in exports:
        thread.join(30)
    assert not errors
    assert opened
    assert manifest_lib.read_manifest(path).sha256 == (
        manifest_lib.checksum(path)
    )
    assert sorted(os.listdir(path.parent)) == [path.name, f"{path.name}.json"]


class _Killed(BaseException):
    pass


def _killed_after(moves, path, content, manifest, monkeypatch):
    """Ends an export as a kill does, after so many moves."""
    left = iter(range(moves))
    replace = os.replace

    def move(*args):
        if next(left, None) is None:
            raise _Killed
        replace(*args)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", move)
        with pytest.raises(_Killed):
            replace_file(path, content, manifest)


@pytest.mark.parametrize("first", range(3))
@pytest.mark.parametrize("second", range(3))
def test_two_exports_killed_in_a_row_leave_a_file_that_works(
    tiny_file, path, first, second, monkeypatch
):
    content = tiny_file.read_bytes()
    manifest = manifest_lib.read_manifest(tiny_file)
    for moves, mark in ((first, b"1"), (second, b"2")):
        _killed_after(moves, path, content + mark, manifest, monkeypatch)
        assert manifest_lib.matching_manifest(path) is not None
    replace_file(path, content, manifest)
    assert manifest_lib.read_manifest(path) == manifest


def test_a_folder_stays_where_a_file_was_to_be(tiny_file, tmp_path):
    folder = tmp_path / "net.tflite"
    folder.mkdir()
    manifest = manifest_lib.read_manifest(tiny_file)
    with pytest.raises(OSError, match="use another place"):
        replace_file(folder, b"content", manifest)
    assert not list(folder.iterdir())
    assert [path.name for path in tmp_path.iterdir()] == ["net.tflite"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs locks")
def test_programs_that_replace_files_of_a_folder_take_turns(tmp_path):
    inside = []

    def enter():
        with files.lock_folder(tmp_path):
            inside.append(1)
            assert len(inside) == 1
            # Whoever waits does so here, not in Python.
            threading.Event().wait(0.01)
            inside.remove(1)

    errors = []

    def enter_or_tell():
        try:
            enter()
        except Exception as error:
            errors.append(error)

    callers = [threading.Thread(target=enter_or_tell) for _ in range(4)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(30)
    assert not errors
    with pytest.raises(FileNotFoundError):
        with files.lock_folder(tmp_path / "nowhere"):
            pass
    # A process forked meanwhile does not hold it for ever.
    with files.lock_folder(tmp_path):
        end, start = os.pipe()
        child = os.fork()
        if not child:
            os.close(start)
            os.read(end, 1)
            os._exit(0)
    enter()
    os.close(start)
    os.waitpid(child, 0)
    os.close(end)


def test_what_was_measured_on_a_file_is_not_written_of_another(
    tiny_file, path, monkeypatch
):
    images, labels = digits(4)
    model = scramble(tiny_net())
    manifest = manifest_lib.read_manifest(path)
    predict = model.predict

    def replaced_meanwhile(*args, **kwargs):
        replace_file(path, path.read_bytes() + b"\0", manifest)
        return predict(*args, **kwargs)

    monkeypatch.setattr(model, "predict", replaced_meanwhile)
    with pytest.raises(ValueError, match="replaced while it was measured"):
        verification.verify(path, model, (images, labels))
    with AnytimePredictor(path) as predictor:
        assert predictor.manifest.verified is None
        assert np.isfinite(predictor.predict(images[0]).logits).all()
    monkeypatch.undo()
    ka.export.verify(path, model, (images, labels))
    assert manifest_lib.matching_manifest(path).verified["examples"] == 4
