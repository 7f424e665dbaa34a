"""The queue of the papers' rows, tried with small networks on CPUs."""

import json
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from keras_anytime.files import lock_file
from tests.evaluation.examples import curve
from tests.testing import run_script

EXPERIMENT = "--experiment=wan2020_table1"
ROWS = "wan2020_width_resnet42_sgd,wan2020_width_resnet42_osgd"
SMALL = (
    "--data=digits",
    "--train_split=train[:256]",
    "--eval_split=train[300:400]",
    "--units=1",
    "--filters=4",
    "--epochs=2",
    "--batch_size=64",
)


def _queue(repository, folder, *flags, arguments=SMALL):
    return run_script(
        repository,
        "recipes/run_queue.py",
        EXPERIMENT,
        f"--workdir={folder}",
        f"--results={folder / 'tables.json'}",
        "--minutes=10",
        *flags,
        "--",
        *arguments,
    )


@pytest.mark.slow
def test_rows_are_trained_once_and_kept_beside_the_papers(repository, tmp_path):
    first = _queue(repository, tmp_path, f"--rows={ROWS}", "--seeds=1")
    assert first.returncode == 0, first.stdout + first.stderr
    assert "0 of 2 runs are done." in first.stdout
    found = json.loads((tmp_path / "tables.json").read_text())
    assert found["arguments"][-len(SMALL) :] == list(SMALL)
    sgd, osgd = found["runs"]
    assert (sgd["row"], osgd["row"]) == tuple(ROWS.split(","))
    for run in (sgd, osgd):
        assert run["seed"] == 1
        assert run["flags"]["epochs"] == 2
        assert run["minutes"] > 0
        assert run["at_a_time"] in (1, 2)
        assert run["hardware"] and run["versions"]["keras"]
        assert "commit" in run
        assert "train.py" in run["command"]
        errors = [point["top1_error"] for point in run["curve"]["points"]]
        assert len(errors) == len(run["published"]) == 3
        assert np.all((np.array(errors) >= 0) & (np.array(errors) <= 1))
    # Table 1 of Wan 2020, OSGD on the width nest.
    assert list(osgd["published"].values()) == [12.3, 8.9, 7.3]
    assert "paper stage 1: 12.3 (0.1), stage 2: 8.9 (0.2)" in first.stdout

    before = (tmp_path / "tables.json").read_bytes()
    again = _queue(repository, tmp_path, f"--rows={ROWS}", "--seeds=1")
    assert again.returncode == 0
    assert "2 of 2 runs are done." in again.stdout
    assert (tmp_path / "tables.json").read_bytes() == before

    other = _queue(
        repository, tmp_path, arguments=[*SMALL[:-1], "--batch_size=32"]
    )
    assert other.returncode == 1
    assert "runs with other flags" in other.stderr
    assert (tmp_path / "tables.json").read_bytes() == before


# Stands for Python: of OSGD's rows it leaves results at once.
STAND_IN = """#!{python}
import json, os, pathlib, sys
(folder,) = [flag for flag in sys.argv if flag.startswith("--workdir=")]
folder = pathlib.Path(folder.removeprefix("--workdir="))
if "osgd" not in folder.name:
    os.execv({python!r}, [{python!r}, *sys.argv[1:]])
folder.mkdir(parents=True, exist_ok=True)
(folder / "results.json").write_text({results!r})
"""


@pytest.mark.slow
def test_a_run_that_fails_is_told_and_leaves_the_others(
    repository, tmp_path, monkeypatch
):
    python = tmp_path / "python"
    results = json.dumps({"curve": curve().to_dict()})
    python.write_text(STAND_IN.format(python=sys.executable, results=results))
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))
    (tmp_path / "wan2020_width_resnet42_sgd_seed_1").mkdir()
    settings = tmp_path / "wan2020_width_resnet42_sgd_seed_1" / "settings.json"
    settings.write_text('{"epochs": 7}')
    run = _queue(repository, tmp_path, f"--rows={ROWS}", "--seeds=1")
    assert run.returncode == 1
    assert "wan2020_width_resnet42_sgd, seed 1: failed" in run.stdout
    assert "--epochs=2 (was 7)" in run.stdout
    assert "these failed: wan2020_width_resnet42_sgd, seed 1" in run.stderr
    runs = json.loads((tmp_path / "tables.json").read_text())["runs"]
    assert [run["row"] for run in runs] == ["wan2020_width_resnet42_osgd"]


@pytest.mark.slow
def test_no_more_are_started_where_all_fail(repository, tmp_path, monkeypatch):
    # What runs train.py fails at once.
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\necho no data\nexit 1\n")
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))
    run = _queue(repository, tmp_path, f"--rows={ROWS}")
    assert run.returncode == 1
    assert run.stdout.count("log.txt: no data") == 3
    assert run.stdout.count("failed; see") == 3
    assert "3 runs in a row failed: no more are started." in run.stdout


def _start(repository, folder, row, *arguments):
    return subprocess.Popen(
        [
            sys.executable,
            "recipes/run_queue.py",
            EXPERIMENT,
            f"--workdir={folder}",
            f"--results={folder / 'tables.json'}",
            "--minutes=10",
            "--seeds=1",
            f"--rows=wan2020_width_resnet42_{row}",
            "--",
            *SMALL,
            *arguments,
        ],
        cwd=repository,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.mark.slow
def test_who_ends_the_queue_ends_its_trainings(repository, tmp_path):
    queue = _start(repository, tmp_path, "sgd", "--epochs=1000")
    folder = tmp_path / "wan2020_width_resnet42_sgd_seed_1"
    end = time.monotonic() + 120
    while not (folder / "history.csv").exists():
        assert queue.poll() is None and time.monotonic() < end
        time.sleep(0.1)
    lock = folder / "checkpoints" / "lock"
    with pytest.raises(BlockingIOError):
        lock_file(lock)
    queue.send_signal(signal.SIGTERM)
    queue.communicate(timeout=60)
    assert queue.returncode == 143
    lock_file(lock).close()


@pytest.mark.slow
def test_two_queues_add_to_one_file(repository, tmp_path):
    queues = [_start(repository, tmp_path, row) for row in ("sgd", "osgd")]
    for queue in queues:
        output, _ = queue.communicate(timeout=300)
        assert queue.returncode == 0, output
    runs = json.loads((tmp_path / "tables.json").read_text())["runs"]
    assert sorted(run["row"] for run in runs) == sorted(ROWS.split(","))


@pytest.mark.parametrize(
    ("flag", "message"),
    [
        ("--rows=resnet", "Received: resnet"),
        ("--seeds=one", "Received: one"),
        ("--workdir=", "must name a folder"),
    ],
)
def test_wrong_flags_are_told(repository, tmp_path, flag, message):
    run = _queue(repository, tmp_path, flag)
    assert run.returncode == 1
    assert run.stderr.startswith("run_queue.py: ")
    assert message in run.stderr
    assert not (tmp_path / "tables.json").exists()


def test_damaged_results_are_not_overwritten(repository, tmp_path):
    (tmp_path / "tables.json").write_text("{")
    run = _queue(repository, tmp_path)
    assert run.returncode == 1
    assert "is damaged" in run.stderr
    assert (tmp_path / "tables.json").read_text() == "{"


def test_an_unknown_experiment_is_told_with_those_that_are_close(
    repository, tmp_path
):
    run = _queue(repository, tmp_path, "--experiment=hu2019_tabel1")
    assert run.returncode == 1
    assert "Did you mean 'hu2019_table1'" in run.stderr


def test_without_rows_and_seeds_the_queue_has_the_papers(repository, tmp_path):
    run = run_script(
        repository,
        "recipes/run_queue.py",
        EXPERIMENT,
        f"--workdir={tmp_path}",
        "--minutes=0",
    )
    assert run.returncode == 0, run.stderr
    # Five strategies on four networks, with three seeds.
    assert "0 of 60 runs are done." in run.stdout


@pytest.mark.slow
def test_experiments_share_the_runs_of_a_folder(repository, tmp_path):
    first = _queue(repository, tmp_path, f"--rows={ROWS}", "--seeds=1")
    assert first.returncode == 0, first.stdout + first.stderr
    second = _queue(
        repository,
        tmp_path,
        "--experiment=wan2020_figure8",
        f"--rows={ROWS}",
        "--seeds=1",
        f"--results={tmp_path / 'figure8.json'}",
    )
    assert "2 of 2 runs are done." in second.stdout
    runs = json.loads((tmp_path / "figure8.json").read_text())["runs"]
    assert [run["row"] for run in runs] == ROWS.split(",")
