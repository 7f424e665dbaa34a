"""`recipes/train.py` as a user runs it."""

import csv
import io
import json
import os
import signal
import subprocess
import sys
import time
import zipfile

import numpy as np
import pytest

import keras_anytime as ka
from keras_anytime.files import lock_file
from keras_anytime.saving.metadata import save_with_metadata
from tests.callbacks.nets import dense_net
from tests.testing import no_room
from tests.testing import run_process
from tests.testing import run_script
from tests.testing import sampled

SMALL = (
    "--data=digits",
    "--units=1,1",
    "--filters=8,16",
    "--batch_size=128",
)
TOGETHER = ("--weighting=adaloss", "--gradients=orthogonal")


def _train(repository, workdir, *flags, run=run_script):
    return run(
        repository,
        "recipes/train.py",
        f"--workdir={workdir}",
        *SMALL,
        *(() if "--greedy" in flags else TOGETHER),
        *flags,
    )


def _variables(workdir):
    model = ka.load_model(workdir / "model.keras")
    return [*model.variables, *model.optimizer.variables]


@pytest.mark.slow
def test_a_killed_run_ends_with_the_weights_of_an_undisturbed_one(
    repository, tmp_path
):
    whole = _train(
        repository, tmp_path / "whole", "--epochs=12", run=run_process
    )
    assert whole.returncode == 0, whole.stderr
    stopped = tmp_path / "stopped"
    process = subprocess.Popen(
        [
            sys.executable,
            "recipes/train.py",
            f"--workdir={stopped}",
            *SMALL,
            *TOGETHER,
            "--epochs=12",
        ],
        cwd=repository,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        end = time.monotonic() + 120
        while not list(stopped.glob("checkpoints/epoch_*.keras")):
            assert process.poll() is None, "it ended before it was killed"
            assert time.monotonic() < end, "it never wrote a checkpoint"
            time.sleep(0.02)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert not (stopped / "model.keras").exists()

    again = _train(repository, stopped, "--epochs=12", run=run_process)
    assert again.returncode == 0, again.stderr
    assert "Resuming after epoch" in again.stderr
    for ours, theirs in zip(
        _variables(stopped), _variables(tmp_path / "whole"), strict=True
    ):
        np.testing.assert_array_equal(ours, theirs)
    histories = []
    for folder in (stopped, tmp_path / "whole"):
        with (folder / "history.csv").open() as file:
            rows = list(csv.DictReader(file))
        assert all(float(row.pop("seconds")) > 0 for row in rows)
        histories.append(rows)
    assert len(histories[0]) == 12
    assert histories[0] == histories[1]
    for name in ("weights.csv", "cosines.csv"):
        ours, theirs = (
            (folder / name).read_text()
            for folder in (stopped, tmp_path / "whole")
        )
        assert len(ours.splitlines()) == 13
        assert ours == theirs

    # A third run finds nothing to train, and the same numbers.
    before = (stopped / "curve.json").read_text()
    assert _train(repository, stopped, "--epochs=12").returncode == 0
    assert (stopped / "curve.json").read_text() == before

    # The checkpoint of another network is not taken for this one's.
    other = _train(repository, stopped, "--epochs=12", "--filters=16,32")
    assert other.returncode != 0
    assert "other flags: --filters=['16', '32']" in other.stderr
    assert "Traceback" not in other.stderr


def test_results_say_what_was_run(repository, tmp_path):
    flagfile = tmp_path / "row.flags"
    flagfile.write_text(
        "# A row of a table.\n--epochs=1\n--seed=3\n"
        '--gradients_arguments={"normalize": true, "scale": 0.02}\n'
    )
    run = _train(
        repository,
        tmp_path / "run",
        f"--flagfile={flagfile}",
    )
    assert run.returncode == 0, run.stderr
    written = {path.name for path in (tmp_path / "run").iterdir()}
    assert written == {
        "checkpoints",
        "cosines.csv",
        "curve.csv",
        "curve.json",
        "curve.png",
        "history.csv",
        "model.keras",
        "results.json",
        "settings.json",
        "weights.csv",
    }
    results = json.loads((tmp_path / "run" / "results.json").read_text())
    assert results["seed"] == 3
    assert results["flags"]["epochs"] == 1
    assert '"normalize": true' in results["flags"]["gradients_arguments"]
    assert results["flags"]["filters"] == ["8", "16"]
    assert results["command"].startswith("train.py")
    assert {"hardware", "commit", "versions"} <= set(results)
    assert len(results["curve"]["points"]) == 3


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--nesting=w2-w1"], "w1d1 after w2d1"),
        (["--nesting=tall"], "'tall'"),
        (["--data=no_such_data"], "no_such_data"),
        (["--data=mnist", "--data_dir=/nowhere"], "TFDS_DATA_DIR"),
        (["--train_split=train[:9999]", "--eval_split=train"], "train[:9999]"),
        (["--train_split=train"], "--eval_split"),
        (["--gradients=steep"], "gradients='steep'"),
        (["--weighting=heavy"], "weighting='heavy'"),
        (["--weighting_arguments=[1]"], "--weighting_arguments must be a JSON"),
        (['--gradients_arguments={"slope": 1}'], "Orthogonal takes"),
        (["--warmup_epochs=1"], "--warmup_epochs goes with --schedule"),
        (["--units=1,x"], "--units must be whole numbers"),
        (["--filters=6,16"], "filters=[6, 16]"),
        (["--net=nope"], "name='nope'"),
        (["--net_arguments=deep"], "--net_arguments must be a JSON object"),
        (['--net_arguments={"depth": 3}'], "'depth'"),
        (['--net_arguments={"classes": 3}'], "cannot set classes"),
        (["--epochs=0"], "--epochs"),
        (["--train_split=train", "--eval_split=train[:0]"], "train[:0]"),
        (["--learning_rate=nan"], "--learning_rate"),
        (["--color=red"], "color"),
        (["--flagfile=/nowhere/row.flags"], "row.flags"),
        (["surplus"], "surplus"),
    ],
)
def test_wrong_flags_give_one_sentence_before_training(
    repository, tmp_path, flags, message
):
    workdir = tmp_path / "run"
    run = _train(repository, workdir, *flags)
    assert run.returncode != 0
    assert message in run.stderr
    assert "Traceback" not in run.stderr
    # The work folder is not claimed by flags that never ran.
    assert not (workdir / "settings.json").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="no locks there")
def test_two_processes_do_not_train_in_one_folder(repository, tmp_path):
    (tmp_path / "checkpoints").mkdir()
    with lock_file(tmp_path / "checkpoints" / "lock"):
        run = _train(repository, tmp_path)
    assert run.returncode != 0
    assert "Another process is training in" in run.stderr
    assert not (tmp_path / "settings.json").exists()


def test_a_work_folder_that_cannot_be_written(repository, tmp_path):
    (tmp_path / "file").write_text("in the way")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "checkpoints").write_text("in the way")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "settings.json").write_text("[1]")
    for workdir, message in (
        (tmp_path / "file" / "run", "cannot use --workdir"),
        (tmp_path / "file", "cannot use --workdir"),
        (tmp_path / "run", "cannot use --workdir"),
        (tmp_path / "other", "settings.json is damaged"),
        ("", "--workdir must name a folder"),
    ):
        run = _train(repository, workdir)
        assert run.returncode != 0
        assert message in run.stderr
        assert "Traceback" not in run.stderr


def _stopped(repository, workdir, monkeypatch, *flags):
    """Stops a training by Ctrl-C in its first epoch."""

    def stop(self, batch, logs=None):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(ka.callbacks.StageProgress, "on_epoch_begin", stop)
        return _train(repository, workdir, *flags)


@pytest.mark.parametrize("flags", [[], ["--greedy"]])
def test_ctrl_c_is_answered_by_one_sentence(
    repository, tmp_path, monkeypatch, flags
):
    run = _stopped(repository, tmp_path, monkeypatch, *flags)
    assert run.returncode == 130
    *progress, sentence = filter(None, run.stderr.splitlines())
    assert all(line.startswith("Stage 1 of 3") for line in progress)
    assert "The same command goes on after the last epoch" in sentence
    assert str(tmp_path / "checkpoints") in sentence


def _archive(note):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("config.json", b"{}")
        archive.comment = note
    return content.getvalue()


BROKEN = {
    "no archive": b"no model",
    "no JSON": _archive(b"no model"),
    "deep JSON": _archive(b"[" * 60_000),
    "no object": _archive(b"[1]"),
}


@pytest.mark.parametrize("kind", sampled(list(BROKEN), ["deep JSON"]))
def test_a_broken_checkpoint(repository, tmp_path, monkeypatch, kind):
    _stopped(repository, tmp_path, monkeypatch)
    path = tmp_path / "checkpoints" / "epoch_00001.keras"
    path.write_bytes(BROKEN[kind])
    run = _train(repository, tmp_path)
    assert run.returncode != 0
    assert f"The checkpoint '{path}' cannot be read" in run.stderr
    assert "Traceback" not in run.stderr
    assert path.read_bytes() == BROKEN[kind]


def test_a_broken_checkpoint_of_a_stage(repository, tmp_path, monkeypatch):
    _stopped(repository, tmp_path, monkeypatch, "--greedy")
    path = tmp_path / "checkpoints" / "stage_1.keras"
    path.write_bytes(b"no model")
    run = _train(repository, tmp_path, "--greedy")
    assert run.returncode != 0
    assert f"The checkpoint '{path}' cannot be read" in run.stderr
    assert "Traceback" not in run.stderr


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("history.csv", b""),
        ("history.csv", b"\xff\xfe"),
        ("history.csv", b"mine,too\n1,2\n"),
        ("history.csv", b"epoch,seconds\n1"),
        ("history.csv", b"epoch,seconds\n1,2,3\n"),
        ("history.csv", b"epoch,seconds\none,2\n"),
        ("history.csv", b"epoch,seconds\n1,long\n"),
        ("history.csv", b'epoch,seconds\n1,"2\n'),
        ("history.csv", b"epoch,seconds\n1," + b"9" * 200_000 + b"\n"),
        ("history.csv", b"epoch,seconds\n\x00,2\n"),
        ("history_stage_2.csv", b"no such file\nat all\n"),
        ("weights.csv", b"weight_1\n1\n"),
        ("cosines.csv", b"epoch,epoch\n1,1\n"),
        ("settings.json", b"\xff"),
        ("settings.json", b"null"),
        ("settings.json", b"[" * 100_000),
    ],
)
def test_a_damaged_file_in_the_work_folder_is_told_before_training(
    repository, tmp_path, name, content
):
    path = tmp_path / name
    path.write_bytes(content)
    run = _train(repository, tmp_path, "--net=none")
    assert run.returncode != 0
    assert "Traceback" not in run.stderr
    # An empty file has no lines that could be wrong.
    told = "name='none'" if not content else str(path)
    assert told in run.stderr
    assert path.read_bytes() == content


def test_a_folder_in_the_place_of_a_result_is_told_before_training(
    repository, tmp_path
):
    (tmp_path / "curve.png").mkdir()
    run = _train(repository, tmp_path)
    assert run.returncode != 0
    assert "cannot use --workdir" in run.stderr
    assert "curve.png" in run.stderr


@pytest.mark.parametrize("name", ["epoch_00001.keras", "stage_1.keras"])
def test_a_checkpoint_without_its_settings_is_not_gone_on_with(
    repository, tmp_path, name
):
    # The weights fit; whether the seed does, nothing tells.
    checkpoint = tmp_path / "checkpoints" / name
    checkpoint.parent.mkdir()
    save_with_metadata(dense_net(), checkpoint, {})
    before = checkpoint.read_bytes()
    run = _train(repository, tmp_path, "--seed=2")
    assert run.returncode != 0
    assert "has checkpoints, but no settings.json" in run.stderr
    assert "Traceback" not in run.stderr
    assert checkpoint.read_bytes() == before
    assert not (tmp_path / "settings.json").exists()


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="no such limits there")
def test_a_disk_without_room_for_the_results(repository, tmp_path, monkeypatch):
    monkeypatch.setattr(ka.AnytimeModel, "fit", lambda *_, **__: None)
    (tmp_path / "model.keras").write_text("from before")
    with no_room():
        run = _train(repository, tmp_path)
    assert run.returncode == 1
    assert f"Received: path='{tmp_path / 'model.keras'}'" in run.stderr
    assert f"The checkpoints in {tmp_path} are whole" in run.stderr
    assert "Traceback" not in run.stderr
    assert (tmp_path / "model.keras").read_text() == "from before"
    assert not [path for path in tmp_path.rglob(".*")]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="no such limits there")
def test_a_full_disk_leaves_what_is_there_and_the_same_command_goes_on(
    repository, tmp_path
):
    first = _train(repository, tmp_path, "--epochs=1", "--schedule=constant")
    assert first.returncode == 0, first.stderr
    settings = tmp_path / "settings.json"
    settings.write_text(
        settings.read_text().replace('"epochs": 1', '"epochs": 2')
    )
    flags = ("--epochs=2", "--schedule=constant")
    before = (tmp_path / "model.keras").read_bytes()
    with no_room():
        run = _train(repository, tmp_path, *flags)
    assert run.returncode == 1
    path = tmp_path / "checkpoints" / "epoch_00002.keras"
    assert f"Received: path='{path}'" in run.stderr
    assert f"The checkpoints in {tmp_path} are whole" in run.stderr
    assert "Traceback" not in run.stderr
    assert [kept.name for kept in path.parent.glob("*.keras")] == [
        "epoch_00001.keras"
    ]
    assert (tmp_path / "model.keras").read_bytes() == before
    assert not list(tmp_path.rglob(".*"))
    again = _train(repository, tmp_path, *flags)
    assert again.returncode == 0, again.stderr
    assert "Resuming after epoch 1 of 2" in again.stderr


@pytest.mark.slow
def test_cifar10_on_the_cpu(repository, tmp_path, cifar10_dir):
    run = run_script(
        repository,
        "recipes/train.py",
        f"--workdir={tmp_path / 'run'}",
        "--data=cifar10",
        "--train_split=train[:10000]",
        "--eval_split=train[45000:]",
        "--units=1,1,1",
        "--filters=32,64,128",
        "--batch_size=32",
        "--epochs=2",
        "--learning_rate=0.05",
        "--weighting=adaloss",
        TFDS_DATA_DIR=cifar10_dir,
    )
    assert run.returncode == 0, run.stderr
    curve = json.loads((tmp_path / "run" / "curve.json").read_text())
    assert curve["examples"] == 5000
    errors = [point["top1_error"] for point in curve["points"]]
    assert max(errors) < 0.7


@pytest.mark.slow
def test_a_network_of_the_oracle(repository, tmp_path):
    alone = ("--oracle_stage=2", "--gradients=sum", "--epochs=1")
    run = _train(repository, tmp_path / "w2", *alone)
    assert run.returncode == 0, run.stderr
    model = ka.load_model(tmp_path / "w2" / "model.keras")
    # Half as wide, and with one answer.
    assert model.num_stages == 1
    assert model.output_names == ["stage_1"]
    assert not (tmp_path / "w2" / "weights.csv").exists()
    (point,) = json.loads((tmp_path / "w2" / "curve.json").read_text())[
        "points"
    ]
    nested = ka.nets.get(
        "width_resnet42", (8, 8, 1), 10, units=(1, 1), filters=(8, 16)
    )
    _, second, last = ka.evaluation.stage_costs(nested)
    assert second.macs <= point["macs"] < last.macs
    run = _train(repository, tmp_path / "w5", "--oracle_stage=5")
    assert run.returncode != 0
    assert "3 stages. Received: --oracle_stage=5" in run.stderr


@pytest.mark.slow
def test_label_sets_by_a_flag(repository, tmp_path, cifar100_dir):
    run = run_script(
        repository,
        "recipes/train.py",
        f"--workdir={tmp_path / 'sets'}",
        f"--data_dir={cifar100_dir}",
        "--data=cifar100",
        '--labels={"fine": "label", "coarse": "coarse_label"}',
        "--net=inclusive_sparse_resnext47",
        '--net_arguments={"num_stages": 3, "units": [1, 1, 1], '
        '"filters": [24, 48, 96]}',
        "--epochs=1",
    )
    assert run.returncode == 0, run.stderr
    model = ka.load_model(tmp_path / "sets" / "model.keras")
    assert model.label_sets == ("fine", "coarse")
    results = json.loads((tmp_path / "sets" / "results.json").read_text())
    assert list(results["curves"]) == ["fine", "coarse"]
    assert results["curves"]["fine"] == results["curve"]
    run = run_script(
        repository,
        "recipes/evaluate.py",
        f"--runs={tmp_path / 'sets'}",
        f"--data_dir={cifar100_dir}",
        "--wanted_error=0.97",
    )
    assert run.returncode == 0, run.stderr
    assert "top-1 error by label set, 916 examples" in run.stdout
    assert (tmp_path / "sets" / "evaluation" / "label_sets.png").exists()
