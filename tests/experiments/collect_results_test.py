"""Reports from results files of queues are those from the run folders."""

import json

import pytest

from keras_anytime.experiments import papers
from keras_anytime.experiments.collect import collect
from keras_anytime.experiments.papers.experiment import REPORTS
from keras_anytime.experiments.queue import Queue
from keras_anytime.experiments.queue_settings import QueueSettings
from tests.experiments.recorded import experiment
from tests.experiments.recorded import record
from tests.experiments.recorded import row

NESTED = (0.4, 0.3, 0.2)


def kept(workdir, name, rows, seeds=(1, 2)):
    """The results file of a queue that finds its runs finished."""
    path = workdir / f"{name}.json"
    settings = QueueSettings(
        experiment=name,
        workdir=str(workdir),
        minutes=0.0,
        rows=[made.name for made in rows],
        seeds=list(map(str, seeds)),
    )
    assert Queue(settings, "train.py").run() == []
    return path


def recorded(workdir, rows, seeds=(1, 2)):
    for number, made in enumerate(rows):
        for seed in seeds:
            errors = [e + 0.01 * number + 0.003 * seed**2 for e in NESTED]
            record(
                workdir, made, errors, seed, macs=(1, 2, 4), drop_remainder=True
            )


def written(path, *runs):
    """A results file with these runs."""
    path.write_text(json.dumps({"arguments": [], "runs": runs}))
    return path


def run_of(made, errors, seed=1, folder=None, **overrides):
    """A run as a queue keeps it."""
    results = record(folder, made, errors, seed, **overrides).read_results()
    return {"row": made.name, "at_a_time": 1, **results}


def test_a_results_file_gives_the_report_of_the_run_folders(tmp_path):
    made = papers.find("small_strategies")
    recorded(tmp_path, made.rows)
    path = kept(tmp_path, made.name, made.rows)
    from_folders = collect(made, tmp_path, tmp_path / "a")
    from_files = collect(made, None, tmp_path / "b", [path])
    assert from_files.read_text() == from_folders.read_text()
    assert "8 of 8 rows have finished runs; the queue trains" in (
        from_files.read_text()
    )
    for first in (tmp_path / "a").glob("*.csv"):
        assert first.read_text() == (tmp_path / "b" / first.name).read_text()


def test_runs_that_experiments_share_are_found_in_the_file_of_another(tmp_path):
    strategies, priorities = map(
        papers.find, ("small_strategies", "small_priorities")
    )
    shared = [made for made in priorities.rows if made in strategies.rows]
    assert len(shared) == 1
    own = [made for made in priorities.rows if made not in shared]
    first, second = tmp_path / "first", tmp_path / "second"
    recorded(first, strategies.rows)
    recorded(second, own)
    files = [
        kept(first, strategies.name, strategies.rows),
        kept(second, priorities.name, own),
    ]
    alone = collect(priorities, None, tmp_path / "out", files[1:])
    assert "3 of 4 rows have finished runs" in alone.read_text()
    assert "Difference" in alone.read_text()
    both = collect(priorities, None, tmp_path / "out", files)
    assert "4 of 4 rows have finished runs" in both.read_text()
    assert "twice" not in both.read_text()


def test_of_two_runs_with_a_seed_the_first_is_shown(tmp_path):
    only = row(net="a")
    files = {
        name: written(
            tmp_path / f"{name}.json",
            run_of(only, (error,), folder=tmp_path / name, **overrides),
        )
        for name, error, overrides in (
            ("first", 0.5, {}),
            ("same", 0.5, {}),
            ("different", 0.4, {}),
            ("short", 0.9, {"epochs": 1}),
        )
    }
    made = experiment([only], "stages")
    said = "a_seed_1 is there twice; the one in first.json is shown, and that "
    for others, told in (
        (["same"], ""),
        (["different", "same"], said + "in different.json has other results"),
        (["short"], "Left out, because trained with `--epochs=1`"),
    ):
        paths = [files[name] for name in ("first", *others)]
        text = collect(made, None, tmp_path / "out", paths).read_text()
        assert "| a | 1 | 50.00 |" in text
        assert told in text
        assert ("twice" in text) == ("twice" in told)


def test_curves_on_the_test_split_count(tmp_path):
    only = row(net="a")
    run = run_of(only, (0.5,), folder=tmp_path)
    tested = run_of(only, (0.25,), seed=2, folder=tmp_path)["curve"]
    path = written(tmp_path / "r.json", {**run, "test_curve": tested})
    text = collect(
        experiment([only], "stages"), None, tmp_path, [path]
    ).read_text()
    assert "| a | 1 | 25.00 |" in text


@pytest.mark.parametrize("report", REPORTS)
def test_every_report_is_written_from_a_results_file(tmp_path, report):
    rows = [row(net="n", data="x", method=m) for m in "ab"]
    rows += [row(net="n", data="x", method="opt", stage=str(k)) for k in (1, 2)]
    path = written(
        tmp_path / "r.json",
        *(run_of(made, (0.4, 0.2), folder=tmp_path / "runs") for made in rows),
    )
    options = {"reference": "a", "pivot": "a", "pairs": [["n", "n"]]}
    made = experiment(rows, report, {**options, "members": ["n"]})
    text = collect(made, None, tmp_path / "out", [path]).read_text()
    assert "4 of 4 rows have finished runs" in text
    of_folders = (
        "deadlines",
        "probabilities",
        "weights",
        "training_loss",
        "branch_norms",
    )
    if report in of_folders:
        assert f"The report {report!r} needs" in text and "--workdir" in text
        # What is there is shown.
        assert "| n | x | b |  | 1 | 40.00 | 20.00 |" in text
    else:
        assert "--workdir" not in text


def test_damaged_runs_of_a_file_are_named(tmp_path):
    rows = [row(net="a"), row(net="b")]
    good = run_of(rows[0], (0.5,), folder=tmp_path)
    without_curve = {k: v for k, v in good.items() if k != "curve"}
    path = written(
        tmp_path / "r.json",
        good,
        {**without_curve, "row": "b"},
        {**without_curve, "row": "of another experiment"},
        ["no run"],
    )
    text = collect(
        experiment(rows, "stages"), None, tmp_path, [path]
    ).read_text()
    assert f"Run 2 is left out, because {path} is damaged (KeyError" in text
    assert f"Run 4 is left out, because {path} is damaged (TypeError" in text
    assert text.count("left out") == 2


def test_what_cannot_be_read_is_told_before_work(tmp_path):
    made = experiment([row(net="a")], "stages")
    out = tmp_path / "out"
    path = tmp_path / "r.json"
    for output in (out, None):
        with pytest.raises(ValueError, match="not both.*workdir=None"):
            collect(made, output=output)
    with pytest.raises(ValueError, match="not both"):
        collect(made, tmp_path, out, [path])
    with pytest.raises(ValueError, match="r.json', which is no file"):
        collect(made, None, out, [path])
    for content in ("{", "[]", '{"runs": []}', '{"arguments": 1, "runs": []}'):
        path.write_text(content)
        with pytest.raises(ValueError, match="r.json is damaged"):
            collect(made, None, out, [path])
    assert not out.exists()
    with pytest.raises(ValueError, match="--output must name the folder"):
        collect(made, results=[written(path)])
