"""Damaged and hostile files, and exports that are killed."""

import dataclasses
import json
import os
import shutil
import signal
import sys

import numpy as np
import pytest

import keras_anytime as ka
from keras_anytime import manifest as manifest_lib
from keras_anytime.runtime import AnytimePredictor
from keras_anytime.runtime import LoadError
from tests.testing import copied
from tests.testing import digits
from tests.testing import run_process
from tests.testing import sampled
from tests.testing import scramble
from tests.testing import tiny_net


@pytest.fixture(name="exported")
def _exported(tiny_file):
    return tiny_file.read_bytes(), manifest_lib.read_manifest(tiny_file)


def _place(folder, content, manifest):
    path = folder / "net.tflite"
    path.write_bytes(content)
    manifest_lib.manifest_path(path).write_text(manifest.to_json())
    return path


every_count = pytest.mark.parametrize("count", sampled([50, 200], [50]))


@every_count
def test_files_cut_short_anywhere_are_refused(exported, tmp_path, count):
    content, manifest = exported
    rng = np.random.default_rng(0)
    for length in rng.integers(0, len(content), count):
        path = _place(tmp_path, content[:length], manifest)
        with pytest.raises(LoadError, match="damaged"):
            AnytimePredictor(path)


@every_count
def test_files_with_a_flipped_bit_are_refused(exported, tmp_path, count):
    content, manifest = exported
    rng = np.random.default_rng(0)
    for place in rng.integers(0, 8 * len(content), count):
        flipped = bytearray(content)
        flipped[place // 8] ^= 1 << (place % 8)
        path = _place(tmp_path, bytes(flipped), manifest)
        with pytest.raises(LoadError, match="damaged"):
            AnytimePredictor(path)


@pytest.mark.parametrize(
    "spec",
    [
        {"shape": (1, 8, 8, 3)},
        {"shape": (2**20, 8, 8, 1)},
        {"dtype": "int8"},
    ],
)
def test_a_manifest_that_lies_about_its_file_is_refused(
    exported, tmp_path, spec
):
    content, manifest = exported

    def lie(signature):
        inputs = tuple(
            dataclasses.replace(tensor, **spec)
            if tensor.name == "image"
            else tensor
            for tensor in signature.inputs
        )
        return dataclasses.replace(signature, inputs=inputs)

    # All programs take the same image, or the manifest alone is refused.
    signatures = {
        name: lie(signature) for name, signature in manifest.signatures.items()
    }
    path = _place(
        tmp_path,
        content,
        dataclasses.replace(manifest, signatures=signatures),
    )
    with pytest.raises(LoadError, match="not the file of its manifest"):
        AnytimePredictor(path)


def test_an_export_that_is_no_regular_file_is_not_waited_for(
    exported, tmp_path
):
    _, manifest = exported
    path = _place(tmp_path, b"", manifest)
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(OSError, match="not a regular file"):
        AnytimePredictor(path)
    path.unlink()
    path.symlink_to("/dev/zero")
    with pytest.raises(OSError, match="not a regular file"):
        AnytimePredictor(path)


# Exports over what is there, once for each number of moves and each moment, in
# a process that is killed then. All are forked from one that has imported the
# library, but not begun to use it.
KILLED = """
import json, os, signal, sys
import keras_anytime as ka
from keras_anytime.files import atomic
from tests.testing import scramble, tiny_net

def die():
    os.kill(os.getpid(), signal.SIGKILL)

def file(path, moves):
    replace = os.replace

    def move(*args, **kwargs):
        nonlocal moves
        moves -= 1
        if moves < 0:
            die()
        replace(*args, **kwargs)

    os.replace = move
    ka.export.tflite(scramble(tiny_net("w1-w2")), path)

def folder(path, moment):
    exchange = atomic._exchange

    def exchange_or_die(*paths):
        if moment == "before":
            die()
        assert exchange(*paths)
        die()

    atomic._exchange = exchange_or_die
    ka.export.saved_model(scramble(tiny_net("w1-w2")), path)

for path, moment in json.loads(sys.argv[1]):
    child = os.fork()
    if not child:
        (folder if isinstance(moment, str) else file)(path, moment)
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.fixture(name="killed", scope="module")
def _killed(repository, tiny_file, tiny_folder, tmp_path_factory):
    """What exports that were killed have left: paths and exit codes.

    A file is killed before each of its moves, with 3 it comes to its end; a
    folder before and after its only one, which needs Linux' renameat2.
    """
    root = tmp_path_factory.mktemp("killed")
    moments = [0, 1, 2, 3]
    if sys.platform == "linux":
        moments += ["before", "after"]
    paths = {}
    for moment in moments:
        folder = root / str(moment)
        folder.mkdir()
        if isinstance(moment, str):
            paths[moment] = folder / "export"
            shutil.copytree(tiny_folder, paths[moment])
        else:
            paths[moment] = copied(tiny_file, folder)
    run = run_process(
        repository,
        "-c",
        KILLED,
        json.dumps([(str(path), moment) for moment, path in paths.items()]),
        PYTHONPATH=str(repository),
    )
    assert run.returncode == 0, run.stderr
    codes = map(int, run.stdout.split())
    return paths, dict(zip(paths, codes, strict=True))


@pytest.mark.parametrize("moves", [0, 1, 2, 3])
@pytest.mark.slow
def test_a_killed_export_leaves_a_file_that_works(killed, tiny_file, moves):
    paths, codes = killed
    path = paths[moves]
    assert codes[moves] == (0 if moves == 3 else -signal.SIGKILL)
    with AnytimePredictor(path) as predictor:
        assert predictor.num_stages == (3 if moves < 2 else 2)
        assert len(list(predictor.stream(digits(1)[0][0]))) in (2, 3)
    if moves < 2:
        assert path.read_bytes() == tiny_file.read_bytes()
    # A later export puts everything in order.
    if moves == 1:
        ka.export.tflite(scramble(tiny_net("w1")), path)
        with AnytimePredictor(path) as predictor:
            assert predictor.num_stages == 1


@pytest.mark.skipif(sys.platform != "linux", reason="needs Linux' renameat2")
@pytest.mark.parametrize(("moment", "stages"), [("before", 3), ("after", 2)])
@pytest.mark.slow
def test_a_killed_export_leaves_a_folder_that_works(killed, moment, stages):
    paths, codes = killed
    assert codes[moment] == -signal.SIGKILL
    with AnytimePredictor(paths[moment]) as predictor:
        assert predictor.num_stages == stages
        assert len(list(predictor.stream(digits(1)[0][0]))) == stages
