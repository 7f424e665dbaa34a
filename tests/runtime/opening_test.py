"""Predictors whose file changes while it is open."""

import os
import pathlib
import shutil
import sys

import numpy as np
import pytest

from keras_anytime.runtime import AnytimePredictor
from keras_anytime.runtime import LoadError
from keras_anytime.runtime import opening
from tests.testing import copied
from tests.testing import digits


@pytest.fixture(name="path")
def _path(tiny_file, tmp_path):
    return copied(tiny_file, tmp_path)


@pytest.fixture(name="image")
def _image():
    return digits(1)[0][0]


def _overwrite(path):
    """Writes other numbers in the same places, as copying a file there does."""
    content = np.frombuffer(path.read_bytes()[:-3], "uint8")
    with path.open("r+b") as file:
        file.write(content[::-1].tobytes())


@pytest.mark.parametrize(
    "change",
    [lambda path: os.truncate(path, 0), _overwrite, os.remove],
    ids=["truncated", "overwritten", "removed"],
)
@pytest.mark.parametrize("asked", [False, True])
def test_a_file_may_change_in_place_while_it_is_open(
    path, image, tiny_file, change, asked
):
    with AnytimePredictor(tiny_file) as other:
        wanted = [result.logits for result in other.stream(image)]
    with AnytimePredictor(path) as predictor:
        if asked:
            predictor.predict(image)
        change(path)
        # Before a first answer, LiteRT has read next to nothing.
        found = [result.logits for result in predictor.stream(image)]
        batch = predictor.predict(np.stack([image] * 3))
    np.testing.assert_array_equal(found, wanted)
    np.testing.assert_allclose(batch.logits, [wanted[2]] * 3, rtol=1e-5)


@pytest.mark.skipif(sys.platform != "linux", reason="Linux tells of mappings")
def test_a_file_is_mapped_where_it_is_not_verified(path):
    def mapped():
        return str(path) in pathlib.Path("/proc/self/maps").read_text()

    with AnytimePredictor(path):
        assert not mapped()
    with AnytimePredictor(path, verify=False):
        assert mapped()


def test_a_folder_that_changes_while_it_is_opened_is_refused(
    tiny_folder, tmp_path, monkeypatch
):
    folder = tmp_path / "export"
    shutil.copytree(tiny_folder, folder)
    load = opening.load_programs

    def load_late(*args):
        with (folder / "fingerprint.pb").open("ab") as file:
            file.write(b"\0")
        return load(*args)

    monkeypatch.setattr(opening, "load_programs", load_late)
    with pytest.raises(LoadError, match="changed while it was opened"):
        AnytimePredictor(folder)
    shutil.copy(tiny_folder / "fingerprint.pb", folder)
    AnytimePredictor(folder, verify=False).close()
