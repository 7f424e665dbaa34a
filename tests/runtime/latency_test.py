import json
import os
import time

import numpy as np
import pytest

from keras_anytime.runtime import AnytimePredictor
from keras_anytime.runtime import StepLatency
from keras_anytime.runtime import latency
from keras_anytime.runtime import predictor as predictor_lib
from tests.testing import copied
from tests.testing import digits

DEVICE = latency.Device("abc", 1)


@pytest.fixture(name="path")
def _path(tiny_file, tmp_path):
    return copied(tiny_file, tmp_path)


def test_steps_are_the_differences_of_answers():
    answers = np.array([[1.0, 3.0], [2.0, 5.0], [6.0, 7.0]])
    found = StepLatency.from_answers(answers)
    assert found.median_ms == (2.0, 2.0)
    # Not the sum of the medians.
    assert found.answer_ms == (2.0, 5.0)
    assert found.p99_ms == pytest.approx(
        (np.percentile([1, 2, 6], 99), np.percentile([2, 3, 1], 99))
    )
    assert found.runs == 3


def test_latencies_are_kept_for_each_device(tmp_path):
    path = tmp_path / "net.tflite.latency.json"
    first = StepLatency((1.0, 2.0), (3.0, 4.0), (1.0, 3.0), 5)
    second = StepLatency((1.5, 2.5), (3.5, 4.5), (1.5, 4.0), 6)
    other = latency.Device("abc", 2)
    latency.write_latency(path, DEVICE, first)
    latency.write_latency(path, other, second)
    assert latency.read_latency(path, DEVICE, 2) == first
    assert latency.read_latency(path, other, 2) == second
    # Another file, or another number of stages, has to be measured anew.
    assert latency.read_latency(path, latency.Device("def", 1), 2) is None
    assert latency.read_latency(path, DEVICE, 3) is None


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "[" * 100_000,
        json.dumps({DEVICE.key: 3}),
        json.dumps({DEVICE.key: {"median_ms": [1, -2]}}),
        json.dumps(
            {
                DEVICE.key: {
                    "median_ms": ["a", 1],
                    "p99_ms": [1, 1],
                    "answer_ms": [1, 1],
                    "runs": 1,
                }
            }
        ),
    ],
)
def test_what_cannot_be_read_is_as_good_as_none(tmp_path, content):
    path = tmp_path / "latency.json"
    assert latency.read_latency(path, DEVICE, 2) is None
    path.write_text(content)
    assert latency.read_latency(path, DEVICE, 2) is None


RIGHT = {
    "median_ms": [1.0, 2.0],
    "p99_ms": [3.0, 4.0],
    "answer_ms": [1.0, 3.0],
    "runs": 5,
}


@pytest.mark.parametrize(
    "change",
    [
        *(
            {name: values}
            for name in ("median_ms", "p99_ms", "answer_ms")
            for value in (
                *(float("inf"), float("nan"), 10**400, 1e9, -1.0),
                *("1.0", True, None, [1.0]),
            )
            for values in ([1.0, value], [value, 4.0])
        ),
        {"median_ms": [1.0, 1e9], "p99_ms": [1.0, 1e9]},
        # No step takes longer than the answer that it is needed for, ...
        {"median_ms": [1.5, 2.0]},
        {"median_ms": [1.0, 3.5]},
        # ... nor usually longer than nearly always, ...
        {"p99_ms": [0.5, 4.0]},
        # ... and later stages answer later.
        {"answer_ms": [3.0, 2.0]},
        {"median_ms": [1.0]},
        {"median_ms": 1.0},
        *(
            {"runs": runs}
            for runs in (0, -1, 1.5, "5", True, None, float("inf"))
        ),
    ],
    ids=str,
)
def test_what_cannot_be_right_is_as_good_as_none(tmp_path, change):
    path = tmp_path / "latency.json"
    path.write_text(json.dumps({DEVICE.key: RIGHT}))
    assert latency.read_latency(path, DEVICE, 2).median_ms == (1.0, 2.0)
    path.write_text(json.dumps({DEVICE.key: {**RIGHT, **change}}))
    assert latency.read_latency(path, DEVICE, 2) is None


def test_what_is_measured_is_never_taken_for_wrong(tmp_path):
    rng = np.random.default_rng(0)
    path = tmp_path / "latency.json"
    for runs in (1, 2, 3, 20):
        for scale in (1e-3, 1.0, 1e3):
            steps = rng.lognormal(size=(runs, 4)) * scale
            measured = StepLatency.from_answers(steps.cumsum(axis=1))
            latency.write_latency(path, DEVICE, measured)
            assert latency.read_latency(path, DEVICE, 4) == measured


def test_no_more_is_kept_than_the_devices_of_one_file(tmp_path):
    path = tmp_path / "latency.json"
    same = StepLatency((1.0,), (1.0,), (1.0,), 1)
    other = latency.Device("abc", 2)
    for device in (DEVICE, other, latency.Device("def", 1)):
        latency.write_latency(path, device, same)
    assert latency.read_latency(path, DEVICE, 1) is None
    assert len(json.loads(path.read_text())) == 1


@pytest.mark.parametrize("kind", ["large", "pipe", "device", "folder"])
def test_no_place_of_latencies_keeps_a_predictor_waiting(path, kind):
    where = latency.latency_path(path)
    if kind == "large":
        where.touch()
        os.truncate(where, 2**40)
    elif kind == "pipe":
        os.mkfifo(where)
    elif kind == "folder":
        where.mkdir()
    else:
        where.symlink_to("/dev/zero")
    with AnytimePredictor(path) as predictor:
        assert predictor.latency is None
        if kind == "folder":
            with pytest.warns(UserWarning, match="this predictor only"):
                predictor.calibrate(repetitions=1)
        else:
            predictor.calibrate(repetitions=1)
    with AnytimePredictor(path) as later:
        assert (later.latency is None) == (kind == "folder")


def test_a_later_predictor_knows_what_was_calibrated(path):
    with AnytimePredictor(path) as predictor:
        assert predictor.latency is None
        measured = predictor.measure_latency(repetitions=5)
        assert measured.runs == 5
        assert predictor.latency is None
        answers = predictor.calibrate(repetitions=5)
        assert answers == predictor.latency.answer_ms
        assert list(answers) == sorted(answers)
    with AnytimePredictor(path) as later:
        assert later.latency == predictor.latency
    with AnytimePredictor(path, num_threads=2) as other:
        assert other.latency is None


def test_a_step_that_would_end_too_late_is_not_begun(path):
    image = digits(1)[0][0]
    with AnytimePredictor(path) as predictor:
        begun = []
        for name, step in predictor._executor.steps.items():
            predictor._executor.steps[name] = (
                lambda inputs, name=name, step=step: (
                    begun.append(name) or step(inputs)
                )
            )
        hour = 3.6e6
        predictor.latency = StepLatency((0.1, 0.1, hour), (), (), 1)
        result = predictor.predict(image, deadline_ms=hour / 2)
        assert result.stage == 2
        # It is given at once, not at the deadline.
        assert result.elapsed_ms < hour / 4
        assert begun == ["step_1", "step_2"]
        # The first step is begun always: any answer is better than none.
        predictor.latency = StepLatency((hour, hour, hour), (), (), 1)
        assert predictor.predict(image, deadline_ms=hour / 2).stage == 1
        # Without a deadline, or for batches, it has no say.
        assert predictor.predict(image).stage == 3
        batch = np.stack([image, image])
        assert predictor.predict(batch, deadline_ms=hour / 2).stage == 3


def test_what_earlier_steps_took_counts(path):
    with AnytimePredictor(path) as predictor:
        first = predictor._executor.steps["step_1"]
        predictor._executor.steps["step_1"] = lambda inputs: (
            time.sleep(0.2) or first(inputs)
        )
        # 200 ms have passed; another 900 would be too late.
        predictor.latency = StepLatency((1.0, 900.0, 1.0), (), (), 1)
        image = digits(1)[0][0]
        assert predictor.predict(image, deadline_ms=1000).stage == 1


def test_a_place_that_cannot_be_written_is_told_of(path, monkeypatch):
    def refuse(*_):
        raise PermissionError("read-only")

    monkeypatch.setattr(predictor_lib, "write_latency", refuse)
    with AnytimePredictor(path, num_threads=1) as predictor:
        with pytest.warns(UserWarning, match="this predictor only.*read-only"):
            predictor.calibrate(repetitions=1)
        assert predictor.latency is not None
        predictor.warm_up()
