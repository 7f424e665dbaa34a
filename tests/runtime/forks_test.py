"""Predictors in processes that were forked."""

import json
import os
import pickle
import signal
import threading

import numpy as np
import pytest

from keras_anytime.runtime import AnytimePredictor
from keras_anytime.runtime import LoadError
from tests.testing import copied
from tests.testing import digits
from tests.testing import run_process

pytestmark = pytest.mark.skipif(
    not hasattr(os, "fork"), reason="needs a system that forks"
)


def _in_child(function):
    """Returns what a function returns, or raises, in a forked process."""
    end, start = os.pipe()
    child = os.fork()
    if not child:
        try:
            signal.alarm(30)  # It hangs for ever, or ends here.
            try:
                found = function()
            except Exception as error:
                found = f"{type(error).__name__}: {error}"
            os.write(start, json.dumps(found).encode())
        finally:
            os._exit(0)
    os.close(start)
    with os.fdopen(end, "rb") as file:
        content = file.read()
    os.waitpid(child, 0)
    return json.loads(content)


@pytest.fixture(name="image")
def _image():
    return digits(1)[0][0]


@pytest.fixture(name="predictor")
def _predictor(tiny_file, image):
    with AnytimePredictor(tiny_file, num_threads=2) as predictor:
        predictor.predict(image)
        yield predictor


def test_a_forked_process_answers_as_its_parent(predictor, image):
    wanted = predictor.predict(image).logits.tolist()

    def ask():
        return [
            predictor.predict(image).logits.tolist(),
            predictor.predict(image, deadline_ms=20_000).logits.tolist(),
            list(predictor.stream(image))[-1].logits.tolist(),
        ]

    assert _in_child(ask) == [wanted] * 3
    assert _in_child(lambda: _in_child(ask)) == [wanted] * 3
    assert _in_child(lambda: len(predictor.calibrate(1))) == 3
    assert predictor.predict(image).logits.tolist() == wanted


def test_several_threads_of_a_forked_process_share_the_predictor(
    predictor, image
):
    def ask():
        stages = []
        callers = [
            threading.Thread(
                target=lambda: stages.append(predictor.predict(image).stage)
            )
            for _ in range(4)
        ]
        for caller in callers:
            caller.start()
        for caller in callers:
            caller.join()
        return stages

    assert _in_child(ask) == [3] * 4


def test_a_process_may_be_forked_while_others_call(predictor, image):
    wanted = predictor.predict(image).logits
    done = threading.Event()

    def keep_asking():
        while not done.is_set():
            predictor.predict(image)

    callers = [threading.Thread(target=keep_asking) for _ in range(2)]
    for caller in callers:
        caller.start()
    for _ in range(5):
        found = _in_child(lambda: predictor.predict(image).logits.tolist())
        np.testing.assert_array_equal(found, wanted)
    done.set()
    for caller in callers:
        caller.join(30)


def test_a_call_under_way_goes_on_in_the_parent_only(predictor, image):
    release = threading.Event()
    second = predictor._executor.steps["step_2"]

    def wait(inputs):
        assert release.wait(30)
        return second(inputs)

    predictor._executor.steps["step_2"] = wait
    stream = predictor.stream(image)
    assert next(stream).stage == 1
    answer = _in_child(lambda: next(stream).stage)
    assert answer.startswith("RuntimeError: The process was forked during")
    release.set()
    assert [result.stage for result in stream] == [2, 3]


def test_a_forked_process_can_close_what_it_was_given(predictor, image):
    assert _in_child(predictor.close) is None
    assert _in_child(predictor.interrupt) is None
    assert predictor.predict(image).stage == 3


def test_a_forked_process_notes_that_the_file_was_replaced(
    tiny_file, tmp_path, image
):
    path = copied(tiny_file, tmp_path)
    with AnytimePredictor(path, verify=False) as predictor:
        manifest = path.with_name(f"{path.name}.json")
        content = json.loads(manifest.read_text())
        del content["checksum"]
        manifest.write_text(json.dumps({**content, "sha256": "another"}))
        answer = _in_child(lambda: predictor.predict(image).stage)
        assert answer.startswith(LoadError.__name__)
        assert "was replaced" in answer
        path.unlink()
        answer = _in_child(lambda: predictor.predict(image).stage)
        assert answer.startswith("FileNotFoundError")


def test_a_saved_model_is_refused_in_a_forked_process(tiny_folder, image):
    with AnytimePredictor(tiny_folder) as predictor:
        predictor.predict(image)
        for call in (
            lambda: predictor.predict(image),
            lambda: predictor.predict(image, deadline_ms=5),
            lambda: list(predictor.stream(image)),
            lambda: AnytimePredictor(tiny_folder),
            lambda: pickle.loads(pickle.dumps(predictor)),
        ):
            answer = _in_child(call)
            assert answer.startswith("RuntimeError: TensorFlow does not run")
            assert "'spawn'" in answer
        assert predictor.predict(image).stage == 3


PROGRAM = """
import os, sys
from keras_anytime.runtime import AnytimePredictor

predictor = AnytimePredictor(sys.argv[1], num_threads=2)
predictor.warm_up()
child = os.fork()
if child:
    sys.exit(os.waitpid(child, 0)[1])
import signal
signal.alarm(30)
predictor.warm_up()
"""


def test_a_forked_process_ends_as_any_other(tiny_file, repository):
    run = run_process(repository, "-c", PROGRAM, tiny_file)
    assert run.returncode == 0, run.stderr
