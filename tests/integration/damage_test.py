"""Damaged and hostile files, and exports that are killed."""

import dataclasses
import os
import signal
import subprocess
import sys

import numpy as np
import pytest

import keras_anytime as ka
from keras_anytime.export import manifest as manifest_lib
from keras_anytime.runtime import AnytimePredictor
from keras_anytime.runtime import LoadError
from tests.testing import digits
from tests.testing import scramble
from tests.testing import tiny_net


@pytest.fixture(scope="module", name="exported")
def _exported(tmp_path_factory):
    path = tmp_path_factory.mktemp("exports") / "net.tflite"
    ka.export.tflite(scramble(tiny_net()), path)
    return path.read_bytes(), manifest_lib.read_manifest(path)


def _place(folder, content, manifest):
    path = folder / "net.tflite"
    path.write_bytes(content)
    manifest_lib.manifest_path(path).write_text(manifest.to_json())
    return path


def test_files_cut_short_anywhere_are_refused(exported, tmp_path):
    content, manifest = exported
    rng = np.random.default_rng(0)
    for length in rng.integers(0, len(content), 200):
        path = _place(tmp_path, content[:length], manifest)
        with pytest.raises(LoadError, match="damaged"):
            AnytimePredictor(path)


def test_files_with_a_flipped_bit_are_refused(exported, tmp_path):
    content, manifest = exported
    rng = np.random.default_rng(0)
    for place in rng.integers(0, 8 * len(content), 200):
        flipped = bytearray(content)
        flipped[place // 8] ^= 1 << (place % 8)
        path = _place(tmp_path, bytes(flipped), manifest)
        with pytest.raises(LoadError, match="damaged"):
            AnytimePredictor(path)


@pytest.mark.parametrize(
    "spec",
    [
        {"shape": (1, 2**40, 2**40, 1)},
        {"shape": (1, 8, 8, 3)},
        {"dtype": "int8"},
        {"dtype": "object"},
        {"name": "../image"},
    ],
)
def test_a_manifest_that_lies_about_its_file_is_refused(
    exported, tmp_path, spec
):
    content, manifest = exported
    step = manifest.signatures["step_1"]
    lie = dataclasses.replace(
        step, inputs=(dataclasses.replace(step.inputs[0], **spec),)
    )
    path = _place(
        tmp_path,
        content,
        dataclasses.replace(
            manifest, signatures={**manifest.signatures, "step_1": lie}
        ),
    )
    with pytest.raises(LoadError, match="not the file of its manifest"):
        AnytimePredictor(path)


EXPORT = """
import os, signal, sys
from tests.testing import scramble, tiny_net
import keras_anytime as ka

moves = int(sys.argv[2])
replace = os.replace

def move(*args, **kwargs):
    global moves
    moves -= 1
    if moves < 0:
        os.kill(os.getpid(), signal.SIGKILL)
    replace(*args, **kwargs)

os.replace = move
ka.export.tflite(scramble(tiny_net("w1-w2")), sys.argv[1])
"""


@pytest.mark.parametrize("moves", [0, 1, 2, 3])
def test_a_killed_export_leaves_a_file_that_works(
    exported, tmp_path, repository, moves
):
    """Killed before each move of a file; with 3 it comes to its end."""
    content, manifest = exported
    path = _place(tmp_path, content, manifest)
    run = subprocess.run(
        [sys.executable, "-c", EXPORT, str(path), str(moves)],
        cwd=repository,
        env={**os.environ, "PYTHONPATH": str(repository)},
        capture_output=True,
        check=False,
    )
    assert run.returncode == (0 if moves == 3 else -signal.SIGKILL)
    with AnytimePredictor(path) as predictor:
        assert predictor.num_stages == (3 if moves < 2 else 2)
        assert len(list(predictor.stream(digits(1)[0][0]))) in (2, 3)
    if moves < 2:
        assert path.read_bytes() == content
    # A later export puts everything in order.
    ka.export.tflite(scramble(tiny_net()), path)
    with AnytimePredictor(path) as predictor:
        assert predictor.num_stages == 3


EXPORT_FOLDER = """
import os, signal, sys
from keras_anytime import files
from tests.testing import scramble, tiny_net
import keras_anytime as ka

exchange = files._exchange

def exchange_or_die(*paths):
    if sys.argv[2] == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    done = exchange(*paths)
    assert done
    os.kill(os.getpid(), signal.SIGKILL)

files._exchange = exchange_or_die
ka.export.saved_model(scramble(tiny_net("w1-w2")), sys.argv[1])
"""


@pytest.mark.skipif(sys.platform != "linux", reason="needs Linux' renameat2")
@pytest.mark.parametrize(("moment", "stages"), [("before", 3), ("after", 2)])
def test_a_killed_export_leaves_a_folder_that_works(
    tmp_path, repository, moment, stages
):
    path = tmp_path / "saved_model"
    ka.export.saved_model(scramble(tiny_net()), path)
    run = subprocess.run(
        [sys.executable, "-c", EXPORT_FOLDER, str(path), moment],
        cwd=repository,
        env={**os.environ, "PYTHONPATH": str(repository)},
        capture_output=True,
        check=False,
    )
    assert run.returncode == -signal.SIGKILL
    with AnytimePredictor(path) as predictor:
        assert predictor.num_stages == stages
        assert len(list(predictor.stream(digits(1)[0][0]))) == stages
