import os
import sys
import time

import keras
import pytest

from keras_anytime.callbacks import ChanceError
from keras_anytime.experiments import concurrency
from keras_anytime.experiments.concurrency import ConcurrencyTuner
from keras_anytime.experiments.concurrency import Training
from keras_anytime.experiments.concurrency import run_concurrently

THREADS = ("TF_NUM_INTRAOP_THREADS", "OMP_NUM_THREADS")
# Trains for some epochs, of which it keeps a record, and goes on from there. On
# a device it has to be the only one.
PROGRAM = """
import pathlib, sys, time
folder = pathlib.Path(sys.argv[1])
epochs, status = map(int, sys.argv[2:4])
devices = [pathlib.Path(path) for path in sys.argv[4:]]
try:
    for device in devices:
        device.mkdir()
except FileExistsError:
    sys.exit("out of memory")
history = folder / "history.csv"
done = len(history.read_text().splitlines()) - 1 if history.exists() else 0
lines = ["epoch,seconds"] + [f"{n + 1},1.0" for n in range(done)]
for epoch in range(done, epochs):
    time.sleep(0.03)
    lines.append(f"{epoch + 1},1.0")
    beside = folder / "beside"
    beside.write_text("\\n".join(lines) + "\\n")
    beside.rename(history)
print("the end of", folder.name)
for device in devices:
    device.rmdir()
sys.exit(status)
"""


def _training(folder, name, epochs=2, status=0, device=()):
    path = folder / name
    command = (sys.executable, "-c", PROGRAM, path, str(epochs), str(status))
    return Training(name, (*command, *device), path)


def _says_its_threads(folder, name):
    program = f"import os; print(*map(os.environ.get, {THREADS}))"
    return Training(name, (sys.executable, "-c", program), folder / name)


def _run(trainings, seconds=60, **options):
    return [
        (training.name, status, concurrent)
        for training, status, concurrent in run_concurrently(
            trainings, seconds, poll_seconds=0.01, **options
        )
    ]


def test_all_are_run_in_their_order_and_failures_told(tmp_path):
    trainings = [
        _training(tmp_path, "a"),
        _training(tmp_path, "b", status=3),
        _training(tmp_path, "c"),
    ]
    assert _run(trainings, workers=1) == [
        ("a", 0, 1),
        ("b", 3, 1),
        ("c", 0, 1),
    ]
    assert (tmp_path / "c" / "log.txt").read_text() == "the end of c\n"


def test_some_run_side_by_side(tmp_path):
    trainings = [_training(tmp_path, name, 6) for name in "abcd"]
    done = _run(trainings, workers=2)
    assert sorted(name for name, *_ in done) == list("abcd")
    assert {beside for *_, beside in done} == {2}


@pytest.mark.parametrize(
    ("workers", "cores", "threads"),
    [(1, 4, "4 4"), (2, 5, "2 2"), (3, 2, "1 1"), (2, None, "None None")],
)
def test_processes_share_the_cores(
    tmp_path, monkeypatch, workers, cores, threads
):
    for name in THREADS:
        monkeypatch.delenv(name, raising=False)
    trainings = [_says_its_threads(tmp_path, name) for name in "ab"]
    _run(trainings, workers=workers, cores=cores)
    for training in trainings:
        log = training.folder / "log.txt"
        assert log.read_text().strip() == threads


def test_what_the_user_says_of_threads_counts(tmp_path, monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", "7")
    training = _says_its_threads(tmp_path, "a")
    _run([training], workers=2, cores=2)
    assert (training.folder / "log.txt").read_text().strip() == "7 1"


def test_cores_are_shared_where_they_compute(monkeypatch):
    of_tensorflow = keras.backend.backend() == "tensorflow"
    for gpus, shared in (([], of_tensorflow), (["a GPU"], False)):
        monkeypatch.setattr(concurrency, "accelerators", lambda g=gpus: g)
        found = concurrency.cores_to_share()
        assert (found is not None) == shared
        assert found is None or 1 <= found <= os.cpu_count()


def test_where_memory_is_for_one_only_no_training_is_lost(tmp_path):
    device = (tmp_path / "device",)
    trainings = [
        _training(tmp_path, name, 12, device=device) for name in "abcd"
    ]
    done = _run(trainings, workers=3)
    assert sorted(name for name, *_ in done) == list("abcd")
    assert {status for _, status, _ in done} == {0}
    # As soon as one had failed, fewer ran.
    assert [beside for *_, beside in done][-2:] == [1, 1]


def test_what_fails_twice_beside_others_is_told(tmp_path):
    trainings = [
        _training(tmp_path, "a", 40),
        _training(tmp_path, "b", 0, status=4),
    ]
    assert _run(trainings, workers=2) == [("a", 0, 2), ("b", 4, 1)]
    log = (tmp_path / "b" / "log.txt").read_text()
    assert log == "the end of b\n" * 2


@pytest.mark.slow
def test_what_gives_up_has_had_memory(tmp_path):
    gave_up = ChanceError.exit_status
    trainings = [
        _training(tmp_path, "a", 40),
        _training(tmp_path, "b", 0, status=gave_up),
        _training(tmp_path, "c"),
    ]
    assert _run(trainings, workers=2) == [
        ("b", gave_up, 2),
        ("c", 0, 2),
        ("a", 0, 2),
    ]
    assert (tmp_path / "b" / "log.txt").read_text() == "the end of b\n"


def test_what_fails_later_is_not_started_again(tmp_path):
    trainings = [
        _training(tmp_path, "a", 40),
        _training(tmp_path, "b", status=3),
        _training(tmp_path, "c"),
    ]
    assert _run(trainings, workers=2) == [
        ("b", 3, 2),
        ("c", 0, 2),
        ("a", 0, 2),
    ]


def test_when_time_is_up_they_stop_and_go_on_the_next_time(tmp_path):
    trainings = [_training(tmp_path, "a", 40), _training(tmp_path, "b")]
    assert _run(trainings, seconds=1, workers=1) == [("a", None, 1)]
    epochs = (tmp_path / "a" / "history.csv").read_text().count("\n") - 1
    assert 0 < epochs < 40
    assert not (tmp_path / "b").exists()
    assert _run(trainings, workers=1) == [("a", 0, 1), ("b", 0, 1)]
    lines = (tmp_path / "a" / "history.csv").read_text().splitlines()
    assert len(lines) == 41


def test_none_is_started_without_time(tmp_path):
    assert _run([_training(tmp_path, "a")], seconds=0) == []
    assert not (tmp_path / "a").exists()


def test_an_error_of_the_caller_ends_all(tmp_path):
    trainings = [_training(tmp_path, name, 200) for name in "ab"]
    for training, *_ in run_concurrently(
        [_training(tmp_path, "first"), *trainings],
        60,
        workers=3,
        poll_seconds=0.01,
    ):
        assert training.name == "first"
        break
    history = tmp_path / "a" / "history.csv"
    # On a busy machine the training may have written nothing yet.
    before = history.read_text() if history.exists() else None
    time.sleep(0.3)
    assert (history.read_text() if history.exists() else None) == before


def _decided(slowdowns, epoch=10, compiling=60, max_workers=8):
    """How many at a time, if epochs beside others take so much longer.

    Second by second; a newcomer compiles for a while within its first epoch.
    """
    tuner = ConcurrencyTuner(max_workers=max_workers)
    epochs, begun, part = {}, {}, {}
    for second in range(4000):
        running = range(tuner.workers)
        for name in running:
            begun.setdefault(name, second)
            epochs.setdefault(name, [])
        training = [n for n in running if second - begun[n] >= compiling]
        for name in training:
            seconds = epoch * slowdowns[len(training) - 1]
            part[name] = part.get(name, 0) + 1 / seconds
            if part[name] >= 1:
                part[name] = 0
                first = not epochs[name]
                epochs[name].append(seconds + first * compiling)
        tuner.update({name: list(epochs[name]) for name in running})
    return tuner.workers


@pytest.mark.parametrize(
    ("slowdowns", "wanted"),
    [
        # Two at a time take twice as long: nothing is gained.
        ([1, 2, 3], 1),
        ([1, 2.5, 4], 1),
        # 5% are not worth it, 33% are.
        ([1, 1.9], 1),
        ([1, 1.5, 2.25], 2),
        ([1, 1.3, 2.3, 3.5], 2),
        ([1, 1, 1.1, 1.5], 3),
        ([1, 1.1, 1.2, 1.9], 3),
        ([1, 1, 1, 1, 1, 1, 1, 1], 8),
    ],
)
@pytest.mark.parametrize(("epoch", "compiling"), [(10, 60), (30, 180), (20, 5)])
def test_as_many_run_at_a_time_as_pay_off(slowdowns, wanted, epoch, compiling):
    assert _decided(slowdowns, epoch, compiling) == wanted


def test_no_more_are_tried_than_allowed():
    assert _decided([1, 1, 1], max_workers=3) == 3


def test_a_given_number_stays():
    tuner = ConcurrencyTuner(workers=4)
    for _ in range(10):
        tuner.update({name: [1.0] * 10 for name in range(4)})
    assert tuner.workers == 4


def test_those_that_have_ended_are_no_measure():
    tuner = ConcurrencyTuner()
    tuner.update({"a": []})
    tuner.update({"a": [1.0] * 3})
    assert tuner.workers == 2
    tuner.update({"b": [], "c": []})
    tuner.update({"b": [9.0] * 3, "c": [9.0] * 3})
    # Nothing to compare with: what one alone takes is measured first.
    assert tuner.workers == 1
    tuner.update({"b": [9.0] * 3})
    tuner.update({"b": [9.0] * 3 + [8.0] * 3})
    assert tuner.workers == 2
    tuner.update({"b": [9.0] * 3 + [8.0] * 3, "d": []})
    tuner.update({"b": [9.0] * 3 + [8.0] * 3 + [16.0] * 3, "d": [16.0] * 3})
    assert tuner.workers == 1
