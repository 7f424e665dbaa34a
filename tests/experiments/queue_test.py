import json

import pytest

from keras_anytime.experiments import command_line
from keras_anytime.experiments import papers
from keras_anytime.experiments import queue as queue_lib
from keras_anytime.experiments.queue import Queue
from keras_anytime.experiments.queue_settings import QueueSettings
from keras_anytime.experiments.run_folder import RunFolder
from keras_anytime.experiments.train_settings import TrainSettings
from tests.experiments.recorded import record

ROW = "wan2020_width_resnet42_normsgd"


def _queue(workdir, *arguments, **changes):
    settings = {
        "experiment": "wan2020_table1",
        "workdir": str(workdir),
        "minutes": 0.0,
        "rows": [ROW],
        "seeds": ["1"],
        **changes,
    }
    return Queue(QueueSettings(**settings), "train.py", arguments)


def _record(workdir, **overrides):
    _, row = papers.find_row(ROW)
    return record(workdir, row, [0.3, 0.2, 0.1], macs=(1, 2, 4), **overrides)


def _kept(workdir):
    path = workdir / "wan2020_table1.json"
    return json.loads(path.read_text())["runs"] if path.exists() else []


def test_a_finished_run_is_kept_whatever_changes_no_result(tmp_path):
    folder = _record(
        tmp_path, drop_remainder=True, give_up_after=0.5, devices=2
    )
    # The run is older than a setting.
    results = json.loads(folder.results.read_text())
    del results["flags"]["mixed_precision"]
    folder.results.write_text(json.dumps(results))
    assert _queue(tmp_path).run() == []
    (run,) = _kept(tmp_path)
    assert (run["row"], run["seed"]) == (ROW, 1)


@pytest.mark.parametrize("other", [{"epochs": 3}, {"momentum": 0.9}])
def test_a_run_of_other_settings_is_not_kept(tmp_path, other):
    _record(tmp_path, **{"drop_remainder": True, **other})
    _queue(tmp_path).run()
    assert _kept(tmp_path) == []


@pytest.mark.parametrize(
    ("arguments", "changes", "wanted"),
    [
        ((), {}, 0.1),
        ((), {"give_up_after": 0.0}, 0.0),
        (("--give_up_after=0.5",), {}, 0.5),
        # A tenth of a quick trial is a few training steps.
        (("--epochs=4",), {}, 0.0),
        (("--epochs=4", "--give_up_after=0.5"), {}, 0.5),
        ((), {"smoke": True}, 0.0),
    ],
)
def test_only_long_runs_are_given_up(
    tmp_path, monkeypatch, arguments, changes, wanted
):
    started = []
    monkeypatch.setattr(
        queue_lib,
        "run_concurrently",
        lambda trainings, *_, **__: started.extend(trainings) or (),
    )
    _queue(tmp_path, *arguments, **changes).run()
    (training,) = started
    settings = command_line.parse(TrainSettings, training.command[2:])
    assert settings.give_up_after == wanted


def test_a_run_that_gave_up_is_left_unless_it_may_go_on(tmp_path, capsys):
    folder = RunFolder(tmp_path / f"{ROW}_seed_1")
    folder.path.mkdir()
    folder.write_gave_up(0.1, "at chance")
    assert _queue(tmp_path).run() == []
    said = capsys.readouterr().out
    assert "gave up before, at chance" in said
    assert "0 of 1 runs are done" in said
    _queue(tmp_path, give_up_after=0.3).run()
    said = capsys.readouterr().out
    assert "gave up" not in said and "0 of 1 runs are done" in said


def test_results_of_another_constant_are_not_mixed(tmp_path):
    _record(tmp_path, drop_remainder=True)
    _queue(tmp_path).run()
    # How long a run may stay at chance changes no result.
    _queue(tmp_path, give_up_after=0.0)
    for other in (
        {"scale": 0.03},
        {"smoke": True},
        {"smoke": True, "give_up_after": 0.0},
    ):
        with pytest.raises(ValueError, match="holds runs with other flags"):
            _queue(tmp_path, **other)
    with pytest.raises(ValueError, match="holds runs with other flags"):
        _queue(tmp_path, "--epochs=3")
