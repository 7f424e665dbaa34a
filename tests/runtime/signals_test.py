"""Signal handlers that interrupt, or raise, while a call is under way."""

import signal
import threading

import numpy as np
import pytest

from keras_anytime.runtime import AnytimePredictor
from tests.testing import digits


class _Alarm(Exception):
    pass


@pytest.fixture(name="predictor", params=["tiny_file", "tiny_folder"])
def _predictor(request):
    path = request.getfixturevalue(request.param)
    with AnytimePredictor(path) as predictor:
        predictor.warm_up()
        yield predictor


@pytest.fixture(name="on_alarm")
def _on_alarm():
    """Sets what a signal of the timer does."""
    before = signal.getsignal(signal.SIGALRM)
    yield lambda handle: signal.signal(signal.SIGALRM, lambda *_: handle())
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


def _raise():
    raise _Alarm


def _signaled(predictor, stage):
    """Lets a stage begin no sooner than a signal has been handled.

    Returns:
        An event that lets it begin, and the names of the steps that ran.
    """
    go, ran = threading.Event(), []
    for index, (name, step) in enumerate(predictor._executor.steps.items(), 1):

        def run(inputs, index=index, name=name, step=step):
            ran.append(name)
            if index == stage and not go.is_set():
                signal.setitimer(signal.ITIMER_REAL, 1e-3)
                assert go.wait(30)
            return step(inputs)

        predictor._executor.steps[name] = run
    return go, ran


def test_a_handler_that_interrupts_gets_the_latest_answer(predictor, on_alarm):
    on_alarm(predictor.interrupt)
    go, _ = _signaled(predictor, stage=2)
    image = digits(1)[0][0]
    assert predictor.predict(image).stage == 1
    go.set()
    assert predictor.predict(image).stage == 3


@pytest.mark.parametrize("call", ["predict", "stream"])
def test_a_handler_that_raises_leaves_no_call_behind(predictor, on_alarm, call):
    on_alarm(_raise)
    go, ran = _signaled(predictor, stage=2)
    image = digits(1)[0][0]
    with pytest.raises(_Alarm):
        if call == "predict":
            predictor.predict(image)
        else:
            list(predictor.stream(image))
    go.set()
    assert predictor.predict(image).stage == 3
    # The third step of the first call was never begun.
    assert ran == [*("step_1", "step_2"), *("step_1", "step_2", "step_3")]


@pytest.mark.parametrize("handler", ["interrupt", "raise"])
def test_signals_may_come_at_any_moment(tiny_file, on_alarm, handler):
    rng = np.random.default_rng(0)
    image = digits(1)[0][0]
    with AnytimePredictor(tiny_file) as predictor:
        wanted = predictor.predict(image).logits
        on_alarm(predictor.interrupt if handler == "interrupt" else _raise)
        alarms = 0
        for _ in range(1000):
            try:
                signal.setitimer(signal.ITIMER_REAL, rng.uniform(2e-5, 4e-4))
                result = predictor.predict(image)
                streamed = list(predictor.stream(image))
                signal.setitimer(signal.ITIMER_REAL, 0)
            except _Alarm:
                alarms += 1
                continue
            alarms += result.stage < 3 or len(streamed) < 3
            if result.stage == 3:
                np.testing.assert_array_equal(result.logits, wanted)
        assert alarms
        assert not predictor._executor.jobs
        assert predictor.predict(image).stage == 3


def test_a_handler_that_raises_while_closing_ends_no_step(predictor, on_alarm):
    on_alarm(_raise)
    started, go, ended = threading.Event(), threading.Event(), []
    second = predictor._executor.steps["step_2"]

    def run(inputs):
        started.set()
        assert go.wait(30)
        outputs = second(inputs)
        ended.append(True)
        return outputs

    predictor._executor.steps["step_2"] = run
    stream = predictor.stream(digits(1)[0][0])
    assert next(stream).stage == 1
    assert started.wait(30)
    signal.setitimer(signal.ITIMER_REAL, 0.02)
    with pytest.raises(_Alarm):
        predictor.close()
    assert not ended
    threading.Timer(0.05, go.set).start()
    # It still waits for the step, as the end of the program would.
    predictor.close()
    assert ended


def test_a_predictor_may_be_closed_at_any_moment(tiny_file, on_alarm):
    rng = np.random.default_rng(0)
    image = digits(1)[0][0]
    for _ in range(50):
        predictor = AnytimePredictor(tiny_file)
        on_alarm(predictor.close)
        signal.setitimer(signal.ITIMER_REAL, rng.uniform(1e-5, 1e-3))
        with pytest.raises(ValueError, match="closed"):
            while True:
                predictor.predict(image)
                list(predictor.stream(image))
        assert not predictor._executor.jobs
        assert not predictor._executor.steps
