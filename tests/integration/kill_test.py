"""Trainings that are killed again and again end as if nothing had happened."""

import csv
import os
import random
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import keras_anytime as ka

KILLS = 10
TRAINING = (
    "--data=digits",
    "--units=1,1",
    "--filters=8,16",
    "--batch_size=128",
    "--schedule=steps",
    "--warmup_epochs=2",
    "--learning_rate=0.05",
    "--deterministic",
)
TOGETHER = (
    "--epochs=40",
    "--weighting=alternating",
    '--weighting_arguments={"seed": 3}',
    "--gradients=orthogonal",
    '--gradients_arguments={"refresh_every": 3}',
)


def _start(repository, workdir, flags):
    return subprocess.Popen(
        [
            sys.executable,
            "recipes/train.py",
            f"--workdir={workdir}",
            *TRAINING,
            *flags,
        ],
        cwd=repository,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def _kill_in_training(process, delay):
    """Kills it so many seconds after it began to train; how far it came."""
    for line in process.stdout:
        if line.startswith("epoch"):
            break
    time.sleep(delay)
    process.send_signal(signal.SIGKILL)
    process.wait()
    return process.returncode


def _results(workdir):
    model = ka.load_model(workdir / "model.keras")
    histories = []
    for path in sorted(workdir.glob("history*.csv")):
        with path.open() as file:
            rows = list(csv.DictReader(file))
        for row in rows:
            row.pop("seconds")
        histories.append(rows)
    weights = [np.array(variable) for variable in model.variables]
    return weights, histories, (workdir / "curve.csv").read_text()


@pytest.mark.slow
@pytest.mark.parametrize(
    "flags",
    [TOGETHER, ("--greedy", "--epochs=14")],
    ids=["together", "greedy"],
)
def test_ten_kills_change_nothing(repository, tmp_path, flags):
    whole = _start(repository, tmp_path / "whole", flags)
    whole.communicate()
    assert whole.returncode == 0

    moments = random.Random(1)
    killed = []
    for _ in range(KILLS):
        process = _start(repository, tmp_path / "killed", flags)
        killed.append(_kill_in_training(process, moments.uniform(0, 1.5)))
    # Else this test would show nothing.
    assert killed == [-signal.SIGKILL] * KILLS
    last = _start(repository, tmp_path / "killed", flags)
    last.communicate()
    assert last.returncode == 0

    ours, theirs = _results(tmp_path / "killed"), _results(tmp_path / "whole")
    for mine, other in zip(ours[0], theirs[0], strict=True):
        np.testing.assert_array_equal(mine, other)
    assert ours[1:] == theirs[1:]
    # No half-written checkpoint is left.
    assert not list((tmp_path / "killed" / "checkpoints").rglob(".epoch_*"))
