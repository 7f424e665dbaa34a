"""Saved models that are damaged, or made to fill a memory."""

import io
import json
import os
import zipfile

import h5py
import keras
import numpy as np
import pytest

import keras_anytime as ka
from keras_anytime.saving.archives import check_archive
from keras_anytime.saving.metadata import read_metadata
from tests.callbacks.nets import dense_net
from tests.testing import compiled
from tests.testing import digits

WEIGHTS = "model.weights.h5"


@pytest.fixture(scope="module", name="saved")
def _saved(tmp_path_factory):
    """The bytes of a trained model's file."""
    path = tmp_path_factory.mktemp("saved") / "model.keras"
    model = compiled(dense_net())
    model.fit(*digits(16), verbose=0)
    model.save(path)
    return path.read_bytes()


def _parts(saved):
    with zipfile.ZipFile(io.BytesIO(saved)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def _packed(parts, compression=zipfile.ZIP_STORED):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", compression) as archive:
        for name, part in parts.items():
            with archive.open(name, "w") as file:
                for piece in [part] if isinstance(part, bytes) else part:
                    file.write(piece)
    return content.getvalue()


def _zeros(mebibytes):
    return (bytes(2**20) for _ in range(mebibytes))


def _with_array(saved, **dataset):
    """A file with one more array among its weights."""
    parts = _parts(saved)
    weights = io.BytesIO(parts[WEIGHTS])
    with h5py.File(weights, "a") as file:
        file.create_dataset("layers/more", **dataset)
    return _packed({**parts, WEIGHTS: weights.getvalue()})


BOMBS = {
    "weights": lambda saved: _packed(
        {**_parts(saved), WEIGHTS: _zeros(64)}, zipfile.ZIP_DEFLATED
    ),
    "config": lambda saved: _packed(
        {**_parts(saved), "config.json": _zeros(64)}, zipfile.ZIP_DEFLATED
    ),
    "asset": lambda saved: _packed(
        {**_parts(saved), "assets/more": _zeros(64)}, zipfile.ZIP_DEFLATED
    ),
    "many assets": lambda saved: _packed(
        {**_parts(saved), **{f"assets/{k}": _zeros(4) for k in range(16)}},
        zipfile.ZIP_DEFLATED,
    ),
    # An array in HDF5 may be empty on the disk, whatever its shape.
    "array": lambda saved: _with_array(
        saved, shape=(2**31,), dtype="f4", chunks=(2**20,), compression="gzip"
    ),
    "huge array": lambda saved: _with_array(
        saved, shape=(2**31, 2**31), dtype="f8", chunks=(2**10, 2**10)
    ),
}


@pytest.mark.parametrize("kind", BOMBS)
def test_what_would_fill_a_memory_is_not_loaded(
    tmp_path, saved, monkeypatch, kind
):
    path = tmp_path / "bomb.keras"
    path.write_bytes(BOMBS[kind](saved))
    # Whatever is read, it is no more than the file has.
    read = zipfile.ZipExtFile.read
    counted = []

    def count(self, *args):
        content = read(self, *args)
        counted.append(len(content))
        return content

    monkeypatch.setattr(zipfile.ZipExtFile, "read", count)
    with pytest.raises(ValueError, match="100 times its size.* is not loaded"):
        ka.load_model(path)
    assert sum(counted) < 4 * path.stat().st_size


def test_a_file_that_was_compressed_anew_is_loaded(tmp_path, saved):
    path = tmp_path / "again.keras"
    path.write_bytes(_packed(_parts(saved), zipfile.ZIP_DEFLATED))
    assert path.stat().st_size < len(saved) / 2
    again = ka.load_model(path)
    assert int(again.optimizer.iterations) == 1


@pytest.mark.parametrize("kind", ["weights", "array"])
def test_a_checkpoint_that_would_fill_a_memory_is_not_restored(
    tmp_path, saved, kind
):
    x, y = digits(16)
    fit = {"epochs": 1, "verbose": 0}
    compiled(dense_net()).fit(
        x, y, callbacks=[ka.callbacks.Resume(tmp_path)], **fit
    )
    path = tmp_path / "epoch_00001.keras"
    note = json.dumps(read_metadata(path)).encode()
    path.write_bytes(BOMBS[kind](saved))
    with zipfile.ZipFile(path, "a") as archive:
        archive.comment = note
    with pytest.raises(ValueError, match="cannot be read .* 100 times"):
        compiled(dense_net()).fit(
            x, y, callbacks=[ka.callbacks.Resume(tmp_path)], **fit
        )
    assert path.exists()


@pytest.mark.parametrize(
    "note",
    [
        b"",
        b"no json",
        b"[1, 2]",
        b"null",
        b"[" * 60_000,
        b"\xff\xfe",
    ],
)
def test_notes_that_are_none_are_no_notes(tmp_path, saved, note):
    path = tmp_path / "epoch_00003.keras"
    path.write_bytes(saved)
    with zipfile.ZipFile(path, "a") as archive:
        archive.comment = note
    assert read_metadata(path) == {}
    with pytest.raises(ValueError, match="cannot be read, or is none of"):
        compiled(dense_net()).fit(
            *digits(8),
            epochs=4,
            callbacks=[ka.callbacks.Resume(tmp_path)],
            verbose=0,
        )


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes there")
def test_a_pipe_is_not_waited_for(tmp_path):
    path = tmp_path / "epoch_00001.keras"
    os.mkfifo(path)
    with pytest.raises(ValueError, match="not a pipe or a device"):
        ka.load_model(path)
    assert read_metadata(path) == {}


def _damaged(saved, rng):
    """A file with wrong bytes; in half of all cases its checksums are right."""
    if rng.random() < 0.5:
        content = bytearray(saved)
        # The list of members is at the end.
        first = rng.choice([0, len(content) - 2000])
    else:
        parts = _parts(saved)
        content = bytearray(parts[WEIGHTS])
        first = 0
    for place in rng.integers(first, len(content), rng.integers(1, 20)):
        content[place] = rng.integers(256)
    if rng.random() < 0.3:
        del content[rng.integers(len(content)) :]
    if len(content) <= len(_parts(saved)[WEIGHTS]):
        return _packed({**_parts(saved), WEIGHTS: bytes(content)})
    return bytes(content)


@pytest.mark.parametrize(
    "count", [200, pytest.param(10_000, marks=pytest.mark.slow)]
)
def test_damaged_files_end_in_one_kind_of_error(tmp_path, saved, count):
    rng = np.random.default_rng(0)
    path = tmp_path / "model.keras"
    refused = 0
    for _ in range(count):
        path.write_bytes(_damaged(saved, rng))
        try:
            check_archive(path)
        except ValueError as error:
            refused += 1
            assert f"Received: path={str(path)!r}" in str(error)
    assert refused > count / 2


@pytest.mark.parametrize("part", ["config.json", WEIGHTS, "metadata.json"])
def test_what_keras_cannot_load_is_one_kind_of_error(tmp_path, saved, part):
    path = tmp_path / "model.keras"
    parts = _parts(saved)
    for content in (None, b"{}", b"[" * 100_000):
        changed = {**parts, part: content}
        if content is None:
            del changed[part]
        path.write_bytes(_packed(changed))
        if part == "metadata.json":
            # It is there for people.
            assert ka.load_model(path).num_stages == 2
            continue
        with pytest.raises(ValueError, match="Received: path="):
            ka.load_model(path)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError, match="none.keras"):
        ka.load_model(tmp_path / "none.keras")
    (tmp_path / "cut.keras").write_bytes(b"PK")
    with pytest.raises(ValueError, match="damaged, or is not a saved model"):
        ka.load_model(tmp_path / "cut.keras")


def test_an_exported_file_says_what_opens_it(tiny_file):
    with pytest.raises(ValueError, match="AnytimePredictor"):
        ka.load_model(tiny_file)


def test_names_of_classes_that_are_not_known_are_told(tmp_path):
    class Own(keras.layers.Layer):
        def call(self, x):
            return x

    image = keras.Input((4,), name="image")
    x = Own(name="own")(image)
    outputs = [keras.layers.Dense(2, name=f"stage_{k}")(x) for k in (1, 2)]
    ka.AnytimeModel(image, outputs).save(tmp_path / "own.keras")
    with pytest.raises(ValueError, match="(?s)own.keras.*class 'Own'"):
        ka.load_model(tmp_path / "own.keras")
