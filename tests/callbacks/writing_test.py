"""Paths that callbacks cannot write are refused before training."""

import numpy as np
import pytest

import keras_anytime as ka
from keras_anytime import files
from tests.callbacks.nets import dense_net
from tests.testing import compiled
from tests.testing import digits
from tests.testing import sampled

WRITERS = {
    "checkpoint": lambda path: ka.callbacks.StageCheckpoint(
        path / "best.keras", prefix=""
    ),
    "resume": ka.callbacks.Resume,
    "log": lambda path: ka.callbacks.EpochLog(path / "log.csv"),
    "weights": lambda path: ka.callbacks.LossWeights(path / "weights.csv"),
    "probabilities": lambda path: ka.callbacks.SamplerProbabilities(
        path / "probabilities.csv"
    ),
    "cosines": lambda path: ka.callbacks.GradientCosines(path / "cosines.csv"),
    "curve": lambda path: ka.callbacks.CurveLogger(
        digits(16), path / "curve.csv"
    ),
    "curve's log": lambda path: ka.callbacks.CurveLogger(
        digits(16), log_dir=path / "log"
    ),
}


@pytest.mark.parametrize("writer", WRITERS)
def test_a_place_that_cannot_be_written_is_told_before_training(
    tmp_path, writer
):
    if writer == "curve's log":
        pytest.importorskip("tensorboard")
    # Not even root can write below a file.
    (tmp_path / "file").touch()
    x, y = digits(16)
    model = compiled(dense_net(), "orthogonal", "alternating")
    weights = model.get_weights()
    with pytest.raises(OSError, match=r"Not a directory.*Received: path=.*fil"):
        model.fit(
            x, y, callbacks=[WRITERS[writer](tmp_path / "file")], verbose=0
        )
    for after, before in zip(model.get_weights(), weights, strict=True):
        np.testing.assert_array_equal(after, before)
    with pytest.raises(OSError, match="Not a directory"):
        model.fit(
            x,
            y,
            callbacks=[WRITERS[writer](tmp_path / "file" / "below")],
            verbose=0,
        )


@pytest.mark.parametrize(
    "writer", ["log", "weights", "probabilities", "cosines", "curve"]
)
@pytest.mark.parametrize(
    "content",
    sampled(["mine\n1\n", "epoch,a\n1\n", "epoch\nx\n"], ["epoch,a\n1\n"]),
)
def test_a_file_that_is_no_file_of_epochs_is_told_before_training(
    tmp_path, writer, content
):
    path = tmp_path / f"{writer}.csv"
    path.write_text(content)
    model = compiled(dense_net(), "orthogonal", "alternating")
    with pytest.raises(ValueError, match=f"damaged, or .*path='{path}'"):
        model.fit(*digits(16), callbacks=[WRITERS[writer](tmp_path)], verbose=0)
    assert path.read_text() == content
    assert int(model.optimizer.iterations) == 0


def test_greedy_training_tells_it_too(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="Not a directory"):
        ka.training.fit_greedy(
            compiled(dense_net()),
            *digits(16),
            epochs=1,
            workdir=tmp_path / "file",
            verbose=0,
        )


def test_looking_leaves_nothing_and_refuses_a_folder(tmp_path):
    files.check_writable(tmp_path / "new" / "log.csv")
    assert list((tmp_path / "new").iterdir()) == []
    with pytest.raises(IsADirectoryError, match="Received: path="):
        files.check_writable(tmp_path / "new")
    with pytest.raises(OSError, match="too long"):
        files.check_writable(tmp_path / ("a" * 300))
